"""The chat page in one hand: picture mode leaves the stream in sight, and everything can be hit with a finger."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import PHONE, TEXT, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALLEST = {"width": 320, "height": 640}
TOUCH = {"has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
MODE = '.composer__mode[data-mode="image"]'
TARGET_PX = 44
# How much of the window shows the stream, whether the page can be pushed sideways, and what is too small for a finger.
MEASURE = """(least) => ({
  stream: document.querySelector('.stream__scroll').clientHeight / innerHeight,
  sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  small: [...document.querySelectorAll('.bar button, message-composer :is(button, .choice, a)')]
    .filter((each) => each.checkVisibility() && !each.matches('[data-local-renaming] h1 *'))
    .filter((each) => Math.min(each.getBoundingClientRect().height, each.getBoundingClientRect().width) < least - 0.5)
    .map((each) => each.outerHTML.slice(0, 100)),
})"""

# How far a sheet is from the window's left, right and lower edge.
SHEET = """(sheet) => {
  const { left, right, bottom } = sheet.getBoundingClientRect()
  return [left, innerWidth - right, innerHeight - bottom].map(Math.round)
}"""


async def measured(page: Page) -> tuple[float, int, list[str]]:
    found = await page.evaluate(MEASURE, TARGET_PX)
    return found["stream"], found["sideways"], found["small"]


async def test_picture_mode_leaves_the_stream_in_sight_and_its_few_controls_say_what_is_made(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada, viewport=PHONE, **TOUCH) as visitor:
        page = await visitor.open_session(session)
        assert await measured(page) == (pytest.approx(0.75, abs=0.05), 0, [])
        await expect(page.locator(TEXT)).not_to_be_focused()
        await page.tap(MODE)
        stream, *wrong = await measured(page)
        assert (stream >= 0.55, wrong) == (True, [0, []])

        for setting, value in (("style", "oil"), ("ratio", "3:2"), ("size", "512"), ("count", "2")):
            await page.tap(f"[data-setting={setting}]")
            sheet = page.locator(f"#setting-{setting}")
            await expect(sheet).to_be_visible()
            assert await sheet.evaluate(SHEET) == [0, 0, 0], setting
            await page.tap(f'#setting-{setting} label:has([value="{value}"])')
            await expect(sheet).to_be_hidden()
        await expect(page.locator(TEXT)).not_to_be_focused()
        await page.fill(TEXT, "a boat")
        await expect(page.locator(".composer__send")).to_have_text("Create 2 · 2 of 15 credits")
        await page.tap("[data-setting=more]")
        await page.fill("[name=seed]", "7")
        assert (await measured(page))[1:] == (0, [])
        await page.get_by_role("button", name="Done").tap()

        await page.reload()
        await expect(page.locator("[data-setting=count]")).to_have_text("×2")
        await expect(page.locator("[data-name=seed]")).to_have_text("seed 7")
        await page.tap(".composer__send")
        await expect(page.locator("generation-card[id^=generation_]")).to_have_count(2)
        chat = await ada.joins(session)
        message = await chat.sees(lambda each: each["kind"] == "image")
        made = [(each["width"], each["height"], each["style"], each["seed"]) for each in message["generations"]]
        assert made == [(512, 344, "oil", 7), (512, 344, "oil", 8)]
        await chat.leaves()


async def test_the_smallest_phone_has_everything_too_and_a_smaller_plan_says_what_it_lacks(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada, viewport=SMALLEST, **TOUCH) as visitor:
        page = await visitor.open_session(await ada.buys("flash-lite", "A rather long name for such a small screen"))
        await page.tap(MODE)
        stream, *wrong = await measured(page)
        assert (stream >= 0.4, wrong) == (True, [0, []])
        await page.tap("[data-setting=count]")
        choices = page.locator("#setting-count .choice")
        await expect(choices).to_have_text(
            ["1", *(re.compile(each) for each in (r"2\s+Flash", r"3\s+Pro", r"4\s+Pro"))]
        )
        assert (await measured(page))[1:] == (0, [])
        await page.keyboard.press("Escape")
        await page.tap(".title__button")
        assert (await measured(page))[1:] == (0, [])
