"""Pictures have the page: a batch is seen whole and sharp, its foot and its keys are few, and the lightbox walks through
all of it. One session with every shape of batch serves the whole module."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Page, Route, expect

from tests.emulators.huggingface import Hang
from tests.support.browser import LIVE, PHONE, Visitor, ask_for_pictures, is_at_its_end, signed_in
from tests.support.late_answers import hold_undo_periods, release_undo_periods
from tests.support.product import Product
from tests.support.story import ApiUser, SessionSocket, sign_up

pytestmark = pytest.mark.browser

SIZES = ((1440, 900), (1280, 800), (768, 1024), (390, 844))
LONG = "a harbour town in eight hands, with boats, gulls, ropes and a lighthouse behind the fog; " * 6
BATCHES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("four squares", {"width": 512, "height": 512, "count": 4}),
    ("three tall ones", {"width": 576, "height": 1024, "count": 3}),
    (LONG, {"width": 512, "height": 288, "count": 4}),
    ("two wide ones", {"width": 1024, "height": 512, "count": 2}),
    ("a tower", {"width": 576, "height": 1024, "count": 1}),
    ("a strip of sea", {"width": 1024, "height": 64, "count": 1}),
)
# For each batch, with its prompt at the top of the stream: what of it lies outside of the visible part, and whether its
# tiles have the ratio of their pictures and do not lie over each other or the foot.
MEASURE = """async () => {
const scroller = document.querySelector('[data-slot="scroll"]')
const box = (node) => node.getBoundingClientRect()
const frame = () => new Promise(requestAnimationFrame)
const measure = async (message) => {
  // What is out of view is laid out once it has come into view.
  message.scrollIntoView()
  for (let frames = 0; frames < 3; frames++) await frame()
  const prompt = message.querySelector('.message__prompt'), foot = message.querySelector('.batch__foot')
  const tiles = [...message.querySelectorAll('.tile__frame')]
  scroller.scrollTop += box(prompt).top - box(scroller).top
  const high = box(foot).bottom - box(prompt).top - scroller.clientHeight
  const wide = Math.max(...tiles.map((tile) => box(tile).right)) - box(scroller).left - scroller.clientWidth
  const over = tiles.some((a) => tiles.some((b) => a !== b && box(a).left < box(b).right - 1
    && box(b).left < box(a).right - 1 && box(a).top < box(b).bottom - 1 && box(b).top < box(a).bottom - 1))
  const onFoot = tiles.some((tile) => box(tile).bottom > box(foot).top + 1)
  const bent = tiles.map((tile) => {
    const { width, height } = tile.parentElement.dataset
    return Math.abs(box(tile).width / box(tile).height / (width / height) - 1)
  })
  return { prompt: prompt.textContent.slice(0, 16), high, wide, over, onFoot, bent: Math.max(...bent),
    area: box(tiles[0]).width * box(tiles[0]).height, rows: new Set(tiles.map((tile) => box(tile).top)).size }
}
const found = []
for (const each of document.querySelectorAll('chat-message:has(generation-batch)')) found.push(await measure(each))
return found
}"""
# Pictures whose file has fewer pixels than the screen shows of them, though there are more.
BLURRED = """() => [...document.querySelectorAll('.tile__picture')].filter((picture) => {
  const whole = Number(picture.closest('generation-card').dataset.width)
  const shown = picture.getBoundingClientRect().width * devicePixelRatio
  const loaded = picture.srcset.split(', ').map((each) => each.split(' '))
    .find(([address]) => picture.currentSrc.endsWith(address))
  return !picture.complete || !loaded || parseInt(loaded[1]) < Math.min(whole, shown) - 2
}).map((picture) => picture.currentSrc)"""
BATCH = "generation-batch >> nth=0"
# Another, for what is marked on a phone.
SWIPED_BATCH = "generation-batch >> nth=1"
VIEWER = "dialog.viewer"
TAP_TWICE = """(link) => {
  for (let tap = 0; tap < 2; tap++) {
    link.dispatchEvent(new PointerEvent('click', { pointerType: 'touch', bubbles: true, cancelable: true }))
  }
}"""
# Holds the next close event of the lightbox back, as a slow frame does, until the function that it leaves is called.
HOLD_CLOSE = """() => {
  const hold = (event) => {
    if (!event.target.matches?.('dialog.viewer')) return
    event.stopImmediatePropagation()
    removeEventListener('close', hold, true)
    window.releaseClose = () => event.target.dispatchEvent(new Event('close'))
  }
  addEventListener('close', hold, true)
}"""
# Another picture is opened while the browser is still on its way back from the entry of the first.
REOPEN_WHILE_LEAVING = """() => {
  const viewer = document.querySelector('dialog.viewer'), cards = document.querySelectorAll('generation-card[data-asset]')
  viewer.addEventListener('close', () => cards[1].querySelector('.tile__open').click(), { once: true })
  addEventListener('popstate', () => (window.wentBack = true), { once: true })
  viewer.querySelector('[data-action="close"]').click()
}"""
# What lies over the picture or clip in the lightbox.
COVERED = """() => {
  const dialog = document.querySelector('dialog.viewer'), box = (node) => node.getBoundingClientRect()
  const shown = box([...dialog.querySelectorAll('.viewer__picture')].find((each) => each.checkVisibility()))
  const parts = dialog.querySelectorAll('.viewer__head, .viewer__bar, .viewer__strip, .viewer__panel, .button')
  const over = [...parts].filter((part) => part.checkVisibility()).filter((part) => box(part).left < shown.right - 1
    && box(part).right > shown.left + 1 && box(part).top < shown.bottom - 1 && box(part).bottom > shown.top + 1)
  const outside = shown.left < -1 || shown.top < -1 || shown.right > innerWidth + 1 || shown.bottom > innerHeight + 1
  return [...over.map((part) => part.className), ...(outside ? ['the edge'] : []), ...(shown.width < 40 ? ['none'] : [])]
}"""

# Where the lightbox shows its picture or clip.
PICTURE_BOX = """() => {
  const shown = [...document.querySelectorAll('.viewer__picture')].find((each) => each.checkVisibility())
  const { left, top, width, height } = shown.getBoundingClientRect()
  return [left, top, width, height].map(Math.round)
}"""
# The file itself is drawn, and not its thumbnail.
WHOLE_IS_SHOWN = """() => {
  const shown = [...document.querySelectorAll('.viewer__picture')].find((each) => each.checkVisibility())
  return shown.readyState >= 1 || (shown.complete && shown.naturalWidth && !shown.src.includes('thumbnail'))
}"""
# Its buttons that one would have to scroll to.
BEYOND = """() => [...document.querySelectorAll('dialog.viewer .viewer__bar .button')].filter((each) => {
  const { left, right, top, bottom } = each.getBoundingClientRect()
  return each.checkVisibility() && (left < 0 || top < 0 || right > innerWidth + 1 || bottom > innerHeight + 1)
}).map((each) => each.title)"""


class Gallery(NamedTuple):
    """A session with all batches and a clip, its owner and the owner's socket."""

    product: Product
    owner: ApiUser
    session: dict[str, Any]
    socket: SessionSocket
    made: list[dict[str, Any]]


