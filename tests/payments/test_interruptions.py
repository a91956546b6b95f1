"""Orders while the process is killed between any two of their steps, and while the database ends connections or crashes."""

import asyncio
import json
import os
import signal
import sys
import time
import traceback

import aiohttp
import asyncpg
import pytest

from chatserver import credits
from chatserver.database import Database, load_queries, migrations
from chatserver.errors import Busy
from chatserver.payments import auditor, service
from chatserver.payments.processing import PaymentProcessor, PaymentReconciler, open_gateways
from chatserver.privacy import erasure
from chatserver.runtime import failpoints, paths
from tests.emulators import payments
from tests.payments.test_orders import configured, placed
from tests.support import postgres
from tests.support.people import make_user, run_sql


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture
async def till(database, emulator):
    processor = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
    yield processor
    await processor.close()
    assert await database.run_system(auditor.check) == []
    assert await database.run_system(credits.check) == []


async def _pay(url):
    async with aiohttp.ClientSession() as client, client.post(url, data={"go": "stay"}) as answer:
        assert answer.status == 200


def _report_of(order):
    event = {"type": "checkout.session.completed", "data": {"object": {"id": order.gateway_id}}}
    body, moment = json.dumps(event).encode(), str(int(time.time()))
    signature = payments.hexadecimal(payments.STRIPE_SECRET, moment.encode() + b"." + body)
    return {"stripe-signature": f"t={moment},v1={signature}"}, body


async def sell_and_give_back(database, till, user):
    """All that happens to the money of one order: placed, paid, reported, looked at, given back in part and as a whole."""
    order = await till.open_page(await database.run_system(service.place, user, "pro", None, "stripe", "test"))
    await _pay(order.gateway_url)
    await till.receive_report("stripe", *_report_of(order))
    order = await till.refresh(await database.run_system(service.find, order.id))
    order = await till.refund(order, 900)
    await till.refund(order, 9000)


async def give_back_to_nobody(database, till, user):
    """An order that is paid after its account was closed."""
    order = await till.open_page(await database.run_system(service.place, user, "pro", None, "stripe", "test"))
    await database.run_system(erasure.close_account, user)
    await _pay(order.gateway_url)
    await till.settle(order)


