"""Orders against both gateways: what was paid for is granted once, whoever says so and however often; and money that goes
back takes the unused time with it. The emulator's own record of money is the judge."""

import asyncio
import random
import time
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from chatserver import credits, ids, sessions
from chatserver.audit import Actor
from chatserver.config import load
from chatserver.costs import refunds
from chatserver.errors import ConfigurationError, Conflict, GatewayFailed, Invalid, NotAllowed, NotFound, RateLimited
from chatserver.events import user_channel
from chatserver.payments import auditor, razorpay, service, settlement
from chatserver.payments.base import BadSignature
from chatserver.payments.events import PaymentNotice
from chatserver.payments.processing import PaymentProcessor, PaymentReconciler, open_gateways
from chatserver.privacy import erasure
from chatserver.runtime import clock
from tests.emulators import payments
from tests.support import shop
from tests.support.people import make_session, make_user, run_sql

GATEWAYS = ("stripe", "razorpay")


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


def configured(emulator, **more):
    return load({**shop.settings_of(emulator.url), **more})


@pytest.fixture
async def till(database, emulator):
    """The product's side of both gateways; afterwards every book agrees with the gateways' own record."""
    processor = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
    yield processor
    await processor.close()
    emulator.is_down = False
    assert await database.run_system(auditor.check) == []
    assert await database.run_system(credits.check) == []
    for row in await run_sql(database, "SELECT * FROM orders"):
        kept = sum(emulator.money[row["id"]])
        if row["purchase_id"] is not None:
            assert kept == row["amount"] - row["refunded"]


@pytest.fixture
async def ada(database):
    return await make_user(database, "Ada")


async def placed(database, till, user, gateway="stripe", plan="flash", session=None):
    order = await database.run_system(service.place, user, plan, session, gateway, "test")
    return await till.open_page(order)


async def granted(database, order):
    """(Purchases, sessions) of the order's person."""
    [row] = await run_sql(
        database,
        "SELECT (SELECT count(*) FROM purchases WHERE user_id = $1) AS bought,"
        " (SELECT count(*) FROM user_sessions WHERE user_id = $1) AS sessions",
        order.user_id,
    )
    return row["bought"], row["sessions"]


async def outcomes(database, order):
    rows = await run_sql(database, "SELECT outcome FROM payment_events WHERE order_id = $1 ORDER BY at", order.id)
    return [row["outcome"] for row in rows if row["outcome"] != "accepted"]


async def bad_signatures(database):
    """How many there have been, which are of no order, and the rows that count them."""
    [row] = await run_sql(
        database,
        "SELECT coalesce(sum(count), 0) AS times, count(*) AS rows FROM payment_events WHERE outcome = 'bad-signature'",
    )
    return row


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_reports_returns_and_the_reconciler_together_grant_once(database, till, emulator, ada, gateway):
    order = await placed(database, till, ada, gateway)
    assert await till.settle(order) == await database.run_system(service.find, order.id)
    assert await granted(database, order) == (0, 0)
    emulator.pay(order.gateway_id)
    await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order.id)
    reconciler = PaymentReconciler(till, database)
    many = [till.receive_report(*emulator.report(order.gateway_id)) for _ in range(40)]
    many += [till.settle(order) for _ in range(40)] + [reconciler.run_once() for _ in range(20)]
    random.Random(1).shuffle(many)
    await asyncio.gather(*many)
    assert await granted(database, order) == (1, 1)
    paid = await database.run_system(service.find, order.id)
    assert (paid.state, paid.purchase_id, paid.amount) == ("fulfilled", order.id, 4900)
    session = await database.run_system(sessions.find, paid.granted_session_id)
    assert (session.plan_id, session.credits.image.limit) == ("flash", 8)
    await till.receive_report(*emulator.report(order.gateway_id))
    assert await granted(database, order) == (1, 1)


async def test_what_is_reported_by_nobody_is_found_within_a_minute(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    reconciler = PaymentReconciler(till, database)
    emulator.is_down = True
    await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order.id)
    assert await reconciler.run_once() >= 1
    [row] = await run_sql(
        database, "SELECT extract(epoch FROM ask_at - now()) AS wait FROM orders WHERE id = $1", order.id
    )
    assert 0 < row["wait"] <= 60
    emulator.is_down = False
    await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order.id)
    await reconciler.run_once()
    assert await granted(database, order) == (1, 1)


