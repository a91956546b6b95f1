"""A history with everything in it, made by using the product and then spread over some days, for the operator's figures."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg

from chatserver import rollups, sessions
from chatserver.audit import COMMAND_LINE
from chatserver.privacy import erasure
from tests.emulators.huggingface import Fail, Ok
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.product import Product
from tests.support.story import ApiUser, sign_up

BERLIN = ZoneInfo("Europe/Berlin")
CODE = re.compile(r"\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b")
SMALL = {"width": 64, "height": 64}
EVER = datetime(9000, 1, 1, tzinfo=UTC)
# Whatever says when something was; each row is moved by days of its own.
TIMES = {
    "generation_attempts": ("started_at", "ended_at"),
    "reply_calls": ("ended_at",),
    "credit_entries": ("created_at",),
    "revenue_entries": ("at",),
    "purchases": ("created_at",),
    "user_sessions": ("expires_at",),
}


@dataclass
class Eventful:
    """The product after all of it and its people; `outcomes` are the calls of providers as we counted them."""

    product: Product
    people: dict[str, ApiUser]
    outcomes: Counter[str] = field(default_factory=Counter)


async def live(product, database, emulator, payments_emulator):
    """Makes the history."""
    names = ("Grace", "Ada", "Bob", "Cleo", "Dan")
    people = {name: await sign_up(product, name) for name in names}
    grace, ada, bob, cleo, dan = people.values()
    past = Eventful(product, people)
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with opened(grace) as operator:
        await _set_prices(operator)
        session = await ada.buys("pro")
        flash = await bob.buys("flash")
        await _make(past, emulator, ada, session)
        await _switch(operator, "huggingface", "pause")
        await _paint(past, bob, flash)
        await _switch(operator, "huggingface", "resume")
        await _sell(past, operator, cleo, payments_emulator, database)
        await _moderate(operator, cleo, ada, session, database)
        await _delete_account(past, database, dan)
        await _stay_away(bob, database)
    # As the process reports itself every few seconds.
    await until(database, "SELECT FROM processes WHERE connections = 0")
    return past


async def _set_prices(operator):
    page = "/admin/money"
    price = {"provider": "huggingface", "model": "", "counted": "image/picture", "currency": "USD", "amount": "0.04"}
    await operator.fills(page, f"{page}/prices", **price)
    of_replies = {"provider": "openai-chat", "counted": "reply/token", "amount": "0.000002"}
    await operator.fills(page, f"{page}/prices", **{**price, **of_replies})
    rate = {"rate_currency": "USD", "rate": "88.5", "rate_valid_from": "2020-01-01"}
    await operator.fills(page, f"{page}/rates", **rate)
    await operator.fills(page, f"{page}/flat-prices", subscription="", machine="1200", flat_currency="INR")


async def _switch(operator, name, lever):
    path = "/admin/work"
    token = (await operator.visit("/settings")).forms["/sign-out"]["csrf_token"]
    assert (await operator.post(f"{path}/providers/{name}/{lever}", {"csrf_token": token})).status == 303


async def _make(past, emulator, ada, session):
    """Pictures of a service that costs money: done, refused, down, cancelled, made again, deleted; and a reply."""
    chat = await ada.joins(session)
    emulator.wish("a refusal", Fail(400, {"error": "The prompt was flagged by our content policy"}))
    emulator.wish("a mistake", Fail(422))
    emulator.wish("a fault", Fail(500))
    emulator.wish("a slow one", Ok(seconds=120))
    done = await chat.sees_ended(await chat.generates("a fox", count=2, **SMALL))
    past.outcomes["done"] += 2
    # After a fault the next provider makes it.
    for prompt, outcomes in (("a refusal", ["failed"]), ("a mistake", ["failed"]), ("a fault", ["failed", "done"])):
        ended = await chat.sees_ended(await chat.generates(prompt, **SMALL))
        assert ended["generations"][0]["status"] == outcomes[-1], ended
        past.outcomes.update(outcomes)
    slow = await chat.generates("a slow one", **SMALL)
    await chat.sees(lambda m: m["id"] == slow["id"] and m["generations"][0]["status"] != "queued")
    await chat.asks("generation.cancel", generation_id=slow["generations"][0]["id"])
    await chat.sees_ended(slow)
    past.outcomes["cancelled"] += 1
    first, second = (each["id"] for each in done["generations"])
    again = (await chat.asks("generation.retry", generation_id=first))["generation"]["id"]
    await chat.sees(lambda m: any(g["id"] == again and g["status"] == "done" for g in m["generations"]))
    past.outcomes["done"] += 1
    await chat.asks("generation.delete", generation_id=second)
    await chat.says("What is a fox?")
    await chat.sees(lambda m: m["author"]["kind"] == "assistant" and m["status"] == "done")
    await chat.leaves()


async def _paint(past, bob, session):
    """What the built-in painter makes."""
    chat = await bob.joins(session)
    await chat.sees_ended(await chat.generates("an owl", **SMALL))
    past.outcomes["done"] += 1
    await chat.leaves()


async def _sell(past, operator, cleo, payments_emulator, database):
    """Sales by hand, by codes with and without a price, by a payment service in test mode; refunds; a trial is free."""
    for plan in ("pro", "flash"):
        await operator.fills(f"/admin/people/{cleo.id}", f"/admin/people/{cleo.id}/grant", plan_id=plan)
    [sale] = await run_sql(database, "SELECT id FROM purchases WHERE user_id = $1 AND plan_id = 'pro'", cleo.id)
    refund = f"/admin/money/sales/{sale['id']}/refund"
    await operator.fills("/admin/money", refund, amount="9.50", reason="late")
    for price in ("49", ""):
        made = await operator.fills(
            "/admin/codes", "/admin/codes", plan_id="flash", count="3", expires="90d", price=price, note="a fair"
        )
        first, *_ = CODE.findall(made.text)
        await cleo.call("POST", "/codes/redeem", {"code": first})
    async with opened(cleo) as browser:
        form = (await browser.visit("/plans")).forms["/orders"]
        await browser.post("/orders", {**form, "gateway": "stripe", "plan_id": "pro"}, follow=True)
    [order] = await run_sql(database, "SELECT id, gateway_id FROM orders")
    payments_emulator.pay(order["gateway_id"])
    gateway, headers, body = payments_emulator.report(order["gateway_id"])
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{past.product.url}/webhooks/{gateway}", data=body, headers=headers) as answer,
    ):
        assert answer.status == 200
    await until(database, "SELECT FROM orders WHERE state = 'fulfilled'")


async def _moderate(operator, cleo, ada, session, database):
    """Two reports: one picture is hidden and restored, the other report waits."""
    await cleo.accepts(await ada.invites(session))
    pictures = await run_sql(
        database, "SELECT id FROM assets WHERE session_id = $1 AND status = 'stored' ORDER BY id", session["id"]
    )
    for picture in pictures:
        await cleo.call("POST", f"/assets/{picture['id']}/reports", {"kind": "other"})
    target = str(pictures[0]["id"])
    await operator.fills("/admin/reports", f"/admin/reports/{target}/hide", reason="to be looked at")
    await operator.fills("/admin/reports?state=decided", f"/admin/reports/{target}/restore", reason="it was nothing")


async def _delete_account(past, database, dan):
    """Somebody who has bought and made something, and is gone with all of it."""
    session = await dan.buys("flash-lite")
    await database.run_system(_sell_by_hand, dan.id)
    chat = await dan.joins(session)
    await chat.sees_ended(await chat.generates("a refusal", **SMALL))
    past.outcomes["failed"] += 1
    await chat.leaves()
    await database.run_system(erasure.close_account, dan.id)
    while await run_sql(database, "SELECT FROM users WHERE id = $1", dan.id):
        await database.run_system(erasure.remove_closed_account)


async def _stay_away(bob, database):
    """A browser that was not used for so long that it is signed in no more."""
    async with opened(bob) as browser:
        await browser.visit("/sessions")
    await run_sql(database, "UPDATE sign_ins SET last_used_at = now() - '15 days'::interval WHERE user_id = $1", bob.id)


async def _sell_by_hand(tx, user_id):
    await sessions.grant(tx, user_id, "pro", None)


async def until(database, statement, *values):
    """Waits until there is such a row."""
    async with asyncio.timeout(60):
        while not await run_sql(database, statement, *values):
            await asyncio.sleep(0.05)


def change_of_clocks(now):
    """The last hour before `now` that Berlin's clocks showed twice, or that they left out: when it began."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    while hour.astimezone(BERLIN).utcoffset() == (hour - timedelta(hours=1)).astimezone(BERLIN).utcoffset():
        hour -= timedelta(hours=1)
    return hour


