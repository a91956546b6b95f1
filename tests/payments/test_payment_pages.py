"""Orders over the whole product: on to the gateway and back, signed reports, receipts, and the operator's page."""

from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.emulators import payments
from tests.support import shop as shops
from tests.support.page_visits import opened
from tests.support.people import make_session, run_sql
from tests.support.story import Refusal, sign_up


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened_emulator:
        yield opened_emulator


@pytest.fixture(scope="module")
async def shop(database_url, emulator, tmp_path_factory):
    async with shops.running(
        tmp_path_factory.mktemp("shop"),
        database_url,
        emulator.url,
        TAX_PERCENT="18.5",
    ) as product:
        yield product


async def orders(browser, gateway):
    """An order of Pro, placed on the page of plans and led on to the gateway's page."""
    form = (await browser.visit("/plans")).forms["/orders"]
    page = await browser.post("/orders", {**form, "gateway": gateway, "plan_id": "pro"}, follow=True)
    assert page.status == 200


async def test_an_address_to_come_back_to_that_is_not_this_orders_own_opens_nothing_and_is_listed(
    shop, emulator, database
):
    ada = await sign_up(shop, "Ada")
    async with opened(ada) as person:
        known = []
        for _ in range(2):
            await orders(person, "razorpay")
            [row] = await run_sql(database, "SELECT id, gateway_id FROM orders ORDER BY id DESC LIMIT 1")
            known.append(row)
        (first, page), (second, paid) = known
        emulator.pay(paid)
        own = urlsplit(emulator.return_address(paid)).query
        claims = own.replace(paid, page).replace(str(second), str(first))
        for query in (own, claims, claims.replace("razorpay_signature", "razorpay_nothing")):
            answer = await person.visit(f"/orders/{first}/return?{query}", follow=False)
            assert (answer.status, answer.headers["Location"]) == (303, f"/orders/{first}?returned=1")
        assert "has not confirmed the payment" in (await person.visit(f"/orders/{first}?returned=1")).text
        [listed] = await run_sql(database, "SELECT count(*) AS n FROM payment_events WHERE outcome = 'bad-return'")
        assert listed["n"] == 1
        await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", second)
        opens = await person.visit(f"/orders/{second}/return?{own}", follow=False)
        assert opens.headers["Location"].startswith("/sessions/")
        [listed] = await run_sql(database, "SELECT count(*) AS n FROM payment_events WHERE order_id = $1", second)
        assert listed["n"] == 0