async def make(socket: SessionSocket, prompt: str, kind: str = "image", **fields: Any) -> dict[str, Any]:
    wanted = {"client_id": str(uuid.uuid4()), "kind": kind, "prompt": prompt, **fields}
    message: dict[str, Any] = (await socket.asks("generation.create", **wanted))["message"]
    return await socket.sees_ended(message)


@pytest.fixture(scope="module")
async def room(emulated_product: Product) -> AsyncIterator[Gallery]:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    socket = await ada.joins(session)
    made = [await make(socket, prompt, **fields) for prompt, fields in BATCHES]
    made.append(await make(socket, "waves at dusk", "video"))
    assert all(each["status"] == "done" for message in made for each in message["generations"])
    yield Gallery(emulated_product, ada, session, socket, made)
    await socket.leaves()


@pytest.fixture(scope="module")
async def visit(room: Gallery, browser) -> AsyncIterator[Visitor]:
    async with signed_in(browser, room.owner, device_scale_factor=2) as visitor:
        yield visitor


@pytest.fixture
async def page(room: Gallery, visit: Visitor) -> AsyncIterator[Page]:
    page = await visit.open_session(room.session)
    await everything(page)
    yield page
    await page.close()


async def everything(page: Page) -> None:
    """The whole session, of which a page loads the end first."""
    batches = page.locator("generation-batch")
    while await page.locator('[data-action="older"]').is_visible():
        before = await batches.count()
        await page.evaluate("() => (document.querySelector('[data-slot=scroll]').scrollTop = 0)")
        await page.wait_for_function(
            "(n) => document.querySelectorAll('generation-batch').length > n "
            "|| document.querySelector('[data-slot=older]').hidden",
            arg=before,
        )
    await expect(batches).to_have_count(len(BATCHES) + 1)