def killed_at(step, story, url, config, user):
    """Runs a story in a process of its own, which ends at a step of it; whether it did."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    try:
        failpoints._crash_at = lambda: step
        asyncio.run(_in_child(story, url, config, user))
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(0)


class Nobody:
    def publish(self, announcements):
        pass


async def _in_child(story, url, config, user):
    database = Database(url, load_queries(paths.SQL / "queries"), Nobody())
    await database.connect()
    await story(database, PaymentProcessor(database, open_gateways(config), "test", "http://localhost"), user)


@pytest.mark.parametrize("story", [sell_and_give_back, give_back_to_nobody], ids=lambda story: story.__name__)
async def test_an_order_survives_a_kill_between_any_two_of_its_steps(
    story, database, database_url, till, emulator, monkeypatch
):
    steps, user = [], await make_user(database)
    with monkeypatch.context() as recorded:
        recorded.setattr(failpoints, "_crash_at", lambda: "none")
        recorded.setattr(failpoints, "at", lambda step: step in steps or steps.append(step))
        await story(database, till, user)
    assert len(steps) > 12
    for step in steps:
        user = await make_user(database)
        arguments = (step, story, database_url, configured(emulator), user)
        assert await asyncio.to_thread(killed_at, *arguments), step
        orders = await run_sql(database, "SELECT id FROM orders WHERE user_id = $1", user)
        for order in [await database.run_system(service.find, row["id"]) for row in orders]:
            if order.state == "open":
                await recover(till, emulator, order)
        await run_sql(database, "UPDATE orders SET ask_at = now() WHERE ask_at IS NOT NULL")
        await PaymentReconciler(till, database).run_once()
        for row in orders:
            await agrees(database, till, emulator, await database.run_system(service.find, row["id"]))


async def recover(till, emulator, order):
    """What the person does: the page of payment once more, and paying there, if they have not."""
    order = await till.open_page(order)
    emulator.pay(order.gateway_id)
    assert emulator.page_of(order.id) == order.gateway_id


async def agrees(database, till, emulator, order):
    """The money is there once, and so is what was bought; what was asked back is back once, also when it is asked again."""
    [row] = await run_sql(database, "SELECT count(*) AS bought FROM purchases WHERE reference = $1", order.id)
    [paid, *back] = emulator.money[order.id]
    assert paid == order.amount
    assert order.refunded == -sum(back)
    assert order.state in {"fulfilled", "refunded"}
    assert row["bought"] == (1 if order.purchase_id else 0)
    assert order.purchase_id or order.state == "refunded"
    assert sorted(back) in ([], [-900], [-9000, -900], [-9900])


async def test_a_database_that_throws_everybody_out_grants_once(
    database, database_url, postgres_server, till, emulator
):
    orders = [
        await placed(database, till, await make_user(database), gateway) for gateway in ("stripe", "razorpay") * 3
    ]
    for order in orders:
        emulator.pay(order.gateway_id)
    await run_sql(database, "UPDATE orders SET ask_at = now()")
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    ends = asyncio.create_task(throw_out(admin))
    outcomes = []
    for _ in range(3):
        sides = [till.receive_report(*emulator.report(order.gateway_id)) for order in orders]
        sides += [till.settle(order) for order in orders] + [PaymentReconciler(till, database).run_once()]
        outcomes += await asyncio.gather(*sides, return_exceptions=True)
    ends.cancel()
    await asyncio.gather(ends, return_exceptions=True)
    await admin.close()
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    assert all(isinstance(each, Busy) for each in failed)
    await ask_about_all_that_are_open(database, till)
    for order in orders:
        await granted_once(database, order)


async def test_a_database_that_crashes_in_the_middle_grants_once(emulator):
    async with postgres.durable_server() as server:
        await migrations.migrate(server.url)
        database = Database(server.url, load_queries(paths.SQL / "queries"), Nobody())
        await database.connect()
        till = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
        orders = [
            await placed(database, till, await make_user(database), gateway) for gateway in ("stripe", "razorpay") * 10
        ]
        for order in orders:
            emulator.pay(order.gateway_id)
        crashes, outcomes = asyncio.create_task(postgres.crash(server)), []
        while not crashes.done():
            sides = [till.receive_report(*emulator.report(order.gateway_id)) for order in orders]
            outcomes += await asyncio.gather(*sides, *map(till.settle, orders), return_exceptions=True)
        await crashes
        # None, where each was tried again until the database was back.
        failed = [each for each in outcomes if isinstance(each, BaseException)]
        assert all(isinstance(each, Busy) for each in failed)
        # What could not be heard is asked for, as after any restart.
        await ask_about_all_that_are_open(database, till)
        for order in orders:
            await granted_once(database, order)
        assert await database.run_system(auditor.check) == []
        assert await database.run_system(credits.check) == []
        await till.close()
        await database.close()


async def ask_about_all_that_are_open(database, till):
    """As a worker does: in another round, where the database was busy in one."""
    async with asyncio.timeout(120):
        while await run_sql(database, "UPDATE orders SET ask_at = now() WHERE state = 'open' RETURNING id"):
            await PaymentReconciler(till, database).run_once()


async def granted_once(database, order):
    [row] = await run_sql(
        database,
        "SELECT (SELECT count(*) FROM purchases WHERE user_id = $1) AS bought,"
        " (SELECT count(*) FROM user_sessions WHERE user_id = $1) AS sessions",
        order.user_id,
    )
    assert (row["bought"], row["sessions"]) == (1, 1)


async def throw_out(admin):
    """Ends every connection of the others, again and again: each unit of work may be cut off at any of its statements."""
    while True:
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.03)
