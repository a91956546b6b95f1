"""However people write: with an input method, from right to left, by pasting more than fits, or with a decimal comma."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from chatserver import resources
from tests.support.browser import TEXT, desk
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
    async with desk(browser, ada) as seat:
        page = await seat.open_room(session)

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
        await page.fill("#session-filter", "There")
        await takes("#session-filter")
        await takes("#session-filter", "ArrowDown")
        await expect(page.locator("#session-filter")).to_be_focused()
        await takes("body", "?")
        await takes("body", "i")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        assert page.url.endswith(session["id"])
        assert not (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
        assert other["title"] == "There"


def test_every_script_that_listens_to_keys_knows_those_of_input_methods() -> None:
    scripts = {path: path.read_text() for path in Path(resources.STATIC, "js").rglob("*.js")}
    listening = {path for path, text in scripts.items() if re.search(r'"key(down|up|press)"', text)}
    assert len(listening) > 4
    assert not {path.name for path in listening if "composing(event)" not in scripts[path]}
