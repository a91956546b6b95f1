"""A code, from the operator's page over its link and a sign-up to the session; and once more, for nobody."""

import uuid

import pytest
from playwright.async_api import expect

from tests.support import product as products
from tests.support.axe import complaints_about
from tests.support.browser import LIVE, PHONE, signed_in, visiting
from tests.support.people import run_sql
from tests.support.story import sign_up

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def shop(database_url, tmp_path_factory):
    settings = {"CHECKOUT": "codes", "TRIAL_PLAN": "flash-lite"}
    async with products.running(tmp_path_factory.mktemp("shop"), DATABASE_URL=database_url, **settings) as running:
        yield running


async def is_narrow_enough(page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_a_code_leads_from_its_link_over_the_sign_up_to_a_session_and_nobody_else_to_one(
    shop, database, browser
) -> None:
    grace = await sign_up(shop, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with signed_in(browser, grace) as operator:
        page = await operator.open("/admin/codes")
        await page.get_by_label("Plan").select_option("pro")
        await page.get_by_label("How many").fill("2")
        await page.get_by_role("button", name="Make codes").click()
        made = (await page.locator("#made-codes").input_value()).split()
        assert len(made) == 2
        assert not await complaints_about(page, "the page of codes")
        await page.goto(f"{shop.url}/admin/codes")
        await expect(page.locator("tbody tr")).to_have_count(1)
        assert made[0] not in await page.content()

    async with visiting(shop, browser, viewport=PHONE) as visitor:
        page = await visitor.open(f"/redeem/{made[0].lower()}")
        await expect(page.get_by_label("Code")).to_have_value(made[0])
        assert not await complaints_about(page, "a code, before the sign-up")
        await page.get_by_label("E-mail").fill(f"ada+{uuid.uuid4().hex[:8]}@example.org")
        await page.locator("[name=password]").fill("Ada likes green tea")
        await page.get_by_role("button", name="Create account and redeem").click()
        await page.wait_for_url("**/sessions/*")
        await page.wait_for_selector(LIVE, state="attached")
        session = page.url

        await page.goto(f"{shop.url}/plans")
        await expect(page.get_by_role("button", name="Start the trial")).to_be_visible()
        await expect(page.get_by_role("button", name="Start Pro", exact=True)).to_have_count(0)
        assert not await complaints_about(page, "plans with a field for a code")
        for width in (320, 390, 768):
            await page.set_viewport_size({"width": width, "height": 844})
            assert await is_narrow_enough(page), width
        await page.get_by_label("Code").fill(made[0].replace("-", " ").lower())
        await page.get_by_role("button", name="Redeem").click()
        await page.wait_for_url(session)

    eve = await sign_up(shop, "Eve")
    async with signed_in(browser, eve) as visitor:
        visitor.announce(r"^422 POST .*/redeem$", r"status of 422")
        page = await visitor.open(f"/redeem/{made[0]}")
        await page.get_by_role("button", name="Redeem").click()
        await expect(page.locator("#error-code")).to_contain_text("Was used already.")
        await expect(page.get_by_label("Code")).to_be_focused()
        assert not await complaints_about(page, "a code that was used")
    assert (await eve.call("GET", "/sessions"))["sessions"] == []