async def reports(shop, name, headers, body):
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{shop.url}/webhooks/{name}", data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_a_signed_report_grants_and_the_operator_gives_the_money_back(shop, emulator, database):
    ada, grace = await sign_up(shop, "Ada"), await sign_up(shop, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with opened(ada) as person, opened(grace) as operator:
        for gateway in ("stripe", "razorpay"):
            await orders(person, gateway)
            [row] = await run_sql(database, "SELECT id, gateway_id, gateway_url FROM orders ORDER BY id DESC LIMIT 1")
            assert row["gateway_url"] == f"{emulator.url}/pay/{row['gateway_id']}"
            emulator.pay(row["gateway_id"])
            name, headers, body = emulator.report(row["gateway_id"])
            assert await reports(shop, name, {}, body) == 400
            assert await reports(shop, name, headers, b"x" * 300_000) == 413
            assert await reports(shop, "paypal", headers, body) == 404
            assert await reports(shop, name, headers, body) == 200
            receipt = await person.visit(f"/orders/{row['id']}")
            assert "₹15.46" in receipt.text
            assert "Test mode" in receipt.text
            assert (await operator.visit(f"/orders/{row['id']}")).status == 404
            action = f"/admin/orders/{row['id']}/refund"
            form = (await operator.visit("/admin/orders")).forms[action]
            # A part that is sent twice, as by a reload of what did not come, goes back once.
            for amount, reason in (("100", "too much"), ("1", ""), ("0", "nothing"), ("1", "a part"), ("1", "a part")):
                page = await operator.post(action, {**form, "amount": amount, "reason": reason}, follow=True)
            assert "given back since this page was opened" in page.text
            rest = {**page.forms[action], "amount": "", "reason": "the rest"}
            assert (await operator.post(action, rest, follow=True)).status == 200
            assert emulator.money[row["id"]] == [9900, -100, -9800]
            assert "went back" in (await person.visit(f"/orders/{row['id']}")).text
        assert "bad signature" in (await operator.visit("/admin/orders")).text
        assert {each["status"] for each in (await ada.call("GET", "/sessions"))["sessions"]} == {"expired"}
    for secret in (payments.STRIPE_KEY, payments.STRIPE_SECRET, payments.RAZORPAY_KEY, payments.RAZORPAY_SECRET):
        assert secret not in shop.output()


async def test_who_does_not_pay_for_more_time_comes_back_to_the_session_it_was_for(shop, emulator, database):
    ada = await sign_up(shop, "Ada")
    session = await make_session(database, ada.id, title="Boats & kites")
    plans = f"/plans?session={session}"
    async with opened(ada) as person:
        form = (await person.visit(plans)).forms["/orders"]
        wanted = {**form, "gateway": "stripe", "plan_id": "pro"}
        emulator.is_down = True
        unreachable = await person.post("/orders", wanted, follow=True)
        emulator.is_down = False
        [order] = await run_sql(database, "SELECT id FROM orders WHERE user_id = $1", ada.id)
        await person.visit(f"/orders/{order['id']}/go")
        cancelled = await person.visit(f"/orders/{order['id']}")
        emulator.close_page(emulator.page_of(str(order["id"])))
        await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order["id"])
        closed = await person.visit(f"/orders/{order['id']}")
        for page, says in ((unreachable, "does not answer"), (cancelled, "Nothing is paid"), (closed, "has closed")):
            assert says in page.text
            assert "Pro, more time for “Boats &amp; kites”" in page.text
            assert f'href="{plans}"' in page.text
        await run_sql(
            database, "UPDATE user_sessions SET status = 'deleted', deleted_at = now() WHERE id = $1", session
        )
        gone = await person.visit(f"/orders/{order['id']}")
        assert (gone.status, "more time for" in gone.text, plans in gone.text) == (200, False, False)


async def test_of_money_that_went_back_before_anything_was_granted_no_time_has_ended(shop, emulator, database):
    ada = await sign_up(shop, "Ada")
    async with opened(ada) as person:
        await orders(person, "stripe")
        [order] = await run_sql(database, "SELECT id, gateway_id FROM orders WHERE user_id = $1", ada.id)
        emulator.pay(order["gateway_id"])
        emulator.give_back(order["gateway_id"], 9900)
        await run_sql(database, "UPDATE orders SET ask_at = now() WHERE id = $1", order["id"])
        page = await person.visit(f"/orders/{order['id']}")
        assert "₹99 went back to you." in page.text
        assert "has ended" not in page.text


async def test_a_program_is_told_where_to_pay_and_gets_the_session_once_it_is_paid(shop, emulator, database):
    ada = await sign_up(shop, "Ada")
    body = {"plan_id": "pro", "client_id": "one"}
    first = await ada.call("POST", "/sessions", body)
    assert list(first) == ["checkout_url"]
    # The same order for the same key, also when it is paid; another for another.
    page = first["checkout_url"].rpartition("/")[2]
    assert first["checkout_url"] == f"{emulator.url}/pay/{page}"
    assert await ada.call("POST", "/sessions", body) == first != await ada.call("POST", "/sessions", {"plan_id": "pro"})
    with pytest.raises(Refusal) as refused:
        await ada.call("POST", "/sessions", {**body, "plan_id": "flash"})
    assert refused.value.code == "conflict"
    assert (await ada.call("GET", "/sessions"))["sessions"] == []
    await pays(shop, emulator, page)
    assert await ada.call("POST", "/sessions", body) == first
    [session] = (await ada.call("GET", "/sessions"))["sessions"]
    assert session["plan_id"] == "pro"
    more = await ada.call("POST", f"/sessions/{session['id']}/extend", {"plan_id": "pro"})
    await pays(shop, emulator, more["checkout_url"].rpartition("/")[2])
    extended = (await ada.call("GET", f"/sessions/{session['id']}"))["session"]
    assert extended["expires_at"] > session["expires_at"]


async def pays(shop, emulator, page):
    emulator.pay(page)
    assert await reports(shop, *emulator.report(page)) == 200
