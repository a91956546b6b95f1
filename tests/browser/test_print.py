"""A page on paper: light, whole, and without what nobody can press there."""

import pytest
from playwright.async_api import expect

from tests.support.browser import signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

PAPER = {"width": 794, "height": 1123}
# What scrolls within itself shows on paper only what is in sight.
CUT_OFF = """() => [...document.querySelectorAll('body, .room, .room__main, .stream, .stream__scroll')]
  .filter((each) => getComputedStyle(each).overflowY !== 'visible').map((each) => each.className)"""
INK = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d')
  canvas.fillStyle = getComputedStyle(document.body).color
  canvas.fillRect(0, 0, 1, 1)
  return canvas.getImageData(0, 0, 1, 1).data[0]
}"""


async def test_a_conversation_is_printed_whole_and_in_dark_ink(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    for number in range(30):
        await chat.says(f"Number {number}" + "\n\nand more of it" * 5)
    await chat.leaves()
    async with signed_in(browser, ada, viewport=PAPER, color_scheme="dark") as visitor:
        page = await visitor.open_session(session)
        assert await page.evaluate(INK) > 200
        await page.emulate_media(media="print")
        assert await page.evaluate(CUT_OFF) == []
        shown = await page.locator(".message").count()
        assert shown > 10
        height = await page.evaluate("document.documentElement.scrollHeight")
        assert height > 2 * PAPER["height"], "no more than what was in sight"
        assert await page.evaluate(INK) < 60
        for what in ("message-composer", ".room__sessions", ".room__details", ".bar button", ".connection"):
            await expect(page.locator(what).first).to_be_hidden()
        await expect(page.locator("h1")).to_be_visible()
