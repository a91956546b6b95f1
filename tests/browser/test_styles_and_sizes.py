"""Styles are chosen by their pictures, and finished pictures are made larger, saying beforehand how."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import ask_for_pictures, signed_in
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


async def test_a_style_of_the_operators_is_chosen_by_its_picture_and_its_words_are_shown_with_the_result(
    product, browser
):
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.click('.composer__mode[data-mode="image"]')
        await page.locator("[data-setting=style]").click()
        choices = page.locator("#setting-style label")
        await expect(choices).to_have_count(17)
        await page.wait_for_function(
            "() => [...document.querySelectorAll('#setting-style img')].every((each) => each.naturalWidth)"
        )
        await choices.filter(has_text="Woodblock").click()
        await ask_for_pictures(page, "a boat")
        await page.locator(".tile__open").click(timeout=60_000)
        panel = page.locator(".viewer__panel:visible")
        sent = "woodblock print of a boat, ukiyo-e, flat areas of colour, calm lines"
        await expect(panel.get_by_text(sent)).to_be_visible()
