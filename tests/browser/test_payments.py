"""Paying at a payment service on another site: there and back, with the page of payment closed, and what is seen of it."""

import aiohttp
import pytest
from playwright.async_api import expect

from tests.emulators import payments
from tests.support import shop as shops
from tests.support.axe import complaints_about
from tests.support.browser import LIVE, PHONE, signed_in
from tests.support.people import make_session, run_sql
from tests.support.story import sign_up

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture(scope="module")
async def shop(database_url, emulator, tmp_path_factory):
    async with shops.running(
        tmp_path_factory.mktemp("shop"),
        database_url,
        emulator.url,
        TIMING="payment_poll=3",
    ) as product:
        yield product


async def reports(shop, name, headers, body):
    async with aiohttp.ClientSession() as client:
        await client.post(f"{shop.url}/webhooks/{name}", data=body, headers=headers)


async def faults(page, name, scheme="light"):
    """What axe says of a page in this scheme, and where it is too wide."""
    await page.emulate_media(color_scheme=scheme)
    return await complaints_about(page, f"{name}, {scheme}")


async def test_a_session_is_paid_on_another_site_and_is_seen_in_the_other_tab(
    shop, emulator, database, browser
) -> None:
    ada, grace = await sign_up(shop, "Ada"), await sign_up(shop, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    here = await make_session(database, ada.id)
    found = []
    async with signed_in(browser, ada, viewport=PHONE) as visitor:
        policy = (await visitor.context.request.get(f"{shop.url}/plans")).headers["content-security-policy"]
        assert "form-action 'self';" in policy + ";"
        other = await visitor.open_session({"id": here})
        listed = other.locator("session-list [data-session-id], session-list li")
        before = await listed.count()

        page = await visitor.open("/plans")
        found += await faults(page, "/plans")
        await page.get_by_role("button", name="Pay with Stripe for Pro").click()
        await page.wait_for_url(f"{emulator.url}/pay/*")
        await page.get_by_role("button", name="Pay", exact=True).click()
        await page.wait_for_url(f"{shop.url}/sessions/*", timeout=30_000)
        await page.wait_for_selector(LIVE, state="attached")
        await expect(listed).to_have_count(before + 1)

        # The page of payment is closed as soon as it is paid, and nobody reports anything.
        await page.goto(f"{shop.url}/plans")
        await page.get_by_role("button", name="Pay with Razorpay for Flash", exact=True).click()
        await page.wait_for_url(f"{emulator.url}/pay/*")
        await page.get_by_role("button", name="Pay and stay").click()
        await expect(page).to_have_title("Paid")
        await page.close()
        await expect(listed).to_have_count(before + 2)
        assert sorted(sum(paid) for paid in emulator.money.values()) == [4900, 9900]

        # Money that goes back is told in every tab that is open.
        [order] = await run_sql(database, "SELECT id, gateway_id FROM orders WHERE gateway = 'stripe'")
        emulator.give_back(order["gateway_id"], 900)
        await reports(shop, *emulator.report(order["gateway_id"], "charge.refunded"))
        await expect(other.locator("toast-notice")).to_contain_text("₹9 for Pro went back to you.")

        page = await visitor.open("/orders")
        found += await faults(page, "/orders", "dark")
        await page.goto(f"{shop.url}/orders/{order['id']}")
        found += await faults(page, "a receipt")
        await page.emulate_media(media="print")
        await expect(page.locator("header").first).to_be_hidden()
        await expect(page.get_by_text("All your purchases")).to_be_hidden()
    await reports(shop, "stripe", {}, b"{}")
    async with signed_in(browser, grace) as operator:
        page = await operator.open("/admin/orders")
        found += await faults(page, "/admin/orders", "dark")
        await page.get_by_role("button", name="Refund").first.click()
        found += await complaints_about(page, "a refund")
    assert not found, "\n".join(found)


async def test_each_way_to_pay_fits_on_its_card_on_the_narrowest_phone(shop, browser) -> None:
    ada = await sign_up(shop, "Ada")
    async with signed_in(browser, ada, viewport={"width": 320, "height": 640}) as visitor:
        page = await visitor.open("/plans")
        buttons = page.locator('form[action="/orders"] button')
        assert await buttons.count() == 6
        wider = await buttons.evaluate_all(
            "(all) => all.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent)"
        )
        assert wider == []
