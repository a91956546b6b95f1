"""A picture is changed: which one is said before the press, whichever way it came, and what came of it is beside it."""

import asyncio
import base64
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Page, Route, expect

from tests.imaging import samples
from tests.support.browser import PAINTING_MS, PHONE, TEXT, Visitor, say, signed_in
from tests.support.late_answers import hold_answers, release_answer
from tests.support.story import ApiUser, sign_up

pytestmark = pytest.mark.browser

CHIP, REMOVE, SEND = "[data-setting=source]", "[data-name=source_asset_id]", ".composer__send"
TOAST = "toast-notice [data-slot=words]"
TOUCH = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
# Gives the page a file, as the clipboard and a drag do.
GIVE = """([type, name, mime, encoded]) => {
  const data = new DataTransfer()
  data.items.add(new File([Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0))], name, { type: mime }))
  const options = { bubbles: true, cancelable: true }
  document.querySelector('.stream').dispatchEvent(type === 'paste'
    ? new ClipboardEvent('paste', { clipboardData: data, ...options })
    : new DragEvent(type, { dataTransfer: data, ...options }))
}"""
SOURCE = "document.querySelector('[name=source_asset_id]').value"
FIELDS = "() => Object.fromEntries(new FormData(document.querySelector('.composer__box')))"


def png(colour: str, size: tuple[int, int] = (150, 100)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


async def give(page: Page, how: str, data: bytes, name: str = "beach.png", mime: str = "image/png") -> None:
    await page.evaluate(GIVE, [how, name, mime, base64.b64encode(data).decode()])


async def choose_file(page: Page, data: bytes, name: str = "beach.png") -> None:
    await page.click(CHIP)
    async with page.expect_file_chooser() as chosen:
        await page.click("[data-action=choose-file]")
    payload: FilePayload = {"name": name, "mimeType": "image/png", "buffer": data}
    await (await chosen.value).set_files(payload)


async def chosen(page: Page, before: str = "") -> str:
    """The source that the composer has now, once it is another than `before`, with its thumbnail in sight."""
    await page.wait_for_function(f"(before) => {SOURCE} !== before", arg=before)
    await page.wait_for_function(f"() => !{SOURCE} || document.querySelector('{CHIP} img').naturalWidth > 0")
    source: str = await page.evaluate(SOURCE)
    return source


class Prepared:
    """Ada's session with one picture, and another session of hers."""

    def __init__(self, ada: ApiUser, session: dict[str, Any], other: dict[str, Any], picture: dict[str, Any]) -> None:
        self.ada, self.session, self.other, self.picture = ada, session, other, picture
        self.asset = picture["assets"][0]


@pytest.fixture
async def prepared(product: Any) -> Prepared:
    ada = await sign_up(product, "Ada")
    session, other = await ada.buys("pro", "Lighthouses"), await ada.buys("pro", "Elsewhere")
    chat = await ada.joins(session)
    made = {"width": 512, "height": 384, "style": "oil", "negative_prompt": "people", "seed": 77}
    message = await chat.sees_ended(await chat.generates("a lighthouse on a cliff", **made))
    await chat.leaves()
    return Prepared(ada, session, other, message["generations"][0])


@pytest.fixture
async def visit(browser: Any, prepared: Prepared) -> AsyncIterator[Visitor]:
    async with signed_in(browser, prepared.ada) as visitor:
        yield visitor


async def hold_upload(page: Page) -> tuple[asyncio.Event, asyncio.Event]:
    """Keeps the answer to the next upload on its way. Returns what tells that it is, and what lets it come."""
    answered, released = asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        answer = await route.fetch()
        answered.set()
        await released.wait()
        await route.fulfill(response=answer)

    await page.route("**/uploads?**", answer_late, times=1)
    return answered, released


async def test_a_picture_comes_by_paste_drop_and_file_dialog_and_goes_by_a_press(
    visit: Visitor, prepared: Prepared
) -> None:
    visit.announce("422 POST .*/uploads", "status of 422")
    page = await visit.open_session(prepared.session)
    await give(page, "paste", png("teal"))
    pasted = await chosen(page)
    await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")
    await expect(page.locator(CHIP)).to_have_text("Vary")
    await expect(page.locator('[data-setting="ratio"] [data-slot="chosen"]')).to_have_text("3:2")
    await page.click(REMOVE)
    assert await chosen(page, pasted) == ""
    await expect(page.locator(CHIP)).to_have_text("Picture")
    # No picture is made without the one that is still on its way.
    answered, released = await hold_upload(page)
    await give(page, "paste", png("olive"))
    await answered.wait()
    await say(page, "made of olives")
    problem, hint = page.locator(".composer__problem"), page.locator(".composer__hint")
    await expect(problem).to_have_text("The picture is still being uploaded.")
    await expect(hint).to_have_text("Esc goes back to words")
    released.set()
    olive = await chosen(page)
    await expect(problem).to_be_hidden()
    await expect(page.locator(SEND)).to_have_text(re.compile("^Vary"))
    await page.click(REMOVE)
    assert await chosen(page, olive) == ""
    await page.reload()
    await give(page, "dragover", png("navy"))
    await expect(page.locator("source-chooser")).to_have_attribute("data-local-over", "")
    await give(page, "drop", png("navy"))
    dropped = await chosen(page)
    await expect(page.locator("source-chooser")).not_to_have_attribute("data-local-over", "")
    await choose_file(page, png("gold", (100, 150)))
    filed = await chosen(page, dropped)
    assert len({pasted, dropped, filed}) == 3
    # The chip says it after a reload, too.
    await page.reload()
    assert await chosen(page) == filed
    await page.click(CHIP)
    await expect(page.locator(".source__upload")).to_have_count(4)
    await expect(page.locator("source-chooser")).to_contain_text("4 of 50 uploads in this session")
    await page.click(f'[data-asset="{pasted}"]')
    assert await chosen(page, filed) == pasted
    # What is no picture, too large or broken is said, and the picture that was chosen stays.
    for data, name, mime, words in (
        (b"%PDF", "letter.pdf", "application/pdf", "That is no picture"),
        (bytes(11 * 1024 * 1024), "huge.png", "image/png", "huge.png has 11.0 MB"),
        (samples.noise("JPEG")[:-2000], "cut.jpg", "image/jpeg", "not a whole picture"),
    ):
        await give(page, "paste", data, name, mime)
        await expect(page.locator(TOAST)).to_contain_text(words)
    assert await page.evaluate(SOURCE) == pasted
    # What was asked for last is taken, whichever answer comes last; and a choice that was made before the answer stays.
    await hold_answers(page, "/assets/")
    use = "(asset) => void document.querySelector('source-chooser').use({ use: 'variation', asset })"
    for asset in (dropped, filed):
        await page.evaluate(use, asset)
    await release_answer(page, 1)
    assert await chosen(page, pasted) == filed
    await release_answer(page, 0)
    assert await page.evaluate(SOURCE) == filed
    await hold_answers(page, "/sources?")
    await page.click(CHIP)
    await page.locator('[name="source-change"][value="edit"]').check()
    await release_answer(page, 0)
    await expect(page.locator('[name="source-change"][value="edit"]')).to_be_checked()
    # An upload that another choice has overtaken changes nothing of it, and nothing seems to be on its way after it.
    await page.keyboard.press("Escape")
    answered, released = await hold_upload(page)
    await give(page, "paste", png("teal"))
    await answered.wait()
    await page.evaluate(use, pasted)
    await release_answer(page, 1)
    assert await chosen(page, filed) == pasted
    await expect(page.locator("source-chooser")).to_have_attribute("data-local-busy", "")
    released.set()
    await expect(page.locator("source-chooser")).not_to_have_attribute("data-local-busy", "")
    assert await page.evaluate(SOURCE) == pasted
    await page.close()


async def test_an_upload_over_a_slow_line_says_how_far_it_is_and_can_be_cancelled(
    visit: Visitor, prepared: Prepared
) -> None:
    page = await visit.open_session(prepared.session)
    network = await page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 40_000}
    await network.send("Network.emulateNetworkConditions", slow)
    await page.evaluate("""() => {
      window.spoken = []
      const region = document.querySelector('live-region')
      const changes = { childList: true, subtree: true, characterData: true }
      new MutationObserver(() => spoken.push(region.textContent)).observe(region, changes)
    }""")
    await give(page, "paste", samples.noise("PNG", (512, 512)), "beach.png")
    chip = page.locator("[data-action=cancel-upload]")
    await page.wait_for_function("() => spoken.length > 0")
    share = int(re.fullmatch(r"Cancel the upload,\s+(\d+) %", (await chip.inner_text()).strip())[1])
    assert 25 <= share < 100
    assert re.fullmatch(r"\d\d percent of beach.png sent\.", (await page.evaluate("() => spoken"))[0])
    await chip.click()
    await expect(chip).to_be_hidden()
    await expect(page.locator(CHIP)).to_be_focused()
    await expect(page.locator(TOAST)).to_have_text("The upload is cancelled.")
    await expect(page.locator("source-chooser")).not_to_have_attribute("data-local-busy", "")
    assert await page.evaluate(SOURCE) == ""
    assert (await prepared.ada.call("GET", "/uploads"))["uploads"] == []


