"""The whole story, as somebody would live it: from the front door to a picture on the disk, and what may come between."""

import io
import re

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from tests.browser.conftest import DRILL
from tests.emulators.huggingface import Queue
from tests.support import ports
from tests.support import product as products
from tests.support.browser import (
    PAINTING_MS,
    PHONE,
    TEXT,
    ask_for_pictures,
    fill_sign_up,
    newcomer,
    say,
    signed_in,
    visiting,
)
from tests.support.story import sign_up
from tests.support.watching import record_statuses, statuses_of

pytestmark = pytest.mark.browser

PROMPT = "a beautiful sunset over mountains"
STAGES = ["queued", "model-loading", "rendering", "done"]
RING = '#details credit-balance[data-kind="image"] [data-slot="number"]'
WORDS = '#details credit-balance[data-kind="image"] [data-slot="words"]'
CARD = "generation-card[id^=generation_]"


@pytest.fixture(scope="module")
async def slow_product(database_url, tmp_path_factory):
    """A painter that takes three seconds for each picture, so that there is something to see on the way."""
    settings = {"DATABASE_URL": database_url, "SKETCH_PACE": "3", "SKETCH_FAIL": DRILL}
    async with products.running(tmp_path_factory.mktemp("story"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
async def endless_product(postgres_server, tmp_path_factory):
    """A painter that is never done before a test has ended what it asked for."""
    url = await postgres_server.create_database()
    settings = {"DATABASE_URL": url, "SKETCH_PACE": "120"}
    async with products.running(tmp_path_factory.mktemp("endless"), **settings) as running:
        yield running
    await postgres_server.drop_database(url)


async def wait_for_pictures(page: Page, count: int) -> None:
    await expect(page.locator(f'{CARD}[data-status="done"]')).to_have_count(count, timeout=PAINTING_MS)


async def is_drawn(page: Page, selector: str) -> None:
    """The file itself is on the screen, not only its frame."""
    await page.wait_for_function("(s) => document.querySelector(s)?.naturalWidth > 0", arg=selector)


async def test_from_the_front_door_to_a_picture_on_the_disk(slow_product, browser) -> None:
    async with newcomer(slow_product, browser, "Ada") as (visitor, page):
        await expect(page).to_have_url(re.compile("/plans$"))
        await page.get_by_role("button", name="Start Flash", exact=True).click()
        await page.wait_for_url("**/sessions/*")
        other = await visitor.open(page.url.removeprefix(slow_product.url))
        for tab in (page, other):
            await expect(tab.locator(".connection")).to_have_attribute("data-state", "live")
            await expect(tab.locator(RING)).to_have_text("8")
            await record_statuses(tab)

        await say(page, "hello")
        for tab in (page, other):
            reply = tab.locator('chat-message[data-author-kind="assistant"]')
            await expect(reply).to_have_attribute("data-status", "done")
            await expect(reply).to_contain_text("built-in guide")
            assert await statuses_of(tab, await reply.get_attribute("id")) == ["streaming", "done"]

        await ask_for_pictures(page, PROMPT, count=2)
        await expect(page.locator(RING)).to_have_text("6")
        for tab in (page, other):
            await wait_for_pictures(tab, 2)
            for card in await tab.locator(CARD).all():
                assert await statuses_of(tab, await card.get_attribute("id")) == STAGES
            await expect(tab.locator(RING)).to_have_text("6")
            await expect(tab.locator(WORDS)).to_contain_text("6 of 8 left")
        await is_drawn(page, f"{CARD} img.tile__picture")
        assert await page.locator(CARD).evaluate_all("cards => cards.map((c) => c.id)") == await other.locator(
            CARD
        ).evaluate_all("cards => cards.map((c) => c.id)")

        async with page.expect_download() as downloading:
            await page.locator(".downloads__main").first.click()
        download = await downloading.value
        assert re.fullmatch(r"beautiful-sunset-over-mountains-\w+\.png", download.suggested_filename.removeprefix("a-"))
        picture = Image.open(io.BytesIO((await download.path()).read_bytes()))
        picture.load()
        assert (picture.format, picture.size) == ("PNG", (512, 512))
        assert PROMPT in str(picture.text)


async def test_a_reload_in_mid_render_keeps_the_progress_and_gets_the_picture(
    emulated_product, emulator, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys()
    picture = Queue(steps=30)
    emulator.script("text-to-image", [picture])
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        await ask_for_pictures(page, "a lighthouse in a storm")
        bar = page.locator(f'{CARD}[data-status="rendering"] [data-slot="bar"]')
        await expect(bar).to_have_js_property("hidden", False, timeout=PAINTING_MS)
        await page.wait_for_function("(s) => document.querySelector(s)?.value > 0.1", arg=f'{CARD} [data-slot="bar"]')
        before = await bar.evaluate("bar => bar.value")
        await page.reload(wait_until="commit")
        await expect(page.locator(CARD)).to_have_attribute("data-status", "rendering")
        assert await page.locator(CARD).get_attribute("data-fraction") is not None
        assert float(await page.locator(CARD).get_attribute("data-fraction") or 0) >= before - 0.25
        picture.steps = 0  # it is done
        await wait_for_pictures(page, 1)
        await is_drawn(page, f"{CARD} img.tile__picture")
        await expect(page.locator(WORDS)).to_contain_text("7 of 8 left")


async def test_a_guest_joins_by_the_link_and_sees_the_picture_appear(slow_product, browser) -> None:
    ada = await sign_up(slow_product, "Ada")
    session = await ada.buys()
    async with (
        signed_in(browser, ada, service_workers="allow") as owner,
        visiting(slow_product, browser, viewport=PHONE, has_touch=True) as guest,
    ):
        page = await owner.open_session(session)
        await page.locator('[data-action="invite"]').first.click()
        link = page.locator("#invite-url")
        await expect(link).to_have_value(re.compile("/invite/"))
        await is_drawn(page, '[data-slot="code"]')
        address = await link.input_value()
        await page.keyboard.press("Escape")

        tab = await guest.context.new_page()
        await tab.goto(address)
        await expect(tab.locator("h1")).to_contain_text("Ada invites you")
        await fill_sign_up(tab, "Bob")
        await tab.wait_for_url("**/sessions/*")
        await expect(tab.locator(".connection")).to_have_attribute("data-state", "live")
        await expect(page.locator(".member", has_text="Bob")).to_have_attribute("data-online", "yes")
        await record_statuses(tab)

        await ask_for_pictures(page, "a harbour in fog")
        await wait_for_pictures(tab, 1)
        card = tab.locator(CARD)
        assert await statuses_of(tab, await card.get_attribute("id")) == STAGES
        await card.scroll_into_view_if_needed()
        await is_drawn(tab, f"{CARD} img.tile__picture")
        await say(tab, "how beautiful")
        await expect(page.locator("chat-message", has_text="how beautiful")).to_contain_text("Bob")


async def test_out_of_credits_one_press_lets_the_prompt_run_when_one_is_back(endless_product, browser) -> None:
    ada = await sign_up(endless_product, "Ada")
    session = await ada.buys("flash-lite")
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        for number in ("first", "second", "third"):
            await ask_for_pictures(page, f"the {number} boat")
            await expect(page.locator(TEXT)).to_have_value("")
        await expect(page.locator(RING)).to_have_text("0")
        await expect(page.locator("live-region")).to_contain_text(re.compile(r"No credits left until \d"))
        await page.fill(TEXT, "the fourth boat")
        await expect(page.locator(".composer__send")).to_have_text(re.compile(r"Run at \d\d:\d\d"))
        await expect(page.locator(WORDS)).to_have_text(re.compile(r"0 of 3 left .*next in \d+ (min|h)"))
        await page.press(TEXT, "Enter")
        deferred = page.locator(".composer__deferred")
        await expect(deferred).to_contain_text(re.compile(r"Runs at \d\d:\d\d · the fourth boat"))
        await expect(page.locator(TEXT)).to_have_value("")
        await page.reload()
        await expect(deferred).to_contain_text("the fourth boat")
        await page.click(f'{CARD} >> nth=2 >> [data-action="cancel"]')
        await expect(page.locator(CARD)).to_have_count(4, timeout=PAINTING_MS)
        await expect(deferred).to_be_hidden()


async def test_a_failure_says_what_happened_gives_the_credit_back_and_can_be_tried_again(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        await ask_for_pictures(page, f"an {DRILL} staircase")
        card = page.locator(CARD).first
        await expect(card).to_have_attribute("data-status", "failed", timeout=PAINTING_MS)
        await expect(card).to_contain_text("1 credit returned")
        await expect(card.locator("code")).to_have_text(re.compile(r"^[a-z-]+$"))
        await expect(page.locator(WORDS)).to_have_text("8 of 8 left")
        first = await card.get_attribute("id")
        await card.get_by_role("button", name="Try again").click()
        # The next one takes its place; what failed is no version to look at.
        await expect(page.locator(f"#{first}")).to_have_count(0)
        await expect(page.locator(f'{CARD}[data-status="failed"]')).to_have_count(1, timeout=PAINTING_MS)
        await expect(page.locator(".strip__version")).to_have_count(0)
        await expect(page.locator(WORDS)).to_have_text("8 of 8 left")


# The words of an element as its lines have them.
LINES = r"""(each) => {
  const [texts, lines] = [document.createTreeWalker(each, NodeFilter.SHOW_TEXT), new Map()]
  const range = document.createRange()
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    for (let at = 0; at < text.length; at++) {
      range.setStart(text, at)
      range.setEnd(text, at + 1)
      const top = Math.round(range.getBoundingClientRect().top)
      lines.set(top, (lines.get(top) ?? "") + text.data[at])
    }
  }
  return [...lines.values()].map((line) => line.replace(/\s+/g, " ").trim()).filter(Boolean)
}"""


async def test_a_cancelled_picture_gives_its_credit_back(endless_product, browser) -> None:
    ada = await sign_up(endless_product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        height = await page.locator(".balances").evaluate("(each) => each.offsetHeight")
        await ask_for_pictures(page, "a mistake")
        card = page.locator(CARD)
        words = page.locator(WORDS)
        await expect(words).to_contain_text("7 of 8 left · 1 held")
        # Each fact is on a line of its own, and nothing below has moved.
        await expect(words).to_contain_text("next in")
        # At once, as the clock writes them anew each second.
        in_the_hour = f"(each) => {{ each.lastElementChild.textContent = 'next in 59 min'; return ({LINES})(each) }}"
        assert await words.evaluate(in_the_hour) == ["7 of 8 left ·", "1 held ·", "next in 59 min"]
        assert await page.locator(".balances").evaluate("(each) => each.offsetHeight") == height
        await card.locator('[data-action="cancel"]').click()
        await expect(card).to_have_attribute("data-status", "cancelled")
        await expect(card).to_contain_text("Cancelled. The credit came back.")
        await expect(page.locator(WORDS)).to_have_text("8 of 8 left")


async def test_another_version_stands_beside_the_first(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        page = await visitor.open_session(session)
        await ask_for_pictures(page, "a forest at night")
        await wait_for_pictures(page, 1)
        first = await page.locator(CARD).get_attribute("id")
        await page.hover(CARD)
        await page.click('[aria-label="Create another version"]')
        await wait_for_pictures(page, 2)
        await expect(page.locator(".strip__version")).to_have_count(2)
        await expect(page.locator(f"#{first}")).to_be_hidden()
        await page.click(".strip__version >> nth=0")
        await expect(page.locator(f"#{first}")).to_be_visible()
        await expect(page.locator(WORDS)).to_contain_text("6 of 8 left")


async def test_a_killed_server_comes_back_and_the_same_picture_is_finished(own_database_url, browser, tmp_path) -> None:
    settings = {"DATABASE_URL": own_database_url, "SKETCH_PACE": "4"}
    running = await products.start(tmp_path, port=ports.reserve(), **settings)
    try:
        ada = await sign_up(running, "Ada")
        session = await ada.buys()
        async with signed_in(browser, ada, service_workers="allow") as visitor:
            visitor.announce("WebSocket connection to .* failed")
            page = await visitor.open_session(session)
            await ask_for_pictures(page, "a lighthouse in a storm")
            await expect(page.locator(CARD)).to_have_attribute("data-status", "rendering", timeout=PAINTING_MS)
            message = await page.locator("chat-message").get_attribute("id")
            await running.kill()
            await expect(page.locator(".connection")).to_have_attribute("data-state", "reconnecting", timeout=20_000)
            await running.start_again()
            await expect(page.locator(".connection")).to_have_attribute("data-state", "live", timeout=40_000)
            await wait_for_pictures(page, 1)
            assert await page.locator("chat-message").get_attribute("id") == message
            assert await page.locator(CARD).get_attribute("data-attempt") != "1"
            await expect(page.locator(WORDS)).to_contain_text("7 of 8 left")
    finally:
        await running.kill()
