"""A finished picture is made larger: what will happen is said before it is asked for, and the version shows its size."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

MENU = ".picture-menu:popover-open"


@pytest.fixture
async def page(product, browser):
    """The chat of a session with one finished picture."""
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("a lighthouse by the sea", width=384, height=256, seed=5))
    await chat.leaves()
    async with signed_in(browser, ada) as visitor:
        yield await visitor.open_session(session)


async def test_a_picture_is_made_larger_from_its_menu_and_from_the_lightbox(page: Page) -> None:
    await page.locator('[data-action="menu"]').first.click()
    menu = page.locator(MENU)
    await expect(menu.get_by_text("drawn again from the same seed, the same picture")).to_be_visible()
    await expect(menu.get_by_text("enlarged from this picture")).to_be_hidden()
    sizes = menu.locator('[data-action="enlarge"]')
    await expect(sizes).to_have_text(["768 × 512", "1024 × 680"])
    await sizes.first.click()
    await expect(page.locator(".strip__size")).to_have_text("768", timeout=60_000)
    await expect(page.locator(".tile__picture:visible")).to_have_attribute("width", "768")
    await page.locator(".tile__open:visible").click()
    await page.locator('.viewer [data-action="larger"]').click()
    sizes = page.locator(f'{MENU} [data-action="enlarge"]')
    await expect(sizes).to_have_text(["1024 × 680"])
    await sizes.click()
    await expect(page.locator("dialog.viewer")).to_be_hidden()
    await expect(page.locator(".strip__size")).to_have_text(["768", "1024"], timeout=60_000)
    # The largest that the plan allows is no further step.
    await page.locator(".tile__open:visible").click()
    await expect(page.locator('.viewer [data-action="larger"]')).to_be_hidden()
