"""A reply while it is written looks as it will when it is whole: nothing that is there already moves."""

import itertools
import re
import threading

import asyncpg
import pytest
from playwright.async_api import expect

from tests.emulators.huggingface import Stream
from tests.support.browser import say, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

TEXT = """First a paragraph of *some* words, **bold** ones too.

Then another one, which is long enough to be read while it grows, word by word.

- an item
- another **item** with `code`
- the last one

```python
def paint(boat):
    return "red"
```

| boat | colour |
|---|---|
| one | red |
| two | blue |

## The end

And a last line, before whose end the test sees what is above."""

# In each frame: where each block begins and ends in the reply, and how high the whole is.
WATCH = """() => {
  const seen = (window.seen = [])
  const look = () => {
    const text = document.querySelector('chat-message[data-author-kind="assistant"] .message__text')
    if (text) {
      const blocks = [...text.children].flatMap((node) => ('open' in node.dataset ? [...node.children] : [node]))
      const top = text.getBoundingClientRect().top
      seen.push({
        height: text.getBoundingClientRect().height,
        blocks: blocks.filter((node) => node.localName !== 'span').map((node) => {
          const { top: begin, bottom: end } = node.getBoundingClientRect()
          return [node.localName, Math.round(begin - top), Math.round(end - top)]
        }),
        inside: blocks.at(-1)?.localName, html: text.innerHTML.slice(-300),
      })
    }
    requestAnimationFrame(look)
  }
  look()
}"""


# It looks at each frame.
@pytest.mark.alone
async def test_a_reply_grows_without_moving_what_is_there(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    seen_as_itself = threading.Event()
    emulator.script("chat", [Stream(TEXT, pause=0.08, waits={"sees": seen_as_itself})])
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.evaluate(WATCH)
        await say(page, "Tell me")
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        for kind in ("p", "ul", "pre", "table"):
            await expect(reply.locator(f".message__text {kind}").first).to_be_visible()
        seen_as_itself.set()
        await expect(reply).to_have_attribute("data-status", "done", timeout=60_000)
        seen = await page.evaluate("window.seen")
        final = seen[-1]["blocks"]
        moved = [
            (frame["blocks"][place], final[place])
            for frame in seen
            for place in range(len(frame["blocks"]) - 1)
            if place < len(final) and abs(frame["blocks"][place][1] - final[place][1]) > 1
        ]
        assert moved == []
        shrunk = [
            (before["height"], after["height"], before["html"], after["html"])
            for before, after in itertools.pairwise(seen)
            # Half a row is up to 11 px higher in words than in its table; a jump of a paragraph's distance would be 12.
            if after["height"] <= before["height"] - 12
        ]
        assert shrunk == []


WRITTEN = r"""$$
x^2 + y^2
$$

Behind **mathematics**.

```ask
Why?
How?
 Whence?
```

```prompt
a red boat
 at anchor
```

```
A box
|  |
|  |
| signs 🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅🌅
```"""

# Frames in which half an emoji is in sight, which browsers show as a sign that something is wrong.
WATCH_HALVES = """() => {
  window.halves = 0
  const look = () => {
    const text = document.querySelector('chat-message[data-author-kind="assistant"] .message__text')
    window.halves += text && !text.textContent.isWellFormed()
    requestAnimationFrame(look)
  }
  look()
}"""


async def test_what_is_written_is_seen_as_it_is_meant_while_the_rest_is_on_its_way(
    emulated_product, emulator, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    waits = {word: threading.Event() for word in ("Whence", "anchor", "signs")}
    emulator.script("chat", [Stream(WRITTEN, waits=waits)])
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.evaluate(WATCH_HALVES)
        await say(page, "Tell me")
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        code, questions = reply.locator("pre > code"), reply.locator(".ask")
        await expect(reply.locator("math")).to_be_visible()
        await expect(reply.locator(".message__text strong")).to_have_text("mathematics")
        # Of questions that are half written there is none to press.
        await expect(code).to_have_text(re.compile(r"^Why\?\nHow\?\s*$"))
        await expect(code).to_be_visible()
        assert await questions.count() == 0
        waits["Whence"].set()
        await expect(questions).to_have_text(["Why?", "How?", "Whence?"])
        # Nor has a half prompt a button that would send it.
        prompt, make = reply.locator("pre[data-prompt] > code"), reply.locator("pre[data-prompt] button")
        await expect(prompt).to_have_text(re.compile(r"^a red boat\s+at\s*$"))
        assert await make.count() == 0
        waits["anchor"].set()
        await expect(make).not_to_have_count(0)
        await expect(code.last).to_have_text(re.compile(r"\|  \|\n\|  \|"))
        waits["signs"].set()
        await expect(reply).to_have_attribute("data-status", "done")
        await expect(questions).to_have_text(["Why?", "How?", "Whence?"])
        assert await page.evaluate("window.halves") == 0


async def test_a_reply_that_another_worker_begins_again_shows_nothing_of_the_attempt_before(
    emulated_product, emulated_database_url, emulator, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    ends = threading.Event()
    emulator.script(
        "chat",
        [
            Stream(
                "Words of the first attempt, more than the second one has, which nobody reads. X", waits={"X": ends}
            ),
            Stream("Another **beginning**. X", waits={"X": ends}),
        ],
    )
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "Tell me")
        words = page.locator('chat-message[data-author-kind="assistant"] .message__text')
        await expect(words).to_contain_text("nobody reads.")
        await lose_writer(emulated_database_url, session["id"])
        await expect(words.locator("strong")).to_be_visible()
        await expect(words).to_have_text("Another beginning.")
        ends.set()
        await expect(words).to_have_text("Another beginning. X")


async def lose_writer(database_url: str, session_id: str) -> None:
    """Whoever writes the session's reply has lost it, as if its lease had run out."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "UPDATE messages SET attempt = attempt + 1, lease_until = NULL WHERE session_id = $1 AND status = 'streaming'",
        session_id,
    )
    await connection.close()


async def moved_down(page, since: float) -> None:
    await page.wait_for_function(
        "(since) => document.querySelector('[data-action=\"stop\"]').getBoundingClientRect().top > since + 60",
        arg=since,
    )


async def test_a_press_on_stop_holds_while_the_reply_moves_the_button_away(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    begins, goes_on = threading.Event(), threading.Event()
    lines = "".join(f"Line {number}.\n\n" for number in range(8))
    waits = {"0.": begins, "Last": goes_on}
    emulator.script("chat", [Stream(f"Begun.\n\n{lines}\n\nLast words.", waits=waits)])
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "Tell me")
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        await expect(reply.locator(".message__text")).to_contain_text("Begun.")
        box = await reply.get_by_role("button", name="Stop").bounding_box()
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.mouse.down()
        begins.set()
        await moved_down(page, box["y"])
        await page.mouse.up()
        await expect(reply).to_have_attribute("data-status", "done")
        goes_on.set()
        await expect(reply.locator(".message__text")).not_to_contain_text("Last words")


async def test_a_pointer_that_is_drawn_off_a_button_presses_nothing(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    goes_on = threading.Event()
    emulator.script("chat", [Stream("Begun in some words.\n\nLast words.", waits={"Last": goes_on})])
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "Tell me")
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        await expect(reply.locator(".message__text")).to_contain_text("Begun in some")
        await reply.get_by_role("button", name="Stop").hover()
        await page.mouse.down()
        await reply.locator(".message__text").hover(force=True)
        await page.mouse.up()
        goes_on.set()
        await expect(reply.locator(".message__text")).to_contain_text("Last words.")