async def spread(database, admin_url, now):
    """Moves each row to a time of its own: some are left where they are, some go to the edges of days of UTC and of Berlin,
    some around a change of the clocks, some to long ago. What was summed up is summed up again."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    berlin = now.astimezone(BERLIN).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    change, second = change_of_clocks(now), timedelta(seconds=1)
    moments = [
        *(None, midnight - second, berlin - timedelta(days=1), berlin - second - timedelta(days=3)),
        *(
            change - timedelta(minutes=30),
            change + timedelta(minutes=30),
            now - timedelta(days=9),
            now - timedelta(days=45),
        ),
    ]
    connection = await asyncpg.connect(admin_url)
    try:
        # Statements are kept as they are by triggers: here they are moved as if time had passed.
        await connection.execute("SET session_replication_role = replica")
        for table, columns in TIMES.items():
            for number, [place] in enumerate(await connection.fetch(f"SELECT ctid FROM {table} ORDER BY id")):
                moment = moments[number % len(moments)]
                if moment is not None:
                    last = columns[-1]
                    moved = ", ".join(f"{each} = {each} + ($2::timestamptz - {last})" for each in columns)
                    await connection.execute(f"UPDATE {table} SET {moved} WHERE ctid = $1", place, moment)
        # The books have the time of the purchase.
        await connection.execute("UPDATE purchases p SET created_at = e.at FROM revenue_entries e WHERE e.id = p.id")
    finally:
        await connection.close()
    await database.run_system(rollups.rebuild, COMMAND_LINE)
    while await database.run_system(rollups.roll_up_next, EVER):
        pass