async def resize(page: Page, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await page.wait_for_function("(w) => innerWidth === w", arg=width)
    # A frame for the listeners of the resize, another for what they have changed.
    await page.evaluate("() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))")


async def test_every_batch_is_seen_whole_with_its_prompt_at_every_size_in_every_mode(page: Page) -> None:
    for mode in ("text", "image"):
        if mode == "image":
            await page.click('.composer__mode[data-mode="image"]')
        for width, height in SIZES:
            await resize(page, width, height)
            found = await page.evaluate(MEASURE)
            assert len(found) == len(BATCHES) + 1
            for each in found:
                said = (mode, width, height, each)
                assert each["high"] <= 0 and each["wide"] <= 0, said
                assert not each["over"] and not each["onFoot"], said
                strip = each["prompt"] == "a strip of sea"
                assert strip or each["bent"] < 0.02, said
                assert each["area"] >= 8_000, said
            squares = next(each for each in found if each["prompt"] == "four squares")
            assert squares["rows"] in {1, 2}, (mode, width, height, squares)
    await page.click('.composer__mode[data-mode="image"]')


async def test_pictures_are_as_sharp_as_the_screen(page: Page) -> None:
    for width, height in ((1440, 900), (390, 844)):
        await resize(page, width, height)
        for picture in await page.locator(".tile__picture").all():
            await picture.scroll_into_view_if_needed()
        await page.wait_for_function(f"() => ({BLURRED})().length === 0")


async def test_one_foot_says_and_offers_all_and_a_tile_is_one_stop_of_the_tab_key(page: Page) -> None:
    await resize(page, 1280, 800)
    batch = page.locator(BATCH)
    links = batch.locator(".downloads__main")
    await expect(links).to_have_count(4)
    await expect(links.first).to_have_attribute("aria-label", re.compile(r"^Download 1: PNG, 512 × 512 · [\d.]+ kB$"))
    stops = await batch.evaluate(
        "(node) => [...node.querySelectorAll('a, button')].filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length"
    )
    assert stops == 4 + 4 + 2  # a tile each, a file each, all of them, and the other formats
    await batch.locator(".tile__open").first.focus()
    for key, expected in (
        ("ArrowRight", "generation-card:nth-child(1) .tile__open"),
        ("ArrowDown", '[data-use="variation"]'),
        ("ArrowRight", '[data-use="change"]'),
        ("ArrowRight", '[data-action="retry"]'),
        ("ArrowRight", '[data-action="favorite"]'),
        ("ArrowRight", '[data-action="menu"]'),
        ("ArrowUp", ".tile__open"),
    ):
        await page.keyboard.press(key)
        assert await page.evaluate("(s) => document.activeElement.matches(s)", expected), key
    second = await batch.locator("generation-card").nth(1).get_attribute("id")
    assert await page.evaluate("() => document.activeElement.closest('generation-card').id") == second

    await batch.locator('[data-action="formats"]').click()
    files = page.locator(".picture-menu:popover-open a")
    await expect(files).to_have_count(3 * 4)
    async with page.expect_download() as downloading:
        await page.locator('.picture-menu:popover-open a[aria-label="Download JPEG"]').nth(2).click()
    assert (await downloading.value).suggested_filename.endswith(".jpg")

    await batch.locator("generation-card").first.hover()
    await batch.locator('[data-action="menu"]').first.click()
    menu = page.locator(".picture-menu:popover-open")
    await expect(menu).to_contain_text("Delete this picture")
    await expect(menu).to_contain_text("Seed")
    await menu.locator('[data-action="favorite"]').click()
    star = batch.locator(".tile__favorite").first
    await expect(star).to_have_attribute("aria-pressed", "true")
    await page.mouse.move(0, 0)
    await page.evaluate("() => document.activeElement.blur()")
    await expect(star).to_have_css("opacity", "1")
    await expect(batch.locator(".tile__favorite").nth(1)).to_have_css("opacity", "0")


async def test_a_favourite_is_found_again_in_the_history(room: Gallery, visit: Visitor) -> None:
    chosen = room.made[1]["generations"][0]["assets"][0]
    await room.socket.asks("asset.favorite", asset_id=chosen["id"], on=True)
    history = await visit.open("/history")
    await history.get_by_role("link", name="Favourites").click()
    await history.wait_for_url("**/history?favorite=true")
    await expect(history.locator(".history-row")).not_to_have_count(len(BATCHES))
    assert chosen["thumbnail_url"] in await history.locator("main").inner_html()
    shown = await history.locator(".history-row").count()
    await history.get_by_role("link", name="Clips").click()
    await expect(history.locator(".history-row")).to_have_count(0)
    assert shown < 15
    await history.close()


async def test_the_lightbox_walks_through_pictures_and_clips_and_covers_none(page: Page) -> None:
    await resize(page, 1280, 800)
    opener = page.locator(".tile__open").first
    await opener.click()
    viewer = page.locator(VIEWER)
    total = sum(fields["count"] for _, fields in BATCHES) + 1
    await expect(viewer.locator('[data-slot="count"]')).to_have_text(f"1 of {total}")
    await page.wait_for_function("() => document.querySelector('img.viewer__picture').src.endsWith('.webp')")
    for width, height in (*SIZES, (844, 390), (320, 640)):
        await resize(page, width, height)
        for panel in (True, False):
            if await viewer.locator('[data-slot="panel"]').is_visible() != panel:
                await page.keyboard.press("i")
            assert await page.evaluate(COVERED) == [], (width, height, panel)
            assert await page.evaluate(BEYOND) == [], (width, height, panel)
    await resize(page, 1280, 800)
    await expect(viewer.locator(".viewer__thumbnail")).to_have_count(total)
    await viewer.locator(".viewer__thumbnail").last.click()
    await expect(viewer.locator('[data-slot="count"]')).to_have_text(f"{total} of {total}")
    await page.wait_for_function("() => document.querySelector('video.viewer__picture').readyState >= 1")
    assert await page.evaluate(COVERED) == []
    await page.keyboard.press("ArrowLeft")
    await expect(viewer.locator("img.viewer__picture")).to_have_attribute("alt", "a strip of sea")
    await page.wait_for_function("() => document.querySelector('img.viewer__picture').naturalWidth > 0")
    assert await page.evaluate(COVERED) == []

    # Back closes it and stays in the session; Forward and a reload open what was shown.
    address = page.url
    await page.go_back()
    await expect(viewer).to_be_hidden()
    assert page.url == address
    await page.go_forward()
    await expect(viewer.locator("img.viewer__picture")).to_have_attribute("alt", "a strip of sea")
    await page.reload()
    await page.wait_for_selector(LIVE, state="attached")
    await expect(viewer.locator("img.viewer__picture")).to_have_attribute("alt", "a strip of sea")
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await page.wait_for_function("() => !history.state?.picture")
    assert page.url == address


async def test_the_lightbox_gives_each_file_its_own_size_before_it_is_here(page: Page) -> None:
    await resize(page, 1440, 900)
    viewer, files_come = page.locator(VIEWER), asyncio.Event()

    async def hold(route: Route) -> None:
        await files_come.wait()
        await route.continue_()

    await page.route(re.compile(r"/files/"), hold)  # thumbnails too: the network has just become slow
    await page.locator(".tile__open").first.click()
    thumbnails = viewer.locator(".viewer__thumbnail")
    await expect(thumbnails).to_have_count(sum(fields["count"] for _, fields in BATCHES) + 1)
    before = []
    for thumbnail in await thumbnails.all():
        await thumbnail.click()
        before.append(await page.evaluate(PICTURE_BOX))
    assert all(width > 40 for _, _, width, _ in before), before
    files_come.set()
    for number, thumbnail in enumerate(await thumbnails.all()):
        await thumbnail.click()
        await page.wait_for_function(WHOLE_IS_SHOWN)
        assert await page.evaluate(PICTURE_BOX) == before[number], number
    await page.unroute_all(behavior="ignoreErrors")


async def test_back_and_forward_in_quick_succession_leave_the_lightbox_open(page: Page) -> None:
    address = page.url
    await page.locator(".tile__open").first.click()
    viewer = page.locator(VIEWER)
    await expect(viewer).to_be_visible()
    await page.evaluate(HOLD_CLOSE)
    await page.go_back()
    await page.wait_for_function("() => window.releaseClose")
    await page.go_forward()
    await expect(viewer).to_be_visible()
    await page.evaluate("() => window.releaseClose()")
    await expect(viewer).to_be_visible()
    assert await viewer.locator("img.viewer__picture").get_attribute("src")
    await page.go_back()
    await expect(viewer).to_be_hidden()
    assert page.url == address


async def test_a_picture_opened_while_the_lightbox_closes_stays_open(page: Page) -> None:
    address = page.url
    await page.locator(".tile__open").first.click()
    viewer = page.locator(VIEWER)
    await expect(viewer.locator('[data-slot="count"]')).to_contain_text("1 of")
    await page.evaluate(REOPEN_WHILE_LEAVING)
    await page.wait_for_function("() => window.wentBack")
    await expect(viewer.locator('[data-slot="count"]')).to_contain_text("2 of")
    await expect(viewer).to_be_visible()
    assert await page.evaluate("() => Boolean(history.state?.picture)")
    await page.go_back()
    await expect(viewer).to_be_hidden()
    assert page.url == address and not await page.evaluate("() => Boolean(history.state?.picture)")


async def test_undo_has_the_focus_where_a_picture_is_deleted_that_one_walked_to(page: Page) -> None:
    await page.locator(".tile__open").first.click()
    viewer = page.locator(VIEWER)
    await expect(viewer).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await expect(viewer.locator('[data-slot="count"]')).to_contain_text("2 of")
    # The focus that the lightbox gives back comes with its close event, in a later frame.
    await page.evaluate("""() => document.querySelector('dialog.viewer').addEventListener(
      'close', () => (window.viewerClosed = true), { once: true })""")
    await hold_undo_periods(page)
    await viewer.locator('[data-action="remove"]').click()
    await page.wait_for_function("() => window.viewerClosed")
    await expect(page.locator('[data-action="keep"]')).to_be_focused()
    # Of what is leaving already, a second deletion would outlive the undo of the first.
    await page.evaluate("() => document.querySelector('generation-card[data-local-leaving]').run('remove')")
    await expect(page.locator('[data-action="keep"]')).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-action="keep"]')).to_have_count(0)
    await release_undo_periods(page)