async def test_an_answer_that_nobody_expects_keeps_no_other_order_from_being_asked_about(
    database, till, emulator, ada, monkeypatch
):
    odd, paid = await placed(database, till, ada, "stripe"), await placed(database, till, ada, "razorpay")
    emulator.pay(paid.gateway_id)
    await run_sql(database, "UPDATE orders SET ask_at = now() WHERE user_id = $1", ada)

    async def answer_oddly(order):
        raise KeyError(order.id)

    monkeypatch.setattr(till.gateways["stripe"], "fetch_status", answer_oddly)
    assert await PaymentReconciler(till, database).run_once() >= 2
    assert await granted(database, paid) == (1, 1)
    assert (await database.run_system(service.find, odd.id)).state == "open"


async def test_a_page_is_made_once_and_again_after_the_gateway_was_down(database, till, emulator, ada):
    for gateway in GATEWAYS:
        order = await database.run_system(service.place, ada, "flash", None, gateway, "test")
        emulator.is_down = True
        with pytest.raises(GatewayFailed):
            await till.open_page(order)
        emulator.is_down = False
        # The answer of the first call was lost: the gateway has made the page, and we do not know it.
        first = await till.gateways[gateway].open_page(order, "http://localhost")
        again = await till.open_page(order)
        assert (again.gateway_id, again.gateway_url) == (first.id, first.url)


async def test_the_plan_is_granted_as_it_was_sold(database, till, emulator, ada):
    order = await placed(database, till, ada)
    await run_sql(
        database, "UPDATE session_config SET minutes = 5, price_amount = 490, available = false WHERE id = 'flash'"
    )
    try:
        emulator.pay(order.gateway_id)
        order = await till.settle(order)
    finally:
        await run_sql(
            database, "UPDATE session_config SET minutes = 120, price_amount = 49, available = true WHERE id = 'flash'"
        )
    session = await database.run_system(sessions.find, order.granted_session_id)
    assert (session.expires_at - session.started_at).total_seconds() == pytest.approx(7200, abs=5)
    [row] = await run_sql(database, "SELECT amount, checkout FROM purchases WHERE id = $1", order.id)
    assert (row["amount"], row["checkout"]) == (Decimal(49), "stripe")


async def test_a_session_is_extended_and_one_that_is_gone_becomes_a_new_one(database, till, emulator, ada):
    kept, gone = await make_session(database, ada), await make_session(database, ada)
    orders = [await placed(database, till, ada, session=session) for session in (kept, gone)]
    before = (await database.run_system(sessions.find, kept)).expires_at
    await run_sql(database, "UPDATE user_sessions SET status = 'deleted', deleted_at = now() WHERE id = $1", gone)
    for order in orders:
        emulator.pay(order.gateway_id)
    first, second = [await till.settle(order) for order in orders]
    assert first.granted_session_id == kept
    assert ((await database.run_system(sessions.find, kept)).expires_at - before).total_seconds() == pytest.approx(7200)
    assert second.granted_session_id not in {kept, gone}


async def test_paid_after_it_had_expired_is_granted_and_listed(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.close_page(order.gateway_id)
    assert (await till.settle(order)).state == "expired"
    emulator.pages[order.gateway_id]["status"] = "open"
    emulator.pay(order.gateway_id)
    await till.receive_report(*emulator.report(order.gateway_id))
    assert await granted(database, order) == (1, 1)
    assert await outcomes(database, order) == ["paid-late"]


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"amount_total": 100}, "wrong-amount"),
        ({"currency": "usd"}, "wrong-currency"),
        ({"livemode": True}, "wrong-mode"),
        ({"client_reference_id": "another"}, "wrong-order"),
    ],
)
async def test_what_is_not_the_orders_own_grants_nothing_and_is_listed(database, till, emulator, ada, change, outcome):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    page = emulator.pages[order.gateway_id]
    before = {name: page[name] for name in change}
    page.update(change)
    for _ in range(2):
        await till.receive_report(*emulator.report(order.gateway_id))
    assert await granted(database, order) == (0, 0)
    assert await outcomes(database, order) == [outcome]
    page.update(before)
    await till.settle(order)
    assert await granted(database, order) == (1, 1)


