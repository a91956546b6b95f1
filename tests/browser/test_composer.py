"""The composer: one row of settings over which choices open, a stream that stays in sight, and a way to stop an answer."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Page, Request, ViewportSize, expect

from tests.emulators.huggingface import Stream
from tests.support.browser import PHONE, TEXT, choose, say, signed_in
from tests.support.story import SessionSocket, sign_up

pytestmark = pytest.mark.browser

WINDOWS: tuple[ViewportSize, ...] = (
    {"width": 1440, "height": 900},
    {"width": 1280, "height": 800},
    {"width": 768, "height": 1024},
)
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
LEAST_SHARE = 0.6
LONG = "a lighthouse on a cliff in a storm, " * 50
SEND = ".composer__send"
MODE = '.composer__mode[data-mode="{}"]'
# The stream's share of its column, and which parts of the composer are cut off by its box.
MEASURE = """() => {
  const box = document.querySelector('.composer__box').getBoundingClientRect()
  const sides = (selector) => document.querySelector(selector).getBoundingClientRect()
  const parts = ['.composer__send', '.composer__text', '.composer__deferred', '.composer__problem', '.setting-chips']
    .map((each) => document.querySelector(each)).filter((each) => each.checkVisibility())
  const isCut = ({ top, bottom }) => top < box.top - 0.5 || bottom > box.bottom + 0.5
  return {
    share: sides('.stream').height / sides('.room__main').height,
    cut: parts.filter((each) => isCut(each.getBoundingClientRect())).map((each) => each.className),
  }
}"""
# Where a popover stands to its chip, and whether it is wholly in the window.
STANDING = """(setting) => {
  const chip = document.querySelector(`[data-setting="${setting}"]`).getBoundingClientRect()
  const { left, right, top, bottom } = document.getElementById(`setting-${setting}`).getBoundingClientRect()
  return { above: bottom <= chip.top, near: chip.top - bottom < 16 && left < chip.right && right > chip.left,
    inside: left >= 0 && top >= 0 && right <= innerWidth }
}"""
GROUNDS = """(selectors) => new Set(
  selectors.map((each) => getComputedStyle(document.querySelector(each)).backgroundColor)).size"""
ALL_SAMPLES = """() => [...document.querySelectorAll('#setting-style img')].every((each) => each.naturalWidth > 0)"""
STANDS = {"above": True, "near": True, "inside": True}


async def crowded(page: Page, windows: Sequence[ViewportSize], state: str) -> list[Any]:
    """What is wrong with the room that the composer leaves now, in each window."""
    wrong: list[Any] = []
    for window in windows:
        await page.set_viewport_size(window)
        found = await page.evaluate(MEASURE)
        wrong += [f"{state}, {window}: {each} is cut" for each in found["cut"]]
        if found["share"] < LEAST_SHARE:
            wrong.append(f"{state}, {window}: {found['share']:.2f}")
    return wrong


async def fill_everything(page: Page) -> None:
    """Every setting made, a prompt that waits for credits, another that is refused because of it, and a long text."""
    await choose(page, "ratio", "16:9")
    await choose(page, "style", "watercolour")
    await page.click("[data-setting=more]")
    for name, value in (
        ("negative_prompt", "people, dogs and rain"),
        ("seed", "42"),
        ("steps", "30"),
        ("guidance", "7"),
    ):
        await page.fill(f"[name={name}]", value)
    await page.press("[name=guidance]", "Enter")
    await say(page, "the first that waits")
    await expect(page.locator(".composer__deferred")).to_be_visible()
    await say(page, LONG[:1_900])
    await expect(page.locator(".composer__problem")).to_contain_text("waits for credits already")


async def use_all_credits(chat: SessionSocket) -> None:
    for _ in range(3):
        await chat.generates("a boat", width=64, height=64)


async def test_in_every_mode_the_stream_keeps_three_fifths_of_its_column(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("flash-lite")
    chat = await ada.joins(session)
    await use_all_credits(chat)
    wrong: list[Any] = []
    for settings, windows in (({}, WINDOWS), (TOUCH, (PHONE,))):
        async with signed_in(browser, ada, **settings) as visitor:
            page = await visitor.open_session(session)
            await page.fill(TEXT, LONG * 4)
            wrong += await crowded(page, windows, "a long text")
            await page.fill(TEXT, "")
            for mode in ("video", "image"):
                await page.click(MODE.format(mode))
                wrong += await crowded(page, windows, mode)
            await fill_everything(page)
            wrong += await crowded(page, windows, "everything")
            assert await page.locator(TEXT).evaluate("(each) => each.scrollHeight > each.clientHeight")
    await chat.leaves()
    assert wrong == []


async def test_each_chip_opens_its_choices_above_it_and_shows_what_was_chosen(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, reduced_motion="reduce") as visitor:
        page = await visitor.open_session(session)
        asked: list[Request] = []
        page.on("request", lambda request: asked.append(request) if "/styles/" in request.url else None)
        await expect(page.locator(TEXT)).to_be_focused()
        await page.keyboard.type("/image a quiet lake")

        tinted = page.locator(".setting[data-local-changed]:visible")
        await expect(tinted).to_have_count(0)
        assert asked == []
        for setting in ("ratio", "size", "count", "style", "more"):
            await page.click(f"[data-setting={setting}]")
            await expect(page.locator(f"#setting-{setting} input").first).to_be_visible()
            assert await page.evaluate(STANDING, setting) == STANDS, setting
            if setting == "style":
                await page.wait_for_function(ALL_SAMPLES)  # they are asked for in a frame that shows them
            await page.keyboard.press("Escape")
        # The pictures of the styles came when they were first shown.
        assert len(asked) == 17
        shown = [await request.response() for request in asked]
        assert {each.headers["cache-control"] for each in shown if each} == {"public, max-age=31536000, immutable"}

        await choose(page, "ratio", "3:2")
        await expect(page.locator(TEXT)).to_be_focused()
        await choose(page, "size", "512")
        await choose(page, "count", "2")
        await expect(page.locator("[data-setting=ratio]")).to_have_attribute("aria-label", "Shape: 3:2")
        await expect(page.locator("[data-setting=size]")).to_have_text("512")
        await expect(tinted).to_have_text(["3:2", "512", "×2"])
        await expect(page.locator(SEND)).to_have_text("Create 2 · 2 of 8 credits")

        # With forced colours, too, what was chosen differs from what was not.
        await page.emulate_media(forced_colors="active")
        assert await page.evaluate(GROUNDS, ["[data-setting=ratio]", "[data-setting=style]"]) == 2
        assert await page.evaluate(GROUNDS, ["#setting-count label:has(:checked)", "#setting-count label"]) == 2
        await page.emulate_media(forced_colors="none")

        # With the keyboard: arrows choose and leave it open, Enter takes the choice and sends nothing.
        style = page.locator("[data-setting=style]")
        await style.focus()
        await page.keyboard.press("Enter")
        label = page.locator("#setting-style label", has=page.locator('[value="photo"]'))
        width = (await label.bounding_box() or {})["width"]
        await expect(page.locator("#setting-style input:checked")).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await expect(label.locator("input")).to_be_focused()
        # The radio button itself is not seen, and its choice keeps its size.
        await expect(label.locator("input")).to_have_css("opacity", "0")
        assert (await label.bounding_box() or {})["width"] == width
        await page.keyboard.press("Enter")
        await expect(page.locator("#setting-style")).to_be_hidden()
        await expect(style).to_have_text("Photo")
        await expect(style).to_be_focused()
        await expect(page.locator("generation-card")).to_have_count(0)

        await page.click("[data-setting=more]")
        await page.fill("[name=steps]", "999")
        await page.click('[data-action="dice"]')
        await expect(page.locator("[name=seed]")).to_have_value(re.compile(r"^\d+$"))
        await page.fill("[name=seed]", "42")
        await page.keyboard.press("Escape")
        seed, steps = page.locator("[data-name=seed]"), page.locator("[data-name=steps]")
        await expect(seed).to_have_text("seed 42")
        await expect(steps).to_have_attribute("data-local-wrong", "")
        await expect(page.locator(".composer__hint")).to_have_text("Steps are a whole number from 1 to 100.")
        await page.press(TEXT, "Enter")
        problem = page.locator(".composer__problem")
        await expect(problem).to_have_text("Steps are a whole number from 1 to 100.")
        await expect(page.locator(SEND)).to_have_accessible_description("Steps are a whole number from 1 to 100.")
        await steps.click()
        await expect(steps).to_be_hidden()
        await expect(problem).to_be_hidden()
        await seed.click()
        await expect(page.locator("[name=seed]")).to_have_value("")
        await expect(page.locator("[data-setting=more]")).to_be_focused()

        # A clip has no number and no picture's sizes; how many and how large pictures are stays chosen.
        await page.click(MODE.format("video"))
        await expect(page.locator("[data-setting=count]")).to_be_hidden()
        await expect(page.locator(SEND)).to_have_text("Create clip · 1 of 2 credits")
        await page.click("[data-setting=size]")
        await expect(page.locator("#setting-size .choice:visible")).to_have_text(["512", "768"])
        await page.keyboard.press("Escape")
        await page.click(MODE.format("image"))

        # What the plan lacks leads to the plan that has it.
        await page.click("[data-setting=size]")
        sold = page.locator("#setting-size .choice--sold")
        await expect(sold).to_have_text(re.compile(r"1024\s+Pro"))
        await sold.click()
        await page.wait_for_url(f"**/plans?session={session['id']}")


async def test_where_css_cannot_anchor_the_choices_they_stand_above_their_chip_too(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, reduced_motion="reduce") as visitor:
        await visitor.context.add_init_script("CSS.supports = () => false")
        page = await visitor.open_session(session, "#somewhere")
        await expect(page.locator(TEXT)).not_to_be_focused()  # a link with a place in it leads there
        await page.click(MODE.format("image"))
        for setting in ("ratio", "style", "more"):
            await page.click(f"[data-setting={setting}]")
            await expect(page.locator(f"#setting-{setting}")).to_have_attribute("data-local-placed", "")
            assert await page.evaluate(STANDING, setting) == STANDS, setting
            await page.keyboard.press("Escape")


async def test_without_credits_a_prompt_waits_and_can_be_edited_and_the_next_plan_is_offered(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("flash-lite")
    chat = await ada.joins(session)
    await use_all_credits(chat)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.click(MODE.format("image"))
        await expect(page.locator(SEND)).to_have_text(re.compile(r"^No credits · next at \d\d:\d\d$"))
        await expect(page.locator('[data-offer="image"]')).to_have_text(
            re.compile(r"Flash gives 8 an hour\s+·\s+Switch")
        )
        link = page.locator('[data-offer="image"] a')
        assert await link.get_attribute("href") == f"/plans?session={session['id']}"
        await page.press(TEXT, "Enter")
        await expect(page.locator(".composer__problem")).to_have_text("Describe the picture first.")
        await choose(page, "ratio", "2:3")
        await page.fill(TEXT, "a red fox")
        await expect(page.locator(SEND)).to_have_text(re.compile(r"^Run at \d\d:\d\d$"))
        # A key that is held sends it once, and asks for no second one.
        await page.focus(TEXT)
        for _ in range(2):
            await page.keyboard.down("Enter")
        await page.keyboard.up("Enter")
        deferred = page.locator(".composer__deferred")
        await expect(deferred).to_contain_text(re.compile(r"Runs at \d\d:\d\d · a red fox"))
        await expect(page.locator(TEXT)).to_have_value("")
        await expect(page.locator(".composer__problem")).to_be_hidden()
        # A second one does not push the first one out.
        await say(page, "a blue fox")
        await expect(page.locator(".composer__problem")).to_contain_text("Another prompt waits for credits already.")
        await expect(deferred).to_contain_text("a red fox")
        await choose(page, "ratio", "1:1")
        await deferred.get_by_role("button", name="Edit").click()
        await expect(deferred).to_be_hidden()
        await expect(page.locator(TEXT)).to_have_value("a red fox")
        await expect(page.locator("[data-setting=ratio]")).to_have_text("2:3")
        await page.press(TEXT, "Alt+ArrowUp")
        await expect(page.locator(TEXT)).to_have_value("a blue fox")
        # What another tab has just taken back neither waits here any more nor comes back for a press on what is left.
        await page.press(TEXT, "Enter")
        await expect(deferred).to_contain_text("a blue fox")
        await page.evaluate("""() => {
          localStorage.removeItem(Object.keys(localStorage).find((key) => key.includes(':armed:')))
          document.querySelector('[data-action="edit-deferred"]').click()
        }""")
        await expect(deferred).to_be_hidden()
        await expect(page.locator(TEXT)).to_have_value("")
    await chat.leaves()


async def test_the_button_and_escape_stop_the_answer_to_ones_own_question(emulated_product, emulator, browser) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    emulator.script("chat", [Stream("word " * 9000, pause=0.01) for _ in range(3)])
    streaming = 'chat-message[data-status="streaming"]'
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        send = page.locator(SEND)
        await say(page, "tell me everything")
        await expect(send).to_have_text("Stop")
        # Words can still be written meanwhile, and sent with the same button.
        await page.fill(TEXT, "and")
        await expect(send).to_have_text("Send")
        await page.fill(TEXT, "")
        await page.press(TEXT, "Enter")
        await expect(page.locator(streaming)).to_have_count(1)
        await send.click()
        await expect(page.locator(streaming)).to_have_count(0)
        await expect(send).to_have_text("Send")

        await say(page, "go on")
        await expect(send).to_have_text("Stop")
        await page.reload()
        await expect(send).to_have_text("Stop")
        await page.locator(".stream__scroll").focus()
        await page.keyboard.press("Escape")
        await expect(page.locator(streaming)).to_have_count(0)
        await expect(send).to_have_text("Send")

        await bob.accepts(await ada.invites(session))
        guest = await bob.joins(session)
        await guest.says("@assistant and me?")
        await expect(page.locator(streaming)).to_have_count(1)
        await expect(send).to_have_text("Send")
        reply = await guest.sees(lambda each: each["status"] == "streaming")
        await guest.asks("message.stop", message_id=reply["id"])
        await guest.leaves()
    emulator.reset()
