"""A part of a picture is painted over, by mouse, finger and keys, and nothing but that part changes."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.support.axe import complaints_about
from tests.support.browser import PAINTING_MS, PHONE, TEXT, Visitor, say, signed_in
from tests.support.masks import changed
from tests.support.story import ApiUser, sign_up

pytestmark = pytest.mark.browser

TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
BRUSH, SURFACE, SHARE = "dialog.brush", "dialog.brush [data-slot=surface]", "dialog.brush [data-slot=share]"
PART, REMOVE = "[data-setting=part]", "[data-name=mask]"
CHANGED = ".batch:has(.batch__source) generation-card[data-status=done]"
MASK = "document.querySelector('[name=mask]').value"
SIZE = (512, 384)


class Prepared:
    """Ada's session with one picture."""

    def __init__(self, ada: ApiUser, session: dict[str, Any], picture: dict[str, Any]) -> None:
        self.ada, self.session, self.picture = ada, session, picture
        self.asset = picture["assets"][0]

    async def open(self, visitor: Visitor, use: str) -> Page:
        """The session's page, with the picture in the composer."""
        page = await visitor.context.new_page()
        await page.goto(f"{visitor.product.url}/sessions/{self.session['id']}?use={use}&from={self.asset['id']}")
        await page.wait_for_function("() => document.querySelector('[name=source_asset_id]').value")
        return page

    async def differences(self, page: Page) -> np.ndarray:
        """Where the newest result differs from the picture, by row and column."""
        asset = await page.locator(CHANGED).last.get_attribute("data-asset")
        made = (await self.ada.call("GET", f"/assets/{asset}"))["asset"]
        (_, _, before), (_, _, after) = [await self.ada.fetch(each["url"]) for each in (self.asset, made)]
        return changed(before, after)


@pytest.fixture
async def prepared(product: Any) -> Prepared:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", "Lighthouses")
    chat = await ada.joins(session)
    width, height = SIZE
    message = await chat.sees_ended(await chat.generates("a lighthouse on a cliff", width=width, height=height))
    await chat.leaves()
    return Prepared(ada, session, message["generations"][0])


@pytest.fixture
async def visit(browser: Any, prepared: Prepared) -> AsyncIterator[Visitor]:
    async with signed_in(browser, prepared.ada) as visitor:
        yield visitor


async def opened(page: Page) -> dict[str, float]:
    """Where the picture is in the opened brush."""
    await expect(page.locator(f"{BRUSH} .brush__bar")).to_be_visible()
    await expect(page.locator(SURFACE)).to_be_focused()
    box = await page.locator(SURFACE).bounding_box()
    assert box is not None
    assert abs(box["width"] / box["height"] - SIZE[0] / SIZE[1]) < 0.02
    return dict(box)


async def drag(page: Page, box: dict[str, float], *places: tuple[float, float]) -> None:
    """A stroke with the mouse through places, in shares of the picture's sides."""
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    await page.mouse.move(*points[0])
    await page.mouse.down()
    for x, y in points[1:]:
        await page.mouse.move(x, y, steps=6)
    await page.mouse.up()


def share_within(differs: np.ndarray, left: float, top: float, right: float, bottom: float) -> float:
    """The share of a rectangle, in shares of the sides, that has changed."""
    width, height = SIZE
    return float(differs[int(top * height) : int(bottom * height), int(left * width) : int(right * width)].mean())


async def test_what_is_painted_with_the_mouse_changes_and_nothing_else(visit: Visitor, prepared: Prepared) -> None:
    page = await prepared.open(visit, "part")
    box = await opened(page)
    await expect(page.locator(SHARE)).to_have_text("Nothing is painted yet")
    await drag(page, box, (0.6, 0.3), (0.8, 0.3), (0.8, 0.5), (0.6, 0.5))
    await expect(page.locator(SHARE)).to_contain_text("% of the picture may change")
    await page.click(f"{BRUSH} [data-action=done]")
    await expect(page.locator(BRUSH)).to_be_hidden()
    await expect(page.locator(TEXT)).to_be_focused()
    await expect(page.locator(TEXT)).to_have_attribute("placeholder", "What should be there?")
    await expect(page.locator(PART)).to_have_text("A part")
    # It has the picture's own shape and size.
    for setting in ("ratio", "size"):
        await expect(page.locator(f"[data-setting={setting}]")).to_be_hidden()
    await expect(page.locator(".composer__send")).to_contain_text("Edit 1 · 1 of 14")
    # It is a draft like the words.
    await page.fill(TEXT, "a red balloon")
    await page.reload()
    await expect(page.locator(PART)).to_have_text("A part")
    await page.press(TEXT, "Enter")
    await expect(page.locator(CHANGED)).to_have_count(1, timeout=PAINTING_MS)
    assert await page.evaluate(MASK) == ""
    await expect(page.locator(".batch__source")).to_have_text("Edited a part of this picture")
    differs = await prepared.differences(page)
    assert share_within(differs, 0.58, 0.26, 0.82, 0.54) > 0.5
    for beyond in ((0, 0, 0.5, 1), (0, 0, 1, 0.2), (0, 0.6, 1, 1), (0.9, 0, 1, 1)):
        assert share_within(differs, *beyond) == 0
    # A larger one is made of the whole: drawn again, it would be another picture.
    await page.locator(CHANGED).hover()
    await page.locator(CHANGED).locator("[data-action=menu]").click()
    await expect(page.locator("picture-menu [data-slot=enlarged]")).to_be_visible()
    await expect(page.locator("picture-menu [data-slot=redrawn]")).to_be_hidden()
    await page.keyboard.press("Escape")
    # How it was made says so, and is used again with the part.
    await page.locator(CHANGED).locator("a.tile__open").click()
    viewer = page.locator("dialog.viewer")
    await expect(viewer.locator(".settings")).to_contain_text("a part of a picture, edited")
    await viewer.locator('[data-use="everything"]').click()
    await expect(page.locator(PART)).to_have_text("A part")
    await page.click(PART)
    await opened(page)
    await expect(page.locator(SHARE)).to_contain_text("% of the picture may change")
    await page.close()