async def test_an_order_of_test_mode_is_not_granted_on_a_live_installation(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    answer = await till.gateways["stripe"].fetch_status(order)
    for claimed in (answer, msgspec.structs.replace(answer, is_live=True)):
        assert (await database.run_system(settlement.settle, order.id, claimed, "live")).state == "open"
    await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order.id)
    assert order.id not in [each.id for each in await database.run_system(service.claim, GATEWAYS, "live", 100)]
    await till.settle(order)


async def test_an_unsigned_report_is_refused_and_asks_the_gateway_nothing(database, till, emulator, ada, monkeypatch):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    calls, before = len(emulator.calls), await bad_signatures(database)
    name, headers, body = emulator.report(order.gateway_id)
    # The clock stands still: what is too new by a second would be good in the next one.
    now = time.time()
    monkeypatch.setattr(clock, "seconds", lambda: float(int(now)))
    old = emulator.report(order.gateway_id, at=now - 301)
    future = emulator.report(order.gateway_id, at=now + 301)
    # Of another gateway, of another secret, changed, without a signature, too old, too new.
    forged = payments.hexadecimal("", b"0." + body)
    wrong = [
        ("razorpay", headers, body),
        ("razorpay", {"x-razorpay-signature": payments.hexadecimal("", body)}, body),
        (name, headers, body + b" "),
        (name, {}, body),
        (name, {"stripe-signature": f"t=0,v1={forged}"}, body),
        (name, {"stripe-signature": "t=1,t=2,v1=é"}, body),
        old,
        future,
    ]
    for report in wrong:
        with pytest.raises(BadSignature):
            await till.receive_report(*report)
    assert len(emulator.calls) == calls
    assert await granted(database, order) == (0, 0)
    after = await bad_signatures(database)
    assert after["times"] - before["times"] == len(wrong)
    assert after["rows"] <= 4
    await till.settle(order)


async def test_a_report_is_taken_whatever_the_clock_of_this_machine_says(database, till, emulator, ada, monkeypatch):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    report, wrong = emulator.report(order.gateway_id), time.time() + 7200
    monkeypatch.setattr(time, "time", lambda: wrong)
    await till.receive_report(*report)
    assert await granted(database, order) == (1, 1)


async def test_a_flood_of_unsigned_reports_is_counted_by_one_unit_of_work_at_a_time(database, till, monkeypatch):
    running, most, count = 0, 0, service.count

    async def counted(tx, *args):
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        await count(tx, *args)
        running -= 1

    monkeypatch.setattr(service, "count", counted)
    before = await bad_signatures(database)
    refused = await asyncio.gather(
        *(till.receive_report("stripe", {}, b"{}") for _ in range(200)), return_exceptions=True
    )
    assert {type(each) for each in refused} == {BadSignature}
    after = await bad_signatures(database)
    assert (after["times"] - before["times"], most) == (200, 1)


def signed(body, gateway="stripe"):
    """A report of any bytes, signed as the gateway signs."""
    if gateway == "razorpay":
        return gateway, {"x-razorpay-signature": payments.hexadecimal(payments.RAZORPAY_SECRET, body)}, body
    moment = str(int(time.time()))
    digits = payments.hexadecimal(payments.STRIPE_SECRET, moment.encode() + b"." + body)
    return gateway, {"stripe-signature": f"t={moment},v1={digits}"}, body