async def test_on_a_phone_it_is_swiped_and_a_double_tap_marks_a_favourite(room: Gallery, browser) -> None:
    async with signed_in(browser, room.owner, viewport=PHONE, has_touch=True, is_mobile=True) as visitor:
        page = await visitor.open_session(room.session)
        await everything(page)
        opener = page.locator(SWIPED_BATCH).locator(".tile__open").nth(1)
        await opener.scroll_into_view_if_needed()
        card = page.locator(SWIPED_BATCH).locator("generation-card").nth(1)
        viewer = page.locator(VIEWER)
        await expect(card.locator(".tile__favorite")).to_have_css("opacity", "0")
        # Both in one moment: a busy machine would make two single taps of a finger's.
        await opener.evaluate(TAP_TWICE)
        await expect(card.locator(".tile__favorite")).to_have_attribute("aria-pressed", "true")
        await expect(viewer).to_be_hidden()
        await card.locator('[data-action="menu"]').tap()
        sheet = page.locator(".picture-menu:popover-open")
        await expect(sheet).to_be_visible()
        await page.wait_for_function("() => !document.getAnimations().some((each) => each.playState === 'running')")
        box = await sheet.bounding_box()
        assert box is not None and box["x"] == 0 and round(box["y"] + box["height"]) == PHONE["height"]
        small = await sheet.evaluate(
            "(node) => [...node.querySelectorAll('button:not([hidden])')]"
            ".filter((e) => e.getBoundingClientRect().height < 43.5).length"
        )
        assert small == 0
        await page.keyboard.press("Escape")
        await expect(sheet).to_have_count(0)

        await opener.tap()
        count = viewer.locator('[data-slot="count"]')
        await expect(count).to_contain_text("6 of")
        for to, expected in (((60, 400), "7 of"), ((340, 400), "6 of"), ((200, 420), "6 of")):
            await swipe(page, (200, 400), to)
            await expect(count).to_contain_text(expected)
        await swipe(page, (200, 300), (210, 500))
        await expect(viewer).to_be_hidden()
        await expect(opener).to_be_focused()


