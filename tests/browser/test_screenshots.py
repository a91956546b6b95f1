"""The README's pictures of the real page: a session as people have it, in light, in dark and on a phone.

Made only when asked for (`make screenshots`): fonts differ between machines, and the pictures would change for nothing.
"""

import asyncio
import contextlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page

from tests.support import product as products
from tests.support.browser import PHONE, TEXT, WIDE, signed_in
from tests.support.story import SessionSocket, sign_up

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(400),
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="made by `make screenshots`"),
]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 300_000
WINDOW = {"width": 1280, "height": 1180}
# Within pictures so many of the 256 shades of each colour become one: nobody sees it, and the file is half as large.
SHADES = 7
WIDE_PICTURE = {"width": 768, "height": 512}
# Each picture takes as long as with a service, so that three pages can be taken of one that is being painted.
PACE_SECONDS = "40"
LIGHTHOUSE = "a lighthouse on a cliff, stormy sea, last light of dusk"
HALF_WAY = """() => [...document.querySelectorAll('generation-card[data-status="rendering"]')].filter((card) =>
  card.querySelector('[data-slot="bar"]').value > 0.5
  && card.querySelector('[data-slot="preview"]').naturalWidth).length === 2"""
DONE = 'generation-card[data-status="done"]'
ALL_LOADED = """() => [...document.querySelectorAll('img.tile__picture')].every((each) => each.naturalWidth)
  && !document.querySelector('generation-card[data-status="done"] [data-slot="preview"]:not([hidden])')"""