STRANGE = [
    b"",
    b"null",
    b"[]",
    b"\xff\xfe",
    b'"\\ud800"',
    b'{"type": "a\\u0000b", "event": "a\\u0000b", "data": {"object": {"id": "a\\u0000b"}},'
    b' "payload": {"payment": {"entity": {"id": "a\\u0000b"}}}}',
    b'{"type": 7, "event": {}, "data": {"object": [1e400, -1]}, "payload": {"payment": {"entity": 9}}}',
    b'{"data": {"object": {"id": "' + b"x" * 100_000 + b'"}}}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_signed_report_of_anything_is_one_of_no_order_and_never_a_fault(database, till, gateway):
    """An account at a gateway may sell other things too: what it reports of them is counted by the hour."""
    for body in STRANGE:
        try:
            await till.receive_report(*signed(body, gateway))
        except BadSignature as error:
            assert "not JSON" in error.message
    [row] = await run_sql(
        database,
        "SELECT count(*) AS rows, sum(count) AS times FROM payment_events WHERE gateway = $1 AND outcome = 'unknown-order'",
        gateway,
    )
    assert (row["rows"], row["times"] >= 4) == (1, True)


@pytest.mark.parametrize("amount", [4900.0, "4900", True, None, -4900, 10**30])
async def test_an_amount_that_is_not_the_orders_own_number_grants_nothing(database, till, emulator, ada, amount):
    for gateway, field in (("stripe", "amount_total"), ("razorpay", "amount_paid")):
        order = await placed(database, till, ada, gateway)
        emulator.pay(order.gateway_id)
        page = emulator.pages[order.gateway_id]
        page[field], own = amount, page[field]
        await till.receive_report(*emulator.report(order.gateway_id))
        assert await granted(database, order) == (0, 0)
        page[field] = own
        page["currency"] = page["currency"].swapcase()
        await till.settle(order)
        assert (await database.run_system(service.find, order.id)).state == "fulfilled"
        await run_sql(database, "UPDATE purchases SET user_id = $1", await make_user(database))
        await run_sql(database, "UPDATE user_sessions SET user_id = (SELECT max(id::text)::uuid FROM users)")


async def test_a_page_that_would_close_too_soon_is_not_made(database, till, emulator, ada):
    for gateway in GATEWAYS:
        order = await database.run_system(service.place, ada, "flash", None, gateway, "test")
        await run_sql(database, "UPDATE orders SET expires_at = now() + interval '30 min' WHERE id = $1", order.id)
        pages = len(emulator.pages)
        with pytest.raises(Conflict):
            await till.open_page(await database.run_system(service.find, order.id))
        assert len(emulator.pages) == pages
        assert (await database.run_system(service.find, order.id)).state == "expired"


async def test_receipts_of_each_mode_are_numbered_from_one_without_gaps(own_database, emulator):
    till = PaymentProcessor(own_database, open_gateways(configured(emulator)), "test", "http://localhost")
    ada = await make_user(own_database, "Ada")
    sold = await placed(own_database, till, ada)
    emulator.pay(sold.gateway_id)
    await till.settle(sold)
    await run_sql(own_database, "UPDATE orders SET mode = 'live' WHERE id = $1", sold.id)
    orders = [await placed(own_database, till, ada) for _ in range(3)]
    for order in orders:
        emulator.pay(order.gateway_id)
    settled = await asyncio.gather(*(till.settle(order) for order in orders))
    await till.close()
    assert sorted(order.receipt_number for order in settled) == [1, 2, 3]


async def test_an_account_that_is_closed_in_the_middle_of_a_grant_has_its_money_back(
    database, till, emulator, ada, monkeypatch
):
    order, grant = await placed(database, till, ada), settlement._grant
    emulator.pay(order.gateway_id)

    async def grant_and_lose(tx, *args):
        session = await grant(tx, *args)
        await database.run_system(erasure.close_account, ada)
        return session

    monkeypatch.setattr(settlement, "_grant", grant_and_lose)
    with pytest.raises(Conflict):
        await till.settle(order)
    assert await granted(database, order) == (0, 0)
    await till.settle(order)
    assert emulator.money[order.id] == [4900, -4900]


@pytest.mark.parametrize("refused", [Conflict, NotAllowed, NotFound])
async def test_what_cannot_be_granted_now_is_no_error_of_a_report_or_a_page_and_is_granted_later(
    database, till, emulator, ada, monkeypatch, refused
):
    order, grant = await placed(database, till, ada), settlement._grant
    emulator.pay(order.gateway_id)

    async def refuse(*_):
        raise refused

    monkeypatch.setattr(settlement, "_grant", refuse)
    await till.receive_report(*emulator.report(order.gateway_id))
    assert (await till.refresh(order)).state == "open"
    with pytest.raises(refused):
        await till.settle(order)
    monkeypatch.setattr(settlement, "_grant", grant)
    assert (await till.settle(order)).state == "fulfilled"


async def test_an_address_that_somebody_comes_back_to_is_signed_for_their_own_order(database, till, emulator, ada):
    first, second = [await placed(database, till, ada, "razorpay") for _ in range(2)]
    queries = []
    for order in (first, second):
        emulator.pay(order.gateway_id)
        queries.append(dict(parse_qsl(urlsplit(emulator.return_address(order.gateway_id)).query)))
    gateway, (own, other) = till.gateways["razorpay"], queries
    assert gateway.is_return_signed(first, own)
    assert gateway.is_return_signed(first, {})
    wrong = [other, {**own, "razorpay_payment_id": "pay_x"}, {**own, "razorpay_signature": ""}]
    wrong += [{name: value for name, value in own.items() if name != left_out} for left_out in own]
    wrong += [{**own, "razorpay_payment_link_id": second.gateway_id}]
    assert [query for query in wrong if gateway.is_return_signed(first, query)] == []


async def test_both_secrets_hold_while_one_is_replaced(database, emulator, ada):
    config = configured(emulator, STRIPE_WEBHOOK_SECRETS=f"whsec_the_new_one,{payments.STRIPE_SECRET}")
    till = PaymentProcessor(database, open_gateways(config), "test", "http://localhost")
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    await till.receive_report(*emulator.report(order.gateway_id))
    assert await granted(database, order) == (1, 1)
    await till.close()


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_refund_ends_the_unused_time_and_a_part_of_it_does_not(database, till, emulator, ada, gateway):
    order = await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    emulator.give_back(order.gateway_id, 1000)
    kind = "charge.refunded" if gateway == "stripe" else "refund.processed"
    for _ in range(3):
        await till.receive_report(*emulator.report(order.gateway_id, kind))
    part = await database.run_system(service.find, order.id)
    assert (part.state, part.refunded) == ("fulfilled", 1000)
    assert (await database.run_system(sessions.find, order.granted_session_id)).status == "active"
    back = await till.refund(part, 3900)
    assert (back.state, back.refunded) == ("refunded", 4900)
    assert (await database.run_system(sessions.find, order.granted_session_id)).status == "expired"
    rows = await run_sql(
        database, "SELECT amount FROM revenue_entries WHERE purchase_id = $1 ORDER BY amount", order.id
    )
    assert [row["amount"] for row in rows] == [Decimal(-39), Decimal(-10), Decimal(49)]
    with pytest.raises(NotAllowed):
        settlement.refundable(back, Decimal(1))
    with pytest.raises(Conflict):
        await database.run_system(refunds.refund, Actor(name="Grace"), order.id, Decimal(1), "by hand")


async def test_a_refund_whose_answer_was_lost_is_not_given_twice(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    await till.gateways["stripe"].refund(order, 500, f"{order.id}-0-500")
    assert (await till.refund(order, 500)).refunded == 500
    assert emulator.money[order.id] == [4900, -500]


async def test_a_refunded_extension_leaves_the_time_that_was_there(database, till, emulator, ada):
    session = await make_session(database, ada)
    before = (await database.run_system(sessions.find, session)).expires_at
    order = await placed(database, till, ada, session=session)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    await till.refund(order, order.amount)
    assert (await database.run_system(sessions.find, session)).expires_at == before


async def limits(database, session):
    found = await database.run_system(sessions.find, session)
    return found.plan_id, found.credits.image.limit, found.credits.video.limit


async def test_a_refunded_extension_on_a_larger_plan_takes_its_credits_back_until_it_is_bought_again(
    database, till, emulator, ada
):
    first = await placed(database, till, ada, plan="flash")
    emulator.pay(first.gateway_id)
    session = (await till.settle(first)).granted_session_id
    await database.run_system(credits.grant_extra, session, "image", 3, "a present")
    flash = await limits(database, session)
    extensions = []
    for _ in range(2):
        order = await placed(database, till, ada, plan="pro", session=session)
        emulator.pay(order.gateway_id)
        extensions.append(await till.settle(order))
    pro = await limits(database, session)
    assert (flash, pro) == (("flash", 8 + 3, 2), ("pro", 15 + 3, 5))
    # One of two is given back: what the other one gives stays.
    await till.refund(extensions[0], 9900)
    assert await limits(database, session) == pro
    await run_sql(
        database,
        "UPDATE credits SET available_at = now() + interval '1 h' WHERE session_id = $1 AND kind = 'image' AND number < 6",
        session,
    )
    await till.refund(extensions[1], 9900)
    assert await limits(database, session) == flash
    # What was used in this hour stays used.
    assert (await database.run_system(sessions.find, session)).credits.image.left == 8 + 3 - 5
    again = await placed(database, till, ada, plan="pro", session=session)
    emulator.pay(again.gateway_id)
    again = await till.settle(again)
    assert await limits(database, session) == pro
    [rows] = await run_sql(
        database, "SELECT count(*) AS n FROM credits WHERE session_id = $1 AND kind = 'image'", session
    )
    assert rows["n"] == 18
    # The first plan is given back: the session goes on by what is still paid for.
    await till.refund(await database.run_system(service.find, first.id), 4900)
    assert await limits(database, session) == pro


async def test_a_refund_waits_for_an_extension_that_is_bought_in_this_moment(database, till, emulator, ada):
    first = await placed(database, till, ada)
    emulator.pay(first.gateway_id)
    session = (await till.settle(first)).granted_session_id
    order = await placed(database, till, ada, plan="pro", session=session)
    emulator.pay(order.gateway_id)
    extension = await till.settle(order)
    pro = await limits(database, session)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def extend_slowly(tx):
        await sessions.extend(tx, ada, session, "pro", checkout="manual")
        begun.set()
        await ended.wait()

    bought = asyncio.create_task(database.run_system(extend_slowly))
    await begun.wait()
    back = asyncio.create_task(till.refund(extension, 9900))
    waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pg_blocking_pids(pid) <> '{}'"
    while not await run_sql(database, waiting):
        assert not back.done()
        await asyncio.sleep(0.01)
    ended.set()
    await asyncio.gather(bought, back)
    assert await limits(database, session) == pro


async def test_money_of_an_account_that_is_closed_goes_back_by_itself(database, till, emulator, ada):
    order = await placed(database, till, ada)
    await database.run_system(erasure.close_account, ada)
    emulator.pay(order.gateway_id)
    settled = await till.settle(order)
    assert (settled.state, emulator.money[order.id]) == ("refunded", [4900, -4900])
    assert await granted(database, order) == (0, 0)
    while await database.run_system(erasure.remove_closed_account):
        pass
    assert (await database.run_system(service.find, order.id)).user_id is None


FAILED = {
    "stripe": (("refund.failed", {}), ("charge.refund.updated", {"status": "failed"})),
    "razorpay": (("refund.failed", {}),),
}


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_refund_that_did_not_arrive_is_listed_for_the_operator_once(database, till, emulator, ada, gateway):
    order = await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    order = await till.refund(await till.settle(order), 4900)
    if gateway == "stripe":
        await till.receive_report(*emulator.report(order.gateway_id, "charge.refund.updated", status="succeeded"))
    assert await outcomes(database, order) == []
    for kind, changes in FAILED[gateway]:
        await till.receive_report(*emulator.report(order.gateway_id, kind, **changes))
    assert await outcomes(database, order) == ["refund-failed"]
    assert (await database.run_system(service.find, order.id)).state == "refunded"


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_refund_that_did_not_arrive_and_of_which_no_report_comes_is_found_by_the_daily_question(
    database, till, emulator, ada, gateway
):
    order = await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    await till.refund(await till.settle(order), 4900)
    await database.run_system(service.sweep)
    emulator.fail_refund(order.gateway_id)
    await run_sql(database, "UPDATE orders SET ask_at = ask_at - interval '1 day' WHERE id = $1", order.id)
    await PaymentReconciler(till, database).run_once()
    assert await outcomes(database, order) == ["refund-failed"]
    found = await database.run_system(service.refunds_at_large, 60)
    assert (str(found[0]["order_id"]), found[0]["outcome"]) == (order.id, "refund-failed")


async def test_a_refund_that_no_gateway_confirms_is_listed_whatever_was_lost(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    paid = await till.settle(order)
    emulator.is_down = True
    with pytest.raises(GatewayFailed):
        await till.refund(paid, 1000)
    await database.run_system(service.sweep)
    assert await outcomes(database, order) == []
    asked = "UPDATE orders SET refund_asked_at = refund_asked_at - interval '25 hours' WHERE id = $1"
    await run_sql(database, asked, order.id)
    for _ in range(2):
        await database.run_system(service.sweep)
    assert await outcomes(database, order) == ["refund-unconfirmed"]


async def test_a_dispute_is_flagged_and_takes_nothing_away(database, till, emulator, ada):
    for gateway, kind in (("stripe", "charge.dispute.created"), ("razorpay", "payment.dispute.created")):
        order = await placed(database, till, ada, gateway)
        emulator.pay(order.gateway_id)
        order = await till.settle(order)
        await till.receive_report(*emulator.report(order.gateway_id, kind))
        found = await database.run_system(service.find, order.id)
        assert (found.disputed, found.state) == (True, "fulfilled")


LOST = {"stripe": ("charge.dispute.closed", {"status": "lost"}), "razorpay": ("payment.dispute.lost", {})}


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_dispute_that_is_lost_is_booked_once_ends_the_time_and_is_told(
    database, emulator, ada, gateway, published
):
    till = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost")
    order = await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    kind, changes = LOST[gateway]
    if changes:
        await till.receive_report(*emulator.report(order.gateway_id, kind, status="won"))
        assert (await database.run_system(service.find, order.id)).state == "fulfilled"
    published.clear()
    emulator.lose(order.gateway_id)
    for _ in range(2):
        await till.receive_report(*emulator.report(order.gateway_id, kind, **changes))
    await till.close()
    lost = await database.run_system(service.find, order.id)
    assert (lost.state, lost.disputed, lost.refunded) == ("refunded", True, 4900)
    assert (await database.run_system(sessions.find, order.granted_session_id)).status == "expired"
    assert await outcomes(database, order) == ["disputed", "dispute-lost"]
    assert await database.run_system(auditor.check) == []
    [told] = [event.text for event in published.events(user_channel(ada)) if isinstance(event, PaymentNotice)]
    assert told == "₹49 for Flash was taken back by your bank. Its unused time has ended."
    assert await run_sql(database, "SELECT FROM mail_queue WHERE address LIKE $1", f"{ada}@%") == []


@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_a_dispute_of_which_no_report_comes_is_found_by_the_daily_question(
    database, till, emulator, ada, gateway, monkeypatch
):
    monkeypatch.setattr(razorpay, "_DISPUTES_SECONDS", 0)
    reconciler, order = PaymentReconciler(till, database), await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    emulator.dispute(order.gateway_id, "needs_response")
    due = "UPDATE orders SET ask_at = now() WHERE id = $1"
    await run_sql(database, due, order.id)
    await reconciler.run_once()
    found = await database.run_system(service.find, order.id)
    assert (found.state, found.disputed) == ("fulfilled", True)
    emulator.lose(order.gateway_id)
    for _ in range(2):
        await run_sql(database, due, order.id)
        await reconciler.run_once()
    found = await database.run_system(service.find, order.id)
    assert (found.state, found.refunded) == ("refunded", 4900)
    assert (await database.run_system(sessions.find, order.granted_session_id)).status == "expired"
    assert await outcomes(database, order) == ["disputed", "dispute-lost"]


async def test_the_disputes_of_an_account_are_listed_once_an_hour_for_all_its_orders(database, till, emulator, ada):
    await till.gateways["razorpay"].fetch_status(await placed(database, till, ada, "razorpay"))
    orders = []
    for _ in range(3):
        order = await placed(database, till, ada, "razorpay")
        emulator.pay(order.gateway_id)
        orders.append(await till.settle(order))
    emulator.calls.clear()
    await asyncio.gather(*(till.settle(order) for order in orders * 2))
    assert emulator.calls.count("GET /v1/disputes") == 1


@pytest.mark.parametrize("status", [403, 404, 503])
@pytest.mark.parametrize("gateway", GATEWAYS)
async def test_orders_are_settled_where_disputes_cannot_be_read(
    database, till, emulator, ada, gateway, status, monkeypatch
):
    monkeypatch.setattr(emulator, "disputes_status", status)
    order = await placed(database, till, ada, gateway)
    emulator.pay(order.gateway_id)
    order = await till.settle(order)
    emulator.dispute(order.gateway_id, "lost")
    emulator.give_back(order.gateway_id, 4900)
    assert (await till.settle(order)).state == "refunded"


async def test_an_order_of_long_ago_is_asked_about_while_its_dispute_may_be_open(database, till, emulator, ada):
    orders = [await placed(database, till, ada) for _ in range(2)]
    for order in orders:
        emulator.pay(order.gateway_id)
        await till.settle(order)
    await run_sql(database, "UPDATE orders SET disputed = true WHERE id = $1", orders[0].id)
    ids_of_both = [order.id for order in orders]
    for days, asked in ((119, {True}), (299, {True, False}), (301, {False})):
        await run_sql(
            database,
            f"UPDATE orders SET created_at = now() - interval '{days} days' WHERE id = ANY($1::uuid[])",
            ids_of_both,
        )
        await database.run_system(service.sweep)
        rows = await run_sql(database, "SELECT ask_at FROM orders WHERE id = ANY($1::uuid[])", ids_of_both)
        assert {row["ask_at"] is not None for row in rows} == asked


async def test_who_gets_money_back_is_told_in_their_tabs_and_by_mail_each_time_once(database, emulator, published):
    ada = await make_user(database, "Ada", email="ada@example.org")
    named = await make_user(database, "Bob", email="guest-b@invalid")
    till = PaymentProcessor(database, open_gateways(configured(emulator)), "test", "http://localhost", by_mail=True)
    for user in (ada, named):
        order = await placed(database, till, user)
        emulator.pay(order.gateway_id)
        order = await till.settle(order)
        emulator.give_back(order.gateway_id, 900)
        for _ in range(3):
            order = await till.settle(order)
        await till.refund(order, 4000)
        texts = ["₹9 for Flash went back to you.", "₹40 for Flash went back to you. Its unused time has ended."]
        assert [
            event.text for event in published.events(user_channel(user)) if isinstance(event, PaymentNotice)
        ] == texts
        if user == ada:
            rows = await run_sql(database, "SELECT address, words FROM mail_queue WHERE kind = 'payment' ORDER BY id")
            assert [tuple(row) for row in rows] == [
                ("ada@example.org", f"{text}\n/orders/{order.id}") for text in texts
            ]
    await till.close()


async def test_only_what_is_on_offer_can_be_ordered_and_not_too_often(database, till, ada):
    bob = await make_user(database, "Bob")
    session = await make_session(database, ada, "pro")
    for user, plan, extended, error in (
        (ada, "platinum", None, Invalid),
        (bob, "pro", session, NotFound),
        (ada, "flash", session, NotAllowed),
    ):
        with pytest.raises(error):
            await database.run_system(service.place, user, plan, extended, "stripe", "test")
    for _ in range(20):
        await database.run_system(service.place, bob, "flash", None, "stripe", "test")
    with pytest.raises(RateLimited):
        await database.run_system(service.place, bob, "flash", None, "stripe", "test")
    with pytest.raises(NotFound):
        await database.run_as(ada, service.find, (await database.run_system(service.list_own, bob, None))[0].id)
    assert ids.parse(session)


async def test_the_auditor_finds_what_does_not_agree(database, till, emulator, ada):
    order = await placed(database, till, ada)
    emulator.pay(order.gateway_id)
    await till.settle(order)
    await run_sql(database, "UPDATE orders SET refunded = 100 WHERE id = $1", order.id)
    [found] = await database.run_system(auditor.check)
    assert found.where["order_id"] == order.id
    await run_sql(database, "UPDATE orders SET refunded = 0 WHERE id = $1", order.id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"STRIPE_SECRET_KEY": ""},
        {"STRIPE_SECRET_KEY": "sk_live_real"},
        {"STRIPE_WEBHOOK_SECRETS": ""},
        {"STRIPE_WEBHOOK_SECRETS": " , "},
        {"STRIPE_WEBHOOK_SECRETS": "whsec_long_enough,x"},
        {"RAZORPAY_KEY_ID": "rzp_live_real"},
        {"RAZORPAY_KEY_SECRET": ""},
        {"RAZORPAY_WEBHOOK_SECRETS": ""},
        {"PAYMENTS_MODE": "live"},
    ],
)
def test_a_missing_secret_or_a_key_of_the_other_mode_refuses_to_start(emulator, wrong):
    with pytest.raises(ConfigurationError):
        configured(emulator, **wrong)
