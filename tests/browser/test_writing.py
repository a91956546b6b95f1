"""However people write: with an input method, from right to left, by pasting more than fits, or with a decimal comma."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from chatserver.runtime import paths
from tests.support.browser import TEXT, say, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

# The key with which an input method takes a word, as Chromium and Safari tell of it.
TAKE = {"Chromium": {"isComposing": True, "keyCode": 13}, "Safari": {"isComposing": False, "keyCode": 229}}
PRESS = """(field, [key, how]) => {
  const event = new KeyboardEvent('keydown', { key, isComposing: how.isComposing, bubbles: true, cancelable: true })
  Object.defineProperty(event, 'keyCode', { get: () => how.keyCode })
  field.dispatchEvent(event)
  return event.defaultPrevented
}"""


@pytest.mark.parametrize("engine", TAKE)
async def test_a_key_of_an_input_method_is_no_key_of_ours(product, browser, engine) -> None:
    ada = await sign_up(product, "Ada")
    session, other = await ada.buys(title="Here"), await ada.buys(title="There")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)

        async def takes(selector: str, key: str = "Enter") -> None:
            assert not await page.locator(selector).evaluate(PRESS, [key, TAKE[engine]]), (selector, key)

        await page.fill(TEXT, "にほん")
        await takes(TEXT)
        await expect(page.locator(TEXT)).to_have_value("にほん")
        await page.click('.composer__mode[data-mode="image"]')
        await takes(TEXT, "Escape")
        await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")
        await page.click("chat-room [data-action=rename]")
        await page.fill("chat-room .rename input", "日本")
        await takes("chat-room .rename input", "Escape")
        await takes("chat-room .rename input")
        await expect(page.locator("chat-room .rename input")).to_be_visible()
        await page.press("chat-room .rename input", "Escape")
        await page.keyboard.press("Control+k")
        await page.fill(".finder__input", "There")
        await expect(page.locator(".finder__option")).to_have_text(["There"])
        for key in ("Enter", "ArrowDown"):
            await takes(".finder__input", key)
        await expect(page.locator(".finder__option")).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Escape")
        await takes("body", "?")
        await takes("body", "i")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        assert page.url.endswith(session["id"])
        assert not (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
        assert other["title"] == "There"


def test_every_script_that_listens_to_keys_knows_those_of_input_methods() -> None:
    scripts = {path: path.read_text() for path in Path(paths.STATIC, "js").rglob("*.js")}
    listening = {path for path, text in scripts.items() if re.search(r'"key(down|up|press)"', text)}
    assert len(listening) > 4
    assert not {path.name for path in listening if "isComposing(event)" not in scripts[path]}


ARABIC, HEBREW = "مرحبا بالعالم.", "שלום עולם."
# Where each kind of block begins, and on which side its list's bullets stand.
DIRECTIONS = """() => [...document.querySelectorAll('[data-author-kind=user] .prose > *')].map((each) => [
  each.localName, getComputedStyle(each).direction])"""


async def test_each_block_runs_in_the_direction_of_its_own_words(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys(title=ARABIC)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        chat = await ada.joins(session)
        await chat.says(
            f"# {ARABIC}\n\nHello.\n\n- {HEBREW}\n- one\n\n> {ARABIC}\n\n```\ncode {ARABIC}\n```\n\n1. one\n2. {HEBREW}"
        )
        await expect(page.locator(".prose ol")).to_be_visible()
        expected = [["h1", "rtl"], ["p", "ltr"], ["ul", "rtl"], ["blockquote", "rtl"], ["pre", "ltr"], ["ol", "ltr"]]
        assert await page.evaluate(DIRECTIONS) == expected
        await page.fill(TEXT, ARABIC)
        for selector in (TEXT, "h1 [data-slot=title]", "session-list [aria-current] [data-slot=title]"):
            assert await page.locator(selector).evaluate("(each) => getComputedStyle(each).direction") == "rtl", (
                selector
            )
        await page.reload()
        assert await page.evaluate(DIRECTIONS) == expected
        await chat.leaves()


async def test_what_is_pasted_beyond_the_limit_stays_and_is_counted_as_the_server_counts(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.focus(TEXT)
        await page.keyboard.insert_text("🦊" * 8_003)
        assert await page.locator(TEXT).evaluate("(each) => [...each.value].length") == 8_003
        await expect(page.locator(".composer__hint")).to_have_text("3 characters too many: at most 8,000.")
        await page.press(TEXT, "Enter")
        await expect(page.locator(".composer__send")).to_have_attribute("aria-disabled", "true")
        assert await page.locator(TEXT).evaluate("(each) => [...each.value].length") == 8_003
        for _ in range(3):
            await page.press(TEXT, "Backspace")
        await expect(page.locator(".composer__hint")).not_to_contain_text("too many")
        await page.press(TEXT, "Enter")
        await expect(page.locator(".message[data-author-kind=user]:not([data-local-pending])")).to_have_count(1)

        await page.click('.composer__mode[data-mode="image"]')
        await page.fill(TEXT, "🦊" * 2_001)
        await expect(page.locator(".composer__hint")).to_contain_text("1 character too many: at most 2,000.")
        await page.fill(TEXT, "🦊" * 2_000)
        await expect(page.locator(".composer__hint")).not_to_contain_text("too many")

        await page.click("chat-room [data-action=rename]")
        await page.fill("chat-room .rename input", "T" * 125)
        await page.press("chat-room .rename input", "Enter")
        await expect(page.locator("chat-room .rename__problem")).to_have_text("5 characters too many: at most 120.")
        await expect(page.locator("chat-room .rename input")).to_have_value("T" * 125)

        await page.goto(f"{product.url}/settings")
        await page.fill("[name=name]", "N" * 81)
        await expect(page.locator("limited-text", has=page.locator("[name=name]"))).to_contain_text(
            "1 character too many"
        )
        await page.click("form[action='/settings/name'] button")
        await expect(page.locator("[name=name]")).to_have_value("N" * 81)
        await page.goto(f"{product.url}/history")
        await page.fill("#search", "S" * 203)
        await expect(page.locator("limited-text", has=page.locator("#search"))).to_contain_text("3 characters too many")


async def test_numbers_are_read_as_people_type_them_and_nonsense_is_named(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, locale="de-DE") as visitor:
        page = await visitor.open_session(session)
        await page.click('.composer__mode[data-mode="image"]')
        await page.fill(TEXT, "a boat")
        await page.click("[data-setting=more]")
        await page.fill("[name=guidance]", "7,5")
        await page.fill("[name=steps]", "２０")
        await page.fill("[name=seed]", "٤٢")
        await page.hover("[name=steps]")
        await page.mouse.wheel(0, 300)
        await expect(page.locator(".composer__send")).to_have_attribute("aria-disabled", "false")
        for name, nonsense, words in (
            ("guidance", "a lot", "Guidance is a number from 0 to 30."),
            ("steps", "2,5", "Steps are a whole number from 1 to 100."),
            ("seed", "-1", "A seed is a whole number from 0 to 4294967295."),
        ):
            kept = await page.input_value(f"[name={name}]")
            await page.fill(f"[name={name}]", nonsense)
            await expect(page.locator(".composer__hint")).to_contain_text(words)
            await expect(page.locator(f"[data-name={name}]")).to_have_attribute("data-local-wrong", "")
            await page.fill(f"[name={name}]", kept)
        await page.press(TEXT, "Enter")
        chat = await ada.joins(session)
        made = (await chat.sees(lambda each: each["kind"] == "image"))["generations"][0]
        assert (made["guidance"], made["steps"], made["seed"]) == (7.5, 20, 42)
        await chat.leaves()


PUT_FILE = """([selector, type, withText, name]) => {
  const data = new DataTransfer()
  data.items.add(new File(['x'], name, { type: name.endsWith('png') ? 'image/png' : 'text/plain' }))
  if (withText) data.setData('text/plain', 'words')
  const event = type === 'paste'
    ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true })
  document.querySelector(selector).dispatchEvent(event)
  return event.defaultPrevented
}"""


async def test_files_that_are_no_pictures_are_refused_in_words_and_do_not_take_the_page_away(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        notice = page.locator("toast-notice")
        assert not await page.evaluate(PUT_FILE, [TEXT, "paste", True, "x.png"])
        assert await page.evaluate(PUT_FILE, [TEXT, "paste", False, "x.txt"])
        await expect(notice).to_contain_text("That is no picture.")
        assert await page.evaluate(PUT_FILE, [".stream__scroll", "dragover", False, "x.png"])
        assert await page.evaluate(PUT_FILE, [".stream__scroll", "drop", False, "x.txt"])


async def test_words_are_sent_where_the_browser_keeps_nothing(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        await visitor.context.add_init_script("""
          Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }
          IDBFactory.prototype.open = () => { throw new DOMException('private', 'SecurityError') }""")
        page = await visitor.open_session(session)
        await say(page, "kept nowhere")
        await expect(page.locator(".message:not([data-local-pending]) .message__text").first).to_have_text(
            "kept nowhere"
        )
        await page.fill(TEXT, "typed")
        await expect(page.locator(TEXT)).to_have_value("typed")


async def test_what_is_copied_of_a_message_is_what_was_written(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    written = (
        "1. one\n   - **two** and $\\frac{1}{2}$\n\n```python\nif x:\n    y()\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |"
    )
    body = {"client_id": "w", "text": written}
    await ada.call("POST", f"/sessions/{session['id']}/messages", body)
    async with signed_in(browser, ada) as visitor:
        await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await visitor.open_session(session)
        message = page.locator("chat-message[data-local-mine]")
        await message.hover()
        await message.locator('[data-action="copy-text"]').first.click()
        await expect(page.locator(".toast")).to_contain_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == written


async def test_code_that_is_pasted_keeps_the_indent_of_its_first_line(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "    def f():\n        return 1\n")
        await expect(page.locator("chat-message[data-local-mine] pre > code")).to_have_text(
            "def f():\n    return 1\n", use_inner_text=True
        )
