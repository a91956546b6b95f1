"""The settings show what was done, or refused, where it stands."""

import pytest
from playwright.async_api import Locator, expect

from tests.support.browser import signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

IN_VIEW = """(each) => {
  const { top, bottom } = each.getBoundingClientRect()
  return top >= document.querySelector('.header').offsetHeight && bottom <= innerHeight
}"""


async def is_in_view(place: Locator) -> None:
    """A page scrolls to its fragment, or to what has the focus, in a frame after it is there."""
    await expect(place).to_be_visible()
    await place.page.wait_for_function(IN_VIEW, arg=await place.element_handle())


async def test_a_token_a_notice_and_a_mistake_are_in_view(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        visitor.announce("422")
        page = await visitor.open("/settings")
        await expect(page.locator("[aria-labelledby=sign-ins] .list__row")).to_have_count(1)
        assert await page.locator("[aria-labelledby=sign-ins] .list__row").is_visible()

        await page.fill("[name=token_name]", "My script")
        await page.click("text=Make a token")
        await is_in_view(page.locator("#new-token"))

        await page.fill("[name=current_password]", "not the right one")
        await page.fill("[name=new_password]", "a good long one")
        await page.click("text=Change password")
        await expect(page.locator("[name=current_password]")).to_be_focused()
        await is_in_view(page.locator(".field__error:visible"))

        await page.locator("[aria-labelledby=tokens] .button--danger").first.click()
        await expect(page).to_have_url(f"{product.url}/settings#tokens")
        await is_in_view(page.locator("#tokens"))
        await is_in_view(page.locator("[aria-labelledby=tokens] .notice"))