@pytest.mark.parametrize("how", ["unheard", "cut"])
async def test_an_upload_whose_answer_is_lost_is_sent_again_and_taken_once(
    visit: Visitor, prepared: Prepared, how: str
) -> None:
    page = await visit.open_session(prepared.session)

    async def lose_answer(route: Route) -> None:
        await route.fetch()
        await (route.abort() if how == "unheard" else route.fulfill(status=201, body='{"asset":'))

    visit.announce("ERR_FAILED.*/uploads")
    await page.route("**/uploads?**", lose_answer, times=1)
    await give(page, "paste", png("teal"))
    taken = await chosen(page)
    [upload] = (await prepared.ada.call("GET", "/uploads"))["uploads"]
    assert upload["id"] == taken
    # A server that does not answer for now has not lost the picture.
    visit.announce("503")
    await page.route("**/sources?**", lambda route: route.fulfill(status=503, json={}))
    await page.click(CHIP)
    await expect(page.locator(TOAST)).to_contain_text("cannot be reached right now")
    assert await page.evaluate(SOURCE) == taken


async def test_a_picture_is_varied_and_edited_and_both_know_each_other(visit: Visitor, prepared: Prepared) -> None:
    page = await visit.open_session(prepared.session)
    card = page.locator(f'generation-card[data-id="{prepared.picture["id"]}"]')
    await card.hover()
    await card.locator("[data-use=variation]").click()
    assert await chosen(page) == prepared.asset["id"]
    await expect(page.locator(TEXT)).to_have_value("a lighthouse on a cliff")
    await expect(page.locator(TEXT)).to_be_focused()
    await expect(page.locator(SEND)).to_contain_text("Vary 1 · 1 of")
    await page.click(CHIP)
    await page.click('.source__strength label:has-text("A little")')
    await page.keyboard.press("Escape")
    await expect(page.locator("source-chooser")).to_be_hidden()
    fields = await page.evaluate(FIELDS)
    assert (fields["change"], fields["strength"], fields["ratio"], fields["size"]) == ("variation", "0.3", "4:3", "512")
    await page.press(TEXT, "Enter")
    varied = page.locator(".batch:has(.batch__source) generation-card[data-status=done]")
    await expect(varied).to_have_count(1, timeout=PAINTING_MS)
    assert await page.evaluate(SOURCE) == ""
    await expect(page.locator(".batch__source")).to_have_text("Varied from this picture")
    # From the result to the source, and back.
    await page.click(".batch__source")
    viewer = page.locator("dialog.viewer")
    await expect(viewer).to_be_visible()
    results = viewer.locator("[data-slot=results] a")
    await expect(results).to_have_count(1)
    await results.click()
    await expect(viewer.locator("[data-slot=source] a")).to_have_count(1)
    await expect(viewer.locator(".settings")).to_contain_text("a picture, varied, 30 %")
    # The two are compared, in a tab beside this one.
    async with page.context.expect_page() as opening:
        await viewer.get_by_role("link", name="Compare the two").click(modifiers=["Control"])
    comparison = await opening.value
    await expect(comparison.locator(".compare__picture")).to_have_count(2)
    await expect(comparison.locator(".compare__settings")).to_contain_text("512 × 384")
    await comparison.close()
    # An edit of the result, by the composer.
    result = await varied.get_attribute("data-asset")
    await page.goto(f"{page.url.split('?')[0]}?use=edit&from={result}")
    assert await chosen(page) == result
    await expect(page.locator(TEXT)).to_have_attribute("placeholder", "What should change?")
    await expect(page.locator(SEND)).to_contain_text("Edit 1")
    await say(page, "make it night")
    await expect(page.locator(".batch__source")).to_have_count(2)
    await expect(page.locator(".batch__source").last).to_have_text("Edited from this picture")
    await expect(varied).to_have_count(2, timeout=PAINTING_MS)
    answer = await prepared.ada.call("GET", f"/assets/{await varied.first.get_attribute('data-asset')}")
    assert answer["source"]["id"] == prepared.asset["id"]
    assert [each["origin"] for each in answer["results"]] == ["generation"]
    assert answer["generation"]["strength"] == 0.3
    await page.close()


