"""What a page tells in passing, also while a dialog lies over it."""

import contextlib

import pytest
from playwright.async_api import Locator, expect

from tests.support.browser import signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

PROMPT = "a forest at night"
# Whether what is painted in the middle of an element is its own.
ON_TOP = """(element) => {
  const { x, y, width, height } = element.getBoundingClientRect()
  return element.contains(document.elementFromPoint(x + width / 2, y + height / 2))
}"""


@contextlib.asynccontextmanager
async def lightbox(product, browser):
    """A page with a picture in its lightbox."""
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates(PROMPT))
    await chat.leaves()
    async with signed_in(browser, ada) as visitor:
        await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await visitor.open_session(session)
        await page.click('[data-action="open"]')
        yield page, page.locator("dialog.viewer")


async def press(viewer: Locator, action: str) -> None:
    await viewer.locator(f'.viewer__bar [data-action="{action}"]').click()


async def test_a_notice_stands_over_the_dialog_and_is_in_its_place_afterwards(product, browser) -> None:
    async with lightbox(product, browser) as (page, viewer):
        notice = page.locator("toast-notice")
        await press(viewer, "copy-prompt")
        await expect(notice).to_contain_text("Copied.")
        assert await notice.locator(".toast__box").evaluate(ON_TOP)
        await notice.get_by_role("button", name="Dismiss").click()
        await expect(notice).to_be_hidden()
        await expect(viewer).to_be_visible()
        await press(viewer, "copy-prompt")
        await page.keyboard.press("Escape")
        await expect(viewer).to_be_hidden()
        await page.wait_for_function("() => document.querySelector('message-list + toast-notice')")
