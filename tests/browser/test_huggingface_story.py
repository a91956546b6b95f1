"""The story with Hugging Face's pictures and assistant, against the emulator: loading, places, steps, code, a stop."""

import re
import threading

import pytest
from playwright.async_api import Page, expect

from tests.emulators.huggingface import Emulator, Queue, Stream
from tests.support import product as products
from tests.support.browser import TEXT, ask_for_pictures, say, signed_in
from tests.support.story import sign_up
from tests.support.watching import record_statuses, statuses_of

pytestmark = pytest.mark.browser

CARD = "generation-card[id^=generation_]"
MAKING_MS = 60_000
OFFER = "How about this?\n\n```prompt\na harbour in fog, oil on canvas\n```\n\nOr ask for another."
# Keeps every different sentence of the batch, as it stood.
LISTEN = """() => {
  window.sentences = []
  const note = () => {
    for (const each of document.querySelectorAll('.batch__words')) {
      const words = each.textContent.trim()
      if (!window.sentences.includes(words)) window.sentences.push(words)
    }
  }
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


@pytest.fixture(scope="module")
def emulator():
    running = Emulator(pace=0.05).start()
    yield running
    running.close()


@pytest.fixture(scope="module")
async def installation(emulator, database_url, tmp_path_factory):
    """The product with everything from the emulator."""
    settings = emulator.environment(DATABASE_URL=database_url, HF_REQUESTS_PER_HOUR="1000")
    async with products.running(tmp_path_factory.mktemp("huggingface"), **settings) as running:
        yield running


async def sentences(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("() => window.sentences")
    return found


async def test_the_tile_says_loading_places_and_steps_as_the_service_tells_them(
    installation, emulator, browser
) -> None:
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await record_statuses(page)
        await page.evaluate(LISTEN)
        await ask_for_pictures(page, "a lighthouse [loading 3] [queue 3] [steps 12]")
        card = page.locator(CARD)
        await expect(card).to_have_attribute("data-status", "done", timeout=MAKING_MS)
        await page.wait_for_function("() => document.querySelector('img.tile__picture')?.naturalWidth > 0")
        told = await sentences(page)
        assert [each for each in told if re.match(r"Loading the model, about [123] s", each)]
        places = [each for each in told if re.match(r"Queued, (4th|3rd|2nd|next)", each)]
        assert len(places) >= 2, told
        assert [each for each in told if re.match(r"Rendering, step \d+ of 12", each)], told
        statuses = await statuses_of(page, await card.get_attribute("id") or "")
        assert statuses[0] == "queued"
        assert statuses[-1] == "done"
        assert {"model-loading", "rendering"} <= set(statuses)
        await page.hover("generation-card")
        await page.click('[data-action="menu"]')
        await expect(page.locator(".picture-menu .settings")).to_contain_text("huggingface · fal-ai")
        await expect(page.locator('#details credit-balance[data-kind="image"] [data-slot="number"]')).to_have_text("7")


async def test_the_assistant_streams_code_and_is_stopped_half_way(installation, emulator, browser) -> None:
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "show me a function [long]")
        reply = page.locator('chat-message[data-author-kind="assistant"]').last
        await expect(reply).to_have_attribute("data-status", "streaming")
        # A finished block is formatted while the rest goes on as plain words.
        await expect(reply.locator('pre code[data-language="python"] .code-k').first).to_have_text("def")
        await expect(reply.locator("pre .code-copy").first).to_be_visible()
        await reply.locator('[data-action="stop"]').click()
        await expect(reply).to_have_attribute("data-status", "done")
        written = await reply.locator(".message__text").inner_text()
        assert "greet" in written
        assert written.count("part") < 20, "stopped half way, not at the end"


async def test_a_slow_answer_says_what_one_waits_for_takes_its_thoughts_back_and_goes_on(
    installation, emulator, browser
) -> None:
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        thoughts = "They want numbers. " * 6 + "</think>\n\nOne, two, three,"
        begins, answers = threading.Event(), threading.Event()
        slow = Stream(text=thoughts, waits={"": begins, "</think>": answers}, pause=0.1, finish="length")
        emulator.script("chat", [slow, Stream(text="four.")])
        await say(page, "count, please")
        reply = page.locator('chat-message[data-author-kind="assistant"]').last
        waiting = reply.locator(".message__waiting")
        await expect(waiting).to_contain_text(re.compile(r"Thinking,\s+([2-9]|\d\d) s"))
        begins.set()
        await expect(reply.locator(".message__text")).to_contain_text("They want numbers.")
        await expect(waiting).to_be_hidden()
        answers.set()
        await expect(reply).to_have_attribute("data-status", "done", timeout=20_000)
        written = await reply.locator(".message__text").inner_text()
        assert written.startswith("One, two, three,")
        assert "numbers" not in written
        await expect(reply.locator(".message__ended")).to_contain_text("reached the longest")
        await reply.get_by_role("button", name="Continue").click()
        more = page.locator('chat-message[data-author-kind="assistant"]').nth(1)
        await expect(more.locator(".message__text")).to_have_text("four.")
        await expect(page.get_by_role("button", name="Continue")).to_have_count(0)
        sent = emulator.calls("chat")[-1].document["messages"]
        assert [each["content"] for each in sent[-2:]] == ["One, two, three,", "@assistant Please go on."]


async def test_an_offered_prompt_is_made_with_one_press_and_a_prompt_is_improved(
    installation, emulator, browser
) -> None:
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        emulator.script("chat", [Stream(text=OFFER)])
        await say(page, "what shall I make?")
        emulator.script("text-to-image", [Queue()])
        button = page.get_by_role("button", name="Make this picture")
        await expect(button).to_contain_text("1 credit")
        await button.click()
        await expect(page.locator(CARD)).to_have_attribute("data-status", "done", timeout=MAKING_MS)
        await expect(page.locator(".message__prompt")).to_have_text("a harbour in fog, oil on canvas")
        await page.fill("#composer-text", "a hill")
        emulator.script("chat", [Stream(text="A green hill at dawn, mist in the valley")])
        improve = page.get_by_role("button", name="Improve the prompt")
        field, sign = await page.locator(TEXT).bounding_box(), await improve.bounding_box()
        assert field["y"] <= sign["y"] + 1 < field["y"] + field["height"], "it stands beside the text"
        await page.press(TEXT, "Alt+i")
        await expect(page.locator(TEXT)).to_have_value("A green hill at dawn, mist in the valley")
        toast = page.locator("toast-notice")
        await expect(toast).to_contain_text("Prompt improved.")
        above, box = await toast.locator(".toast__box").bounding_box(), await page.locator(TEXT).bounding_box()
        assert above["y"] + above["height"] <= box["y"], "the toast leaves the text box free"
        await toast.get_by_role("button", name="Undo").click()
        await expect(page.locator(TEXT)).to_have_value("a hill")
        await expect(toast).to_be_hidden()
        improves = threading.Event()
        emulator.script("chat", [Stream(text="A hill of marble", waits={"": improves})])
        await improve.click()
        await expect(page.get_by_text("Improving …")).to_be_visible()
        improves.set()
        await expect(page.locator(TEXT)).to_have_value("A hill of marble")
        await expect(page.get_by_text("Improving …")).to_have_count(0)
        # What was sent cannot be undone any more.
        await expect(toast).to_contain_text("Prompt improved.")
        await page.press(TEXT, "Enter")
        await expect(toast).to_be_hidden()


async def test_a_fault_says_four_things_in_the_tile(installation, emulator, browser) -> None:
    ada = await sign_up(installation, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await ask_for_pictures(page, "a dog [fail 402]")
        tile = page.locator(CARD)
        await expect(tile).to_have_attribute("data-status", "failed", timeout=MAKING_MS)
        await expect(tile).to_contain_text("credits at the picture service are used up")
        await expect(tile).to_contain_text("1 credit returned")
        await expect(tile).to_contain_text("provider-credits-used-up")
        await expect(tile.get_by_role("button", name="Try again")).to_be_visible()