async def test_what_made_a_picture_is_used_again_here_and_in_another_session(
    visit: Visitor, prepared: Prepared
) -> None:
    page = await visit.open_session(prepared.session)
    card = page.locator(f'generation-card[data-id="{prepared.picture["id"]}"]')

    async def use(what: str) -> None:
        await card.hover()
        await card.locator("[data-action=menu]").click()
        await page.click(f'picture-menu [data-use="{what}"]')

    await use("prompt")
    await expect(page.locator(TEXT)).to_have_value("a lighthouse on a cliff")
    assert (await page.evaluate(FIELDS))["seed"] == ""
    await page.fill(TEXT, "my own words")
    await use("seed")
    await expect(page.locator('[name="seed"]')).to_have_value("77")
    await expect(page.locator(TEXT)).to_have_value("my own words")
    await page.goto(f"{visit.product.url}/sessions/{prepared.other['id']}?use=everything&from={prepared.asset['id']}")
    await expect(page.locator(TEXT)).to_have_value("a lighthouse on a cliff")
    fields = await page.evaluate(FIELDS)
    wanted = {"style": "oil", "negative_prompt": "people", "seed": "77", "ratio": "4:3", "size": "512"}
    assert {name: fields[name] for name in wanted} == wanted
    assert not fields["source_asset_id"]
    assert "use=" not in page.url
    # A source of another session: the result's link leads to it.
    await page.goto(f"{visit.product.url}/sessions/{prepared.other['id']}?use=edit&from={prepared.asset['id']}")
    await page.wait_for_function(f"() => {SOURCE}")
    await say(page, "in the snow")
    await expect(page.locator("generation-card[data-status=done]")).to_have_count(1, timeout=PAINTING_MS)
    await page.click(".batch__source")
    await page.wait_for_url(f"**/sessions/{prepared.session['id']}#generation_{prepared.picture['id']}")
    await page.close()


