"""The chat page in one hand: picture mode leaves the stream in sight, and everything can be hit with a finger."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import PHONE, TEXT, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALLEST = {"width": 320, "height": 640}
TOUCH = {"has_touch": True, "is_mobile": True}
MODE = '.composer__mode[data-mode="image"]'
TARGET_PX = 44
# How much of the window shows the stream, whether the page can be pushed sideways, and what is too small for a finger.
MEASURE = """(least) => ({
  stream: document.querySelector('.stream__scroll').clientHeight / innerHeight,
  sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  small: [...document.querySelectorAll('.bar button, message-composer :is(button, select, .chip)')]
    .filter((each) => each.checkVisibility() && !each.matches('[data-local-renaming] h1 *'))
    .filter((each) => Math.min(each.getBoundingClientRect().height, each.getBoundingClientRect().width) < least - 0.5)
    .map((each) => each.outerHTML.slice(0, 100)),
})"""


async def measured(page: Page) -> tuple[float, int, list[str]]:
    found = await page.evaluate(MEASURE, TARGET_PX)
    return found["stream"], found["sideways"], found["small"]


async def test_picture_mode_leaves_the_stream_in_sight_and_its_few_controls_say_what_is_made(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada, viewport=PHONE, **TOUCH) as visitor:
        page = await visitor.open_session(session)
        assert await measured(page) == (pytest.approx(0.75, abs=0.05), 0, [])
        await page.tap(MODE)
        stream, *wrong = await measured(page)
        assert (stream >= 0.55, wrong) == (True, [0, []])

        await page.tap(".chip:has-text('Oil')")
        await page.select_option("[data-for=ratio]", "3:2")
        await page.select_option("[data-for=size]", "512")
        await page.select_option("[data-for=count]", "2")
        await page.fill(TEXT, "a boat")
        await expect(page.locator(".composer__send")).to_have_text("Create 2 · 2 of 15 credits")
        await expect(page.locator(".composer__reasons")).to_have_text(re.compile("^512 × 344 pixels"))
        await page.tap("[data-action=more]")
        await page.fill("[name=seed]", "7")
        assert (await measured(page))[1:] == (0, [])

        await page.reload()
        await expect(page.locator("[data-for=count]")).to_have_value("2")
        await expect(page.locator("[name=seed]")).to_have_value("7")
        await page.tap(".composer__send")
        await expect(page.locator("generation-card canvas")).to_have_count(2)
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
        options = page.locator("[data-for=count] option")
        await expect(options).to_have_text(["× 1", "× 2 · Flash", "× 3 · Pro", "× 4 · Pro"])
        assert await options.nth(1).is_disabled()
        await page.tap(".title__button")
        assert (await measured(page))[1:] == (0, [])