async def swipe(page: Page, start: tuple[int, int], end: tuple[int, int]) -> None:
    """One finger that is drawn across the screen."""
    client = await page.context.new_cdp_session(page)
    places = [(start[0] + (end[0] - start[0]) * n / 4, start[1] + (end[1] - start[1]) * n / 4) for n in range(5)]
    for kind, (x, y) in zip(["touchStart"] + ["touchMove"] * 4, places, strict=True):
        await client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    await client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await client.detach()


async def test_a_file_opened_directly_stands_in_the_middle_without_a_complaint(room: Gallery, visit: Visitor) -> None:
    # The visitor's own script, with which it hears of violations: a file's page lets none run, and now and then says so.
    visit.announce("Blocked script execution in .*'allow-scripts'")
    picture, clip = (room.made[index]["generations"][0]["assets"][0] for index in (0, -1))
    folder = picture["url"].rsplit("/", 1)[0]
    for address in (
        picture["url"],
        picture["url"].replace(".png", ".webp"),
        picture["url"].replace(".png", ".jpg"),
        f"{folder}/1024.webp",
        picture["thumbnail_url"],
        clip["url"],
        clip["thumbnail_url"],
    ):
        tab = await visit.open(address)
        box = await tab.locator("img, video").bounding_box()
        size = tab.viewport_size
        assert box is not None and size is not None
        assert abs(box["x"] + box["width"] / 2 - size["width"] / 2) < 2, address
        assert abs(box["y"] + box["height"] / 2 - size["height"] / 2) < 2, address
        await tab.close()
    assert visit.complaints == []


