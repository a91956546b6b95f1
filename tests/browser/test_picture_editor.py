"""A picture is changed in the lightbox: words, a part, the stages and the result, which is compared with it there."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import DRILL
from tests.support.axe import complaints_about
from tests.support.browser import PAINTING_MS, TEXT, Visitor, signed_in
from tests.support.story import ApiUser, sign_up

pytestmark = pytest.mark.browser

VIEWER, EDITOR, BRUSH = "dialog.viewer", "dialog.editor", "dialog.brush"
RESULTS = ".batch:has(.batch__source) generation-card[data-status=done]"
SHARE = "() => document.querySelector('.editor .compare__stage').style.getPropertyValue('--share')"
# How much of what is painted lies over the picture, in pixels.
PAINTED = """() => {
  const { width, height } = document.querySelector('.editor canvas')
  const { data } = document.querySelector('.editor canvas').getContext('2d').getImageData(0, 0, width, height)
  return data.filter((value, index) => index % 4 === 3 && value > 0).length
}"""


class Prepared:
    """Ada's session with one picture."""

    def __init__(self, ada: ApiUser, session: dict[str, Any], picture: dict[str, Any]) -> None:
        self.ada, self.session, self.picture = ada, session, picture

    def card(self, page: Page) -> Locator:
        return page.locator(f'generation-card[data-id="{self.picture["id"]}"]')

    async def open(self, visitor: Visitor) -> Page:
        """The session's page with the picture in the lightbox."""
        page = await visitor.open_session(self.session)
        await self.card(page).locator("a.tile__open").click()
        await expect(page.locator(VIEWER)).to_be_visible()
        return page


@pytest.fixture(params=["flash"])
async def prepared(product: Any, request: Any) -> Prepared:
    ada = await sign_up(product, "Ada")
    session = await ada.buys(request.param, "Lighthouses")
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a lighthouse on a cliff", width=512, height=384))
    await chat.leaves()
    return Prepared(ada, session, message["generations"][0])


@pytest.fixture
async def visit(browser: Any, prepared: Prepared) -> AsyncIterator[Visitor]:
    async with signed_in(browser, prepared.ada) as visitor:
        yield visitor


async def change(page: Page) -> Locator:
    """Presses *Change* in the lightbox; the editor, once it can be written in."""
    await page.click(f"{VIEWER} [data-use=change]")
    editor = page.locator(EDITOR)
    await expect(editor.get_by_label("What should")).to_be_focused()
    return editor


