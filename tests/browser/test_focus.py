"""Whatever takes the focus shows it, and what is chosen shows that: in light and with forced colours."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.emulators.huggingface import Queue, Stream
from tests.support.browser import LIVE, say, signed_in, visiting
from tests.support.focus import looks_the_same, walk
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 64, "height": 64}
# In the dark the rings are the same; that their colour has enough contrast there is in test_colours.py.
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "forced colours": {"forced_colors": "active", "color_scheme": "dark"},
}
MARKDOWN = "Code and a [link](https://example.org):\n\n```\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"


@pytest.fixture(scope="module")
async def sessions(emulated_product) -> AsyncIterator[tuple[Any, dict[str, Any]]]:
    """Somebody with two sessions, one of them with everything in it that takes the focus."""
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    await ada.buys()
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("refused [fail 402]", **SMALL))
    done = await chat.sees_ended(await chat.generates("a quiet lake", count=2, **SMALL))
    await chat.asks("generation.retry", generation_id=done["generations"][0]["id"])
    done = await chat.sees(lambda each: each["id"] == done["id"] and len(each["generations"]) == 3)
    done = await chat.sees_ended(done)
    await chat.asks("asset.favorite", asset_id=done["generations"][1]["assets"][0]["id"], on=True)
    await chat.says(MARKDOWN)
    yield ada, session
    await chat.leaves()


async def test_the_focus_is_seen_on_every_page(emulated_product, browser, sessions) -> None:
    ada, session = sessions
    wrong: list[str] = []
    for look, settings in LOOKS.items():
        seen: set[str] = set()
        wrong += await _before_the_door(emulated_product, browser, look, settings, seen)
        async with signed_in(browser, ada, reduced_motion="reduce", **settings) as visitor:
            page = await visitor.open_session(session)
            wrong += [f"{look}, chat: {each}" for each in await walk(page, seen)]
            wrong += [f"{look}, image mode: {each}" for each in await _in_image_mode(page, seen)]
            wrong += [f"{look}, lightbox: {each}" for each in await _in_the_lightbox(page, seen)]
            for path in ("/sessions", "/history", "/settings", "/plans"):
                await page.goto(emulated_product.url + path)
                wrong += [f"{look}, {path}: {each}" for each in await walk(page, seen)]
        print(f"{look}: {len(seen)} kinds of element take the focus")
    assert not wrong, "\n".join(wrong)


async def _before_the_door(product: Any, browser: Browser, look: str, settings: Any, seen: set[str]) -> list[str]:
    wrong: list[str] = []
    async with visiting(product, browser, reduced_motion="reduce", **settings) as visitor:
        page = await visitor.open("/")
        for path in ("/", "/sign-up", "/sign-in"):
            await page.goto(product.url + path)
            wrong += [f"{look}, {path}: {each}" for each in await walk(page, seen)]
    return wrong


async def _in_image_mode(page: Page, seen: set[str]) -> list[str]:
    await page.reload()
    await page.wait_for_selector(LIVE, state="attached")
    await page.click('.composer__mode[data-mode="image"]')
    await page.evaluate("window.focusStops = new Set()")
    return await walk(page, seen)


async def _in_the_lightbox(page: Page, seen: set[str]) -> list[str]:
    await page.locator('[data-action="open"]:visible').first.click()
    await expect(page.locator("dialog.viewer")).to_be_visible()
    await page.evaluate("window.focusStops = new Set()")
    wrong = await walk(page, seen)
    await page.keyboard.press("Escape")
    # Closing goes back in the history; a page that is opened meanwhile would be left again.
    await expect(page.locator("dialog.viewer")).to_be_hidden()
    await page.wait_for_function("!history.state?.picture")
    return wrong


# What is chosen ---------------------------------------------------------------------------------------------------

# Everything that says it is chosen, in view or in a popover, with what it is a choice of; and how it is no longer.
_CHOSEN = """() => [...document.querySelectorAll(
    `[aria-pressed="true"], [aria-checked="true"], [aria-current]:not([aria-current="false"]), label:has(> input:checked),
    [data-current]`)]
  .filter((each) => each.checkVisibility({ visibilityProperty: true }) || each.closest('[popover]'))
  .map((each, index) => {
    each.dataset.chosen = index
    const input = each.querySelector(':scope > input')
    const { localName, dataset } = each
    const stage = each.matches('[data-current], [aria-current="step"]') && 'stage'
    return input?.name || (dataset.themeChoice && 'theme') || stage || dataset.action || each.classList[0] || localName
  })"""
_UNDO = """
  for (const name of ['data-local-chosen', 'data-current']) element.removeAttribute(name)
  for (const name of ['aria-pressed', 'aria-checked', 'aria-current']) {
    if (element.hasAttribute(name)) element.setAttribute(name, 'false')
  }
  const input = element.querySelector(':scope > input')
  if (input?.type === 'radio') document.querySelector(`input[name="${input.name}"]:not(:checked)`).checked = true
  else if (input) input.checked = false"""
# What is in view needs no opening: the columns of a wide page are popovers of a narrow one.
_SHOW = """
  for (const open of document.querySelectorAll(':popover-open')) open.hidePopover()
  if (!element.checkVisibility()) element.closest('[popover]').showPopover()"""
CHOICES = {"session-row", "theme", "style", "ratio", "size", "count", "mode", "favorite", "show-version", "stage"}


async def test_what_is_chosen_is_told_with_forced_colours(emulated_product, emulator, browser, sessions) -> None:
    ada, session = sessions
    emulator.script("text-to-image", [Queue(steps=10_000)])
    chat = await ada.joins(session)
    making = await chat.generates("slow to end", **SMALL)
    try:
        async with signed_in(browser, ada, reduced_motion="reduce", forced_colors="active") as visitor:
            page = await visitor.open_session(session)
            await page.wait_for_selector('generation-card[data-status="rendering"]')
            await page.click('.composer__mode[data-mode="image"]')
            seen, alike = await choices_of(page)
    finally:
        await chat.asks("generation.cancel", generation_id=making["generations"][0]["id"])
        await chat.sees_ended(making)
        await chat.leaves()
        emulator.reset()
    assert not alike
    assert seen >= CHOICES, CHOICES - seen


# The action of the control that has the focus, and the kind of what it is in.
FOCUSED = """() => `${document.activeElement.dataset.action} ${
  document.activeElement.closest('generation-stack, chat-message')?.localName}`"""


async def test_the_keyboard_keeps_its_place_where_its_control_goes(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    emulator.script("text-to-image", [Queue(steps=10_000), Queue(steps=10_000)])
    emulator.script("chat", [Stream("```\ncode\n```\n" + "word " * 3000, pause=0.02)])
    chat = await ada.joins(session)
    await chat.generates("slow to end", **SMALL)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        # From "Cancel" to "Create after all", and on to the "Cancel" of what that makes.
        for pressed, next_one in (("cancel", "retry"), ("retry", "cancel"), ("cancel", "retry")):
            await page.locator(f'[data-action="{pressed}"]:visible').press("Enter")
            await expect(page.locator(f'[data-action="{next_one}"]:visible')).to_be_focused()
        await say(page, "count")
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        await expect(reply).to_contain_text("word word")
        await reply.locator('[data-action="stop"]').press("Enter")
        await expect(reply.locator('[data-action="continue"]')).to_be_focused()
        # A deleted message leaves its place to what is beside it.
        await reply.locator('[data-action="delete"]').press("Enter")
        await expect(reply.locator('[data-action="undo"]')).to_be_focused()
        await expect(reply).to_contain_text("This message was deleted.")
        assert await page.evaluate(FOCUSED) == "copy-text chat-message"
    await chat.leaves()
    emulator.reset()


async def choices_of(page: Page) -> tuple[set[str], list[str]]:
    """The kinds of choice on a page, and those of which one cannot see what is chosen."""
    seen: set[str] = set()
    alike: list[str] = []
    for index, kind in enumerate(await page.evaluate(_CHOSEN)):
        if kind not in seen:
            element = page.locator(f'[data-chosen="{index}"]')
            await element.evaluate(f"(element) => {{ {_SHOW} }}")
            if await looks_the_same(page, element, _UNDO):
                alike.append(kind)
        seen.add(kind)
    return seen, alike