async def test_who_may_not_see_the_source_sees_that_there_is_one(browser: Any, prepared: Prepared) -> None:
    bob = await sign_up(prepared.ada.product, "Bob")
    await bob.accepts(await prepared.ada.invites(prepared.other))
    chat = await prepared.ada.joins(prepared.other)
    await chat.sees_ended(
        await chat.generates("in the snow", source_asset_id=prepared.asset["id"], change="edit", width=64, height=64)
    )
    await chat.leaves()
    async with signed_in(browser, bob) as visitor:
        visitor.announce(f"404 GET .*/files/{prepared.asset['id']}/", "status of 404")
        page = await visitor.open_session(prepared.other)
        await expect(page.locator(".batch__source")).to_have_text("Edited from this picture")
        await page.wait_for_function("() => document.querySelector('.batch__source img').complete")


async def test_on_a_phone_it_is_a_sheet_with_the_camera(browser: Any, prepared: Prepared) -> None:
    async with signed_in(browser, prepared.ada, **TOUCH) as visitor:
        page = await visitor.open_session(prepared.session)
        card = page.locator(f'generation-card[data-id="{prepared.picture["id"]}"]')
        await card.locator("[data-action=menu]").tap()
        await page.locator('picture-menu [data-use="variation"]').tap()
        assert await chosen(page) == prepared.asset["id"]
        await page.tap(CHIP)
        async with page.expect_file_chooser() as camera:
            await page.tap("[data-action=take-photo]")
        assert await (await camera.value).element.get_attribute("capture") == "environment"
        sheet = await page.locator("source-chooser").bounding_box()
        assert sheet is not None
        assert (sheet["x"], sheet["width"]) == (0, PHONE["width"])
        assert sheet["y"] + sheet["height"] == PHONE["height"]
        small = """() => [...document.querySelectorAll('source-chooser :is(button, label)')]
          .filter((each) => each.checkVisibility())
          .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
          .filter(([, { width, height }]) => Math.min(width, height) < 44).map(([words]) => words)"""
        assert await page.evaluate(small) == []
        payload: FilePayload = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": samples.picture("JPEG")}
        await (await camera.value).set_files(payload)
        await chosen(page, prepared.asset["id"])