async def test_a_picture_is_changed_beside_itself_and_the_result_is_kept_made_again_or_left(
    visit: Visitor, prepared: Prepared
) -> None:
    page = await prepared.open(visit)
    editor = await change(page)
    create = editor.locator("[type=submit]")
    await expect(create).to_have_text("Edit 1 · 1 of 7 credits")
    await page.keyboard.type("make it night")
    await page.keyboard.press("Enter")
    keep, again, back = (editor.get_by_role("button", name=name) for name in ("Keep", "Again", "Back"))
    await expect(keep).to_be_visible(timeout=PAINTING_MS)
    await expect(editor.locator("[data-slot=told]")).to_have_text("Picture ready.")
    # The two are compared with the arrow keys, at once and wherever the focus is.
    await expect(editor.get_by_label("How much of the picture before")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    assert await page.evaluate(SHARE) == "49%"
    await keep.focus()
    await page.keyboard.press("ArrowRight")
    assert await page.evaluate(SHARE) == "54%"
    # Another try is another version of the same message.
    await again.click()
    await expect(keep).to_be_hidden()
    await expect(keep).to_be_visible(timeout=PAINTING_MS)
    await expect(again).to_have_text("Again · 1 of 5 credits")
    await expect(page.locator(".batch:has(.batch__source) [data-version]")).to_have_count(2)
    newest = await page.locator(RESULTS).first.get_attribute("data-asset")
    await keep.click()
    await expect(editor).to_be_hidden()
    viewer = page.locator(VIEWER)
    await expect(viewer.locator("[data-slot=source] a")).to_have_count(1)
    await expect(viewer.locator("[data-slot=compare] a")).to_have_attribute("href", re.compile(f"second={newest}$"))
    # From a tile, too. To go back leaves the result where it is, and the words for another try.
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await prepared.card(page).hover()
    await prepared.card(page).locator("[data-use=change]").click()
    await expect(editor.get_by_label("What should change?")).to_have_value("")
    await editor.get_by_label("What should change?").fill("make it snow")
    await create.click()
    await expect(back).to_be_visible(timeout=PAINTING_MS)
    await back.click()
    await expect(editor).to_be_hidden()
    await expect(viewer.locator("[data-slot=results] a")).to_have_count(3)
    editor = await change(page)
    await expect(editor.get_by_label("What should change?")).to_have_value("make it snow")
    await page.close()


@pytest.mark.parametrize("prepared", ["flash-lite"], indirect=True)
async def test_what_is_typed_and_painted_outlives_leaving_and_what_is_refused_is_told_there(
    visit: Visitor, prepared: Prepared
) -> None:
    visit.announce("ERR_INTERNET_DISCONNECTED", "WebSocket")
    page = await prepared.open(visit)
    editor = await change(page)
    await page.keyboard.type(f"an {DRILL} balloon")
    await editor.get_by_role("button", name="Only a part").click()
    await expect(page.locator(f"{BRUSH} [data-slot=surface]")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowRight")
    # Step by step: the brush, the editor, the lightbox.
    await page.keyboard.press("Escape")
    await expect(page.locator(BRUSH)).to_be_hidden()
    await expect(editor.get_by_role("button", name="Paint the part")).to_be_focused()
    await page.go_back()
    await expect(editor).to_be_hidden()
    await expect(page.locator(VIEWER)).to_be_visible()
    await page.go_forward()
    await expect(editor).to_be_visible()
    await page.reload()
    await expect(editor.get_by_label("What should be there?")).to_have_value(f"an {DRILL} balloon")
    assert await page.evaluate(PAINTED) > 0
    # A failure is told with its credit, and the words and the part stay.
    await editor.locator("[type=submit]").click()
    problem = editor.locator("[data-slot=problem]")
    await expect(problem).to_contain_text("1 credit returned.", timeout=PAINTING_MS)
    await expect(editor.get_by_label("What should be there?")).to_have_value(f"an {DRILL} balloon")
    assert await page.evaluate(PAINTED) > 0
    # What the server refuses is told there, and not in the composer as well: here the last credits went elsewhere.
    await visit.context.set_offline(True)
    await editor.get_by_label("What should be there?").fill("a balloon")
    await editor.locator("[type=submit]").click()
    await expect(editor.get_by_text("Goes out when the connection is back")).to_be_visible()
    chat = await prepared.ada.joins(prepared.session)
    for boat in ("a boat", "another boat"):
        await chat.generates(boat)
    await visit.context.set_offline(False)
    await expect(problem).to_contain_text("credit")
    await expect(editor.get_by_label("What should be there?")).to_have_value("a balloon")
    assert await page.input_value(TEXT) == ""
    # Until one is back it waits as from the composer, where it can be edited.
    await expect(editor.locator("[type=submit]")).to_have_text(re.compile("^Run at "))
    await editor.locator("[type=submit]").click()
    await expect(editor.get_by_text("It runs at")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.click("[data-action=edit-deferred]")
    await expect(page.locator(TEXT)).to_have_value("a balloon")
    assert await page.evaluate("document.querySelector('.composer [name=mask]').value")
    await chat.leaves()
    await page.close()


async def test_axe_finds_nothing_in_the_editor(browser: Any, prepared: Prepared) -> None:
    async with signed_in(browser, prepared.ada) as visitor:
        page = await prepared.open(visitor)
        editor = await change(page)
        found = await complaints_about(page, "the editor")
        await editor.locator("[value=variation]").check()
        await expect(editor.get_by_label("Describe the picture")).to_have_value("a lighthouse on a cliff")
        found += await complaints_about(page, "the editor, for a variation")
        await editor.locator("[type=submit]").click()
        await expect(editor.get_by_role("button", name="Keep")).to_be_visible(timeout=PAINTING_MS)
        found += await complaints_about(page, "the editor with a result")
        assert not found, "\n".join(found)