STYLES_LOADED = "() => [...document.querySelectorAll('#setting-style img')].every((each) => each.naturalWidth)"
VIEWED = "() => document.querySelector('dialog[open] img')?.naturalWidth"
LOOKS = {
    "chat-light": {"viewport": WINDOW, "color_scheme": "light"},
    "chat-dark": {"viewport": WINDOW, "color_scheme": "dark"},
    "chat-phone": {"viewport": PHONE, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}


async def test_screenshots(database_url, browser, tmp_path) -> None:
    async with products.running(tmp_path, DATABASE_URL=database_url, SKETCH_PACE=PACE_SECONDS) as product:
        ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
        for title in ("Birthday cards", "Ideas for the garden"):
            await ada.buys("flash-lite", title)
        session = await ada.buys("pro", "Pictures for the hallway")
        await bob.accepts(await ada.invites(session, guests_may_generate=True))
        chat, guest = await ada.joins(session), await bob.joins(session)
        await spend_an_evening(chat, guest)
        async with contextlib.AsyncExitStack() as visitors:
            pages = {}
            for name, settings in LOOKS.items():
                visitor = await visitors.enter_async_context(
                    signed_in(browser, ada, timezone_id="Europe/Berlin", **settings)
                )
                pages[name] = await visitor.open_session(session)
            await chat.generates(LIGHTHOUSE, count=2, seed=5, **WIDE_PICTURE)
            for name, page in pages.items():
                await shoot(page, name)
        await chat.leaves()
        await guest.leaves()


async def test_screenshots_of_making_a_batch(database_url, browser, tmp_path) -> None:
    """Image mode with the styles open, four finished pictures, and one of them in the viewer, each as a WebP."""
    async with products.running(tmp_path, DATABASE_URL=database_url) as product:
        ada = await sign_up(product, "Ada")
        session = await ada.buys("pro", "Pictures for the hallway")
        chat = await ada.joins(session)
        await chat.sees_ended(await chat.generates(LIGHTHOUSE, count=4, seed=5, width=768, height=768), patience=150)
        async with signed_in(browser, ada, viewport=WIDE, color_scheme="dark") as visitor:
            page = await visitor.open_session(session)
            await page.wait_for_function(ALL_LOADED)
            await save(page, "batch")
            await page.click('[data-action="mode"][data-mode="image"]')
            await page.fill(TEXT, "a quiet harbour at dusk, fishing boats, soft light")
            await page.click('[data-setting="style"]')
            await page.wait_for_function(STYLES_LOADED)
            await save(page, "image-mode")
            await page.keyboard.press("Escape")
            await page.locator('[data-action="open"]').first.click()
            await page.wait_for_function(VIEWED)
            await save(page, "lightbox")
        await chat.leaves()


async def test_screenshots_of_the_operators_page(database_url, browser, tmp_path) -> None:
    """An evening of three people at the door of the operator: pictures, and two that failed."""
    async with products.running(tmp_path, DATABASE_URL=database_url, SKETCH_FAIL="impossible") as product:
        ada, bob, operator = [await sign_up(product, name) for name in ("Ada", "Bob", "Grace")]
        await operate(database_url, "users", "make-admin", operator.user["email"])
        for person, plan in ((ada, "pro"), (bob, "flash")):
            chat = await person.joins(await person.buys(plan, "Pictures for the hallway"))
            for prompt in (LIGHTHOUSE, "an impossible staircase", "a red boat at dawn"):
                await chat.sees_ended(await chat.generates(prompt, count=2, width=256, height=256))
            await chat.leaves()
        async with signed_in(browser, operator, viewport=WIDE, timezone_id="Europe/Berlin") as visitor:
            page = await visitor.open("/admin")
            await page.wait_for_selector("#admin-page[data-local-live]", state="attached")
            await save(page, "admin")


async def operate(database_url: str, *words: str) -> None:
    """A command of the operator."""
    environment = {**os.environ, "DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(*products.COMMAND, *words, env=environment)
    assert await process.wait() == 0


async def save(page: Page, name: str) -> None:
    """Writes docs/images/<name>.webp: what is in the window."""
    shot = await page.screenshot(animations="disabled", caret="hide")
    Image.open(io.BytesIO(shot)).convert("RGB").save(IMAGES / f"{name}.webp", quality=82, method=6)
    assert (IMAGES / f"{name}.webp").stat().st_size < MOST_BYTES


async def spend_an_evening(chat: SessionSocket, guest: SessionSocket) -> None:
    """A conversation, two finished pictures, of which one is a favourite, and an answer of the built-in guide."""
    await guest.says("Two pictures for the hallway? Something warm.")
    made = await chat.generates("a beautiful sunset over mountains", count=2, seed=5, **WIDE_PICTURE)
    done = await chat.sees_ended(made, patience=150)
    await chat.asks("asset.favorite", asset_id=done["generations"][0]["assets"][0]["id"], on=True)
    await guest.says("Oh, the **first** one! @assistant a good prompt for something wilder?")
    await chat.sees(lambda each: each["author"]["kind"] == "assistant" and each["status"] == "done")


async def shoot(page: Page, name: str) -> None:
    """Writes docs/images/<name>.png, once everything on the page is there."""
    await page.wait_for_function(HALF_WAY, timeout=120_000)
    if page.viewport_size == PHONE:
        await page.locator(DONE).first.evaluate("(each) => each.closest('chat-message').scrollIntoView()")
    else:
        await page.locator(".stream__scroll").evaluate("(each) => each.scrollTo(0, each.scrollHeight)")
    await page.wait_for_function(ALL_LOADED)
    shot = await page.screenshot(animations="disabled", caret="hide")
    boxes = [await each.bounding_box() for each in await page.locator(".tile__frame").all()]
    stream = await page.locator(".stream").bounding_box()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    for box in filter(None, boxes):
        make_lighter(picture, box, stream)
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture.save(IMAGES / f"{name}.png", optimize=True)
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES


def make_lighter(picture: Image.Image, box: Any, within: Any) -> None:
    """Takes shades out of one place, as far as it is seen."""
    left, top = max(round(box["x"]), 0), round(max(box["y"], within["y"]))
    right, bottom = round(box["x"] + box["width"]), round(min(box["y"] + box["height"], within["y"] + within["height"]))
    place = (left, top, min(right, picture.width), bottom)
    if place[0] < place[2] and place[1] < place[3]:
        part = picture.crop(place)
        picture.paste(part.point(lambda value: min(round(value / SHADES) * SHADES, 255)), place[:2])