PLACES = """() => ({
  scroller: document.querySelector('[data-slot="scroll"]').getBoundingClientRect().top,
  prompt: [...document.querySelectorAll('.message__prompt')].at(-1).getBoundingClientRect().top,
  tiles: [...[...document.querySelectorAll('generation-batch')].at(-1).querySelectorAll('.tile__frame')]
    .map((tile) => tile.getBoundingClientRect()).map(({ x, y, width, height }) => [x, y, width, height].map(Math.round)),
})"""


async def test_nothing_moves_from_the_order_to_the_picture_and_nothing_of_a_stage_outlives_it(
    emulated_product: Product, emulator, browser
) -> None:
    bob = await sign_up(emulated_product, "Bob")
    session = await bob.buys("pro")
    async with signed_in(browser, bob) as visitor:
        page = await visitor.open_session(session)
        emulator.script("text-to-image", [Hang(60.0)])
        await ask_for_pictures(page, "a lighthouse", count=4)
        await expect(page.locator("generation-card[id^=generation_]")).to_have_count(4)
        await is_at_its_end(page)
        before = await page.evaluate(PLACES)
        assert 0 <= before["prompt"] - before["scroller"] <= 110
        assert len(before["tiles"]) == 4
        foot = page.locator(".batch__words")
        await expect(foot).to_have_text("1 loading, 3 queued")
        await expect(page.locator('[data-slot="words"] >> visible=true')).not_to_have_text(["model"])
        await emulator.has_given("text-to-image")

        # One is cancelled alone, and becomes a line; the others come.
        first = page.locator("generation-card").first
        await first.locator('[data-action="cancel"]').click()
        await expect(first).to_have_attribute("data-status", "cancelled")
        await expect(first).to_contain_text("Cancelled. The credit came back.")
        box = await first.bounding_box()
        assert box is not None and 50 <= box["height"] <= 64
        await expect(page.locator('generation-card[data-status="done"]')).to_have_count(3)

        emulator.script("text-to-image", [Hang(60.0)])
        await ask_for_pictures(page, "a quiet pier", count=2)
        await expect(page.locator("generation-batch").last.locator("generation-card[id^=generation_]")).to_have_count(2)
        await emulator.has_given("text-to-image")
        await page.locator('[data-action="cancel-all"]').click()
        await expect(page.locator('generation-card[data-status="cancelled"]')).to_have_count(3)
        for again in (False, True):
            if again:
                await page.reload()
                await page.wait_for_selector(LIVE, state="attached")
            for left in (".stage", "progress", ".tile__preview:not([hidden])", ".batch__progress"):
                await expect(page.locator(left)).to_have_count(0)

        # Tried again it takes the place of what was cancelled, which is no version.
        await page.locator("generation-batch").first.get_by_role("button", name="Create after all").click()
        await expect(page.locator("generation-batch").first.locator('[data-status="done"]')).to_have_count(4)
        await expect(page.locator(".strip__version")).to_have_count(0)

        await ask_for_pictures(page, "a red boat", count=4)
        await expect(page.locator("[data-local-pending]")).to_have_count(0)
        await is_at_its_end(page)
        before = await page.evaluate(PLACES)
        last = page.locator("generation-batch").last
        await expect(last.locator('generation-card[data-status="done"]')).to_have_count(4)
        assert await page.evaluate(PLACES) == before