async def test_with_keys_alone_a_part_is_marked_and_the_picture_made(visit: Visitor, prepared: Prepared) -> None:
    page = await prepared.open(visit, "edit")
    await page.focus(PART)
    await page.keyboard.press("Enter")
    await opened(page)
    press = page.keyboard.press
    # From the middle to the right, with Space held down; then a dot further down, and it is taken back.
    for _ in range(2):
        await press("ArrowRight")
    await page.keyboard.down(" ")
    for _ in range(6):
        await press("ArrowRight")
    await page.keyboard.up(" ")
    one = await page.locator(SHARE).text_content()
    assert one and one.endswith("may change")
    for _ in range(12):
        await press("ArrowDown")
    await press(" ")
    await expect(page.locator(SHARE)).not_to_have_text(one)
    await press("z")
    await expect(page.locator(SHARE)).to_have_text(one)
    # Enter holds the brush down for who cannot; a larger one erases more.
    await press("Enter")
    await press("ArrowLeft")
    await press("Enter")
    await expect(page.locator(SHARE)).not_to_have_text(one)
    await press("Control+z")
    await expect(page.locator(SHARE)).to_have_text(one)
    size = page.locator(f"{BRUSH} [data-slot=size]")
    before = float(await size.input_value())
    await press("]")
    assert float(await size.input_value()) > before
    await press("[")
    assert float(await size.input_value()) == pytest.approx(before)
    # Every button is reached with Tab, and Esc keeps what is painted.
    for action in ("paint", "erase"):
        await press("Tab")
        await expect(page.locator(f"{BRUSH} [data-action={action}]")).to_be_focused()
    await press("Escape")
    await expect(page.locator(BRUSH)).to_be_hidden()
    await say(page, "a red balloon")
    await expect(page.locator(CHANGED)).to_have_count(1, timeout=PAINTING_MS)
    differs = await prepared.differences(page)
    assert share_within(differs, 0.56, 0.47, 0.74, 0.53) > 0.5
    for beyond in ((0, 0, 0.45, 1), (0, 0, 1, 0.4), (0, 0.6, 1, 1), (0.9, 0, 1, 1)):
        assert share_within(differs, *beyond) == 0
    await page.close()


async def test_with_a_finger_on_a_phone(browser: Any, prepared: Prepared) -> None:
    async with signed_in(browser, prepared.ada, **TOUCH) as visitor:
        page = await prepared.open(visitor, "part")
        box = await opened(page)
        assert box["width"] == PHONE["width"]
        # All of the bar is in sight, and large enough for a finger.
        for button in await page.locator(f"{BRUSH} .brush__bar .button").all():
            place = await button.bounding_box()
            assert place is not None and place["height"] >= 44
            assert place["x"] >= 0 and place["x"] + place["width"] <= PHONE["width"]
            assert place["y"] + place["height"] <= PHONE["height"]
        found = await complaints_about(page, "the brush on a phone")
        await page.set_viewport_size(PHONE)
        box = await opened(page)
        await touch(page, box, (0.2, 0.5), (0.3, 0.5), (0.4, 0.5))
        await expect(page.locator(SHARE)).to_contain_text("% of the picture may change")
        await page.click(f"{BRUSH} [data-action=done]")
        await expect(page.locator(PART)).to_have_text("A part")
        await page.fill(TEXT, "a red balloon")
        await page.click(".composer__send")
        await expect(page.locator(CHANGED)).to_have_count(1, timeout=PAINTING_MS)
        differs = await prepared.differences(page)
        assert share_within(differs, 0.2, 0.46, 0.4, 0.54) > 0.5
        assert share_within(differs, 0.55, 0, 1, 1) == 0
        assert not found, "\n".join(found)


