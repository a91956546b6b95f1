"""The settings show what was done, or refused, where it stands."""

import pytest
from playwright.async_api import Locator, expect

from tests.support.browser import fill_sign_in, sign_in, signed_in
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

        # What cannot be downloaded now is a page that says why, and not a download that has failed.
        visitor.announce("429")
        for _ in range(10):
            assert (await visitor.context.request.get(f"{product.url}/settings/export")).ok
        await page.click("text=Export my data")
        await expect(page.locator("h1")).to_have_text("A little too fast")


async def test_what_was_typed_is_back_after_a_sign_in_that_had_ended_meanwhile(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        visitor.announce("401")
        page = await visitor.open("/settings")
        await page.fill("[name=token_name]", "The frame in the hall")
        await visitor.context.clear_cookies()
        await page.click("text=Make a token")
        await expect(page.locator(".notice")).to_contain_text("nothing was changed")
        # Not the right password at first.
        await page.fill("[name=email]", ada.user["email"])
        await page.fill("[name=password]", "not the right one")
        await page.click("main button[type=submit]")
        await expect(page.locator(".notice[role=alert]")).to_be_visible()
        await fill_sign_in(page, ada)
        field = page.locator("[name=token_name]")
        await expect(field).to_have_value("The frame in the hall")
        await expect(field).to_be_focused()
        await page.click("text=Make a token")
        await is_in_view(page.locator("#new-token"))
        await page.goto(f"{product.url}/settings")
        await expect(field).to_have_value("")


async def test_what_was_typed_is_nobody_elses_and_a_password_is_kept_nowhere(product, browser) -> None:
    ada, grace = await sign_up(product, "Ada"), await sign_up(product, "Grace")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/settings")
        await page.fill("[name=token_name]", "The frame in the hall")
        await page.fill("[name=current_password]", ada.password)
        await page.fill("[name=new_password]", "a good long one")
        await visitor.context.clear_cookies()
        await page.click("text=Make a token")
        await fill_sign_in(page, grace)
        await expect(page.locator("[name=token_name]")).to_have_value("")
        assert ada.password not in await page.evaluate("JSON.stringify(sessionStorage)")
        await page.goto(f"{product.url}/settings")
        await page.fill("[name=current_password]", grace.password)
        await page.fill("[name=new_password]", "a good long one")
        await visitor.context.clear_cookies()
        await page.click("text=Change password")
        await page.wait_for_url("**/sign-in?**")
        assert "good long" not in await page.evaluate("JSON.stringify(sessionStorage)")


async def test_a_form_that_was_not_taken_is_found_again_with_its_text(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        visitor.announce("403", "405")
        page = await visitor.open("/settings")
        await page.fill("[name=token_name]", "The frame in the hall")
        # Signed in once more in another tab: the form is of the sign-in before.
        await sign_in(visitor.context, ada)
        await page.click("text=Make a token")
        await expect(page.locator("h1")).to_have_text("Not allowed")
        await page.click("text=Back to the form")
        await expect(page).to_have_url(f"{product.url}/settings")
        await expect(page.locator("[name=token_name]")).to_have_value("The frame in the hall")
        # An address that only takes forms, as it stands in the history.
        await page.goto(f"{product.url}/settings/tokens")
        await expect(page).to_have_url(f"{product.url}/settings")