@pytest.mark.parametrize(("width", "height"), [(844, 390), (568, 320), (320, 568), (1280, 800)])
async def test_the_picture_has_the_window_and_the_bar_is_whole(
    browser: Any, prepared: Prepared, width: int, height: int
) -> None:
    touch = {"has_touch": True, "is_mobile": True} if width < 1000 else {}
    async with signed_in(browser, prepared.ada, viewport={"width": width, "height": height}, **touch) as visitor:
        page = await prepared.open(visitor, "edit")
        await page.click(PART)
        box = await opened(page)
        # As high, or as wide, as what the bar and its words leave.
        assert box["height"] >= 0.75 * height or box["width"] >= 0.9 * width
        for part in await page.locator(f"{BRUSH} .brush__bar :is(.button, input, p)").all():
            place = await part.bounding_box()
            assert place is not None
            assert place["x"] >= 0 and place["x"] + place["width"] <= width
            assert place["y"] >= 0 and place["y"] + place["height"] <= height


async def touch(page: Page, box: dict[str, float], *places: tuple[float, float]) -> None:
    client = await page.context.new_cdp_session(page)
    for number, (x, y) in enumerate(places):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
        kind = "touchMove" if number else "touchStart"
        await client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    await client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def test_what_was_painted_is_erased_taken_back_cleared_and_goes_with_its_picture(
    visit: Visitor, prepared: Prepared
) -> None:
    page = await prepared.open(visit, "edit")
    await expect(page.locator(PART)).to_have_text("Part")
    await page.click(PART)
    box = await opened(page)
    undo, clear = [page.locator(f"{BRUSH} [data-action={action}]") for action in ("undo", "clear")]
    await expect(undo).to_be_disabled()
    await expect(clear).to_be_disabled()
    await drag(page, box, (0.3, 0.3), (0.6, 0.3))
    painted = await page.locator(SHARE).text_content()
    await page.click(f"{BRUSH} [data-action=erase]")
    await drag(page, box, (0.3, 0.3), (0.6, 0.3))
    await expect(page.locator(SHARE)).not_to_have_text(painted or "")
    await undo.click()
    await expect(page.locator(SHARE)).to_have_text(painted or "")
    await clear.click()
    await expect(page.locator(SHARE)).to_have_text("Nothing is painted yet")
    await undo.click()
    await expect(page.locator(SHARE)).to_have_text(painted or "")
    # A page that is loaded anew under the brush has kept it. What is closed with nothing painted marks nothing; what was
    # painted before is there again.
    await page.reload()
    await expect(page.locator(PART)).to_have_text("A part")
    assert await page.evaluate(MASK)
    await page.click(PART)
    await opened(page)
    await expect(page.locator(SHARE)).to_have_text(painted or "")
    await clear.click()
    await page.keyboard.press("Escape")
    await expect(page.locator(PART)).to_have_text("Part")
    assert await page.evaluate(MASK) == ""
    # By its own press, and with the picture.
    for way in (REMOVE, "[data-name=source_asset_id]"):
        await page.click(PART)
        await drag(page, await opened(page), (0.3, 0.3), (0.6, 0.3))
        await page.keyboard.press("Escape")
        await expect(page.locator(PART)).to_have_text("A part")
        await page.click(way)
        assert await page.evaluate(MASK) == ""
    await expect(page.locator(PART)).to_be_hidden()
    await page.close()


async def test_a_picture_that_does_not_come_is_told_and_the_part_that_was_painted_stays(
    visit: Visitor, prepared: Prepared
) -> None:
    visit.announce("404", "net::ERR_FAILED")
    page = await prepared.open(visit, "edit")
    await page.click(PART)
    await drag(page, await opened(page), (0.3, 0.3), (0.6, 0.3))
    await page.keyboard.press("Escape")
    await expect(page.locator(PART)).to_have_text("A part")
    mask = await page.evaluate(MASK)
    await page.route("**/files/*/1024.webp", lambda route: route.abort())
    await page.click(PART)
    await expect(page.locator("toast-notice [data-slot=words]")).to_contain_text("cannot be loaded right now")
    await expect(page.locator(BRUSH)).to_be_hidden()
    assert await page.evaluate(MASK) == mask
    await page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_the_opened_brush(browser: Any, prepared: Prepared, theme: str) -> None:
    async with signed_in(browser, prepared.ada, color_scheme=theme) as visitor:
        page = await prepared.open(visitor, "edit")
        await page.click(PART)
        box = await opened(page)
        found = await complaints_about(page, f"the brush, {theme}")
        await drag(page, box, (0.3, 0.3), (0.6, 0.3))
        found += await complaints_about(page, f"the brush with something painted, {theme}")
        await page.keyboard.press("Escape")
        found += await complaints_about(page, f"the composer with a part, {theme}")
        assert not found, "\n".join(found)
