"""Nothing that is written widens the stream: what is long breaks, or scrolls in its own box, and its end can be reached."""

import uuid
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.emulators.huggingface import Stream
from tests.support.browser import signed_in
from tests.support.product import Product
from tests.support.story import ApiUser, SessionSocket, call, sign_up

pytestmark = pytest.mark.browser

LONGEST = 7_500
WIDTHS = (320, 390, 768, 1280)
LINE = "x = " + "a_long_name + " * 40
WORD = "Donaudampfschifffahrt" * 30
CORPUS = {
    "a line of code": f"```python\n{LINE}\n```",
    "code without a language": f"```\n{WORD}\n```",
    "code by indentation": f"Look:\n\n    {LINE}\n",
    "code in a list in a quote": f"> - first\n>   - ```\n>     {LINE}\n>     ```\n>   - {WORD}",
    "code within a line": f"Call `{WORD}` now",
    "a wide table": "|" + " a heading |" * 30 + "\n|" + "---|" * 30 + "\n|" + f" {WORD[:60]} |" * 30,
    "a table in a list in a quote": f"> 1. words\n>\n>    | a | b |\n>    |---|---|\n>    | {WORD} | {LINE} |",
    "one long word": WORD,
    "a long address": "https://example.org/" + "path/" * 100 + "?q=" + "v" * 300,
    "a link of one word": f"[{WORD}](https://example.org/)",
    "a heading of one word": f"# {WORD}",
    "a deep quote": "> " * 30 + WORD,
    "a deep list": "".join("  " * depth + f"- {WORD[:90]}\n" for depth in range(12)),
    "mathematics": r"\(" + r"\frac{a}{b}+" * 60 + r"\) and $$" + r"\sum_{i=0}^{n}" * 60 + "$$",
    "a formula of its own": "\\[\n" + r"\sum_{i=0}^{n} x_i + " * 60 + "y\n\\]",
    "a task": f"- [ ] {WORD}\n- [x] {LINE}",
    "a bare address": "https://example.org/" + "path" * 100,
    "a footnote": f"note[^1]\n\n[^1]: {WORD}",
    "another writing": "語" * 400 + "ไทย" * 200,
    "spaces that do not break": "word\u00a0" * 120,
    "emphasis": f"**{WORD}** ~~{WORD}~~ *{WORD}*",
    "a prompt that is offered": f"```prompt\n{WORD} {LINE}\n```",
}
# Boxes that may be pushed sideways, and whether their end can be reached; everything else has to fit.
MEASURE = """() => {
  const scroller = document.querySelector('[data-slot="scroll"]'), page = document.documentElement
  const edge = scroller.getBoundingClientRect().left + scroller.clientWidth
  const inBox = (node) => node.closest('pre > code, .table, .math')
  const sides = (node) => node.getBoundingClientRect()
  const out = [...scroller.querySelectorAll('.message, .message *')]
    .filter((node) => !inBox(node.parentElement) && node.checkVisibility())
    .filter((node) => sides(node).right > edge + 0.5 || sides(node).left < -0.5)
  const stuck = [...scroller.querySelectorAll('pre > code, .table, .math')].filter((box) => {
    box.scrollLeft = 1e6
    const words = document.createRange()
    words.selectNodeContents(box)
    const free = box.parentElement.querySelector(':scope > .code-copy')?.getBoundingClientRect().left ?? Infinity
    const reached = box.scrollLeft + box.clientWidth >= box.scrollWidth - 1 && words.getBoundingClientRect().right <= free
    box.scrollLeft = 0
    return !reached
  })
  const blocks = [...scroller.querySelectorAll('pre')].filter((pre) => {
    const copy = pre.querySelector('[data-action="copy-code"]')?.getBoundingClientRect()
    return !copy?.width || copy.left < sides(pre).left || copy.right > Math.min(sides(pre).right, edge) + 0.5
  })
  const boxes = [...scroller.querySelectorAll('pre > code, .table, .math--display')]
  const unnamed = boxes.filter((box) => !box.closest('.message__open') && (box.tabIndex !== 0 || !box.ariaLabel))
  const name = (node) => node.outerHTML.slice(0, 90)
  return {
    page: page.scrollWidth - page.clientWidth, stream: scroller.scrollWidth - scroller.clientWidth,
    out: out.map(name).slice(0, 5), stuck: stuck.map(name), copy: blocks.map(name),
    unnamed: unnamed.map(name),
  }
}"""


async def misfits(page: Page) -> list[Any]:
    """What does not fit, each with the width at which it does not."""
    found: list[Any] = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found += [(width, name, what) for name, what in (await page.evaluate(MEASURE)).items() if what]
    return found


def pages_of_text() -> list[str]:
    """The corpus in as few messages as hold it."""
    texts = [""]
    for block in CORPUS.values():
        joined = f"{texts[-1]}\n\n{block}"
        texts[-1:] = [joined] if len(joined) < LONGEST else [texts[-1], block]
    return texts


async def write_all(person: ApiUser, session: dict[str, Any]) -> None:
    for text in pages_of_text():
        body = {"client_id": str(uuid.uuid4()), "text": text}
        await person.call("POST", f"/sessions/{session['id']}/messages", body)


async def named(product: Product, name: str) -> ApiUser:
    """Somebody with an unusual name."""
    body = {"email": f"{uuid.uuid4().hex}@example.org", "name": name, "password": f"{name} likes tea"}
    answer = await call(product, "POST", "/users", body)
    return ApiUser(product, answer["user"], answer["token"], body["password"])


async def fill(owner: ApiUser, guest: ApiUser, session: dict[str, Any]) -> None:
    """Everything of the corpus, by its owner and by a guest: bubbles stand at both sides."""
    await guest.accepts(await owner.invites(session))
    await write_all(owner, session)
    await write_all(guest, session)


async def test_nothing_in_a_message_widens_the_stream(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await named(product, "B" * 80)
    session = await ada.buys("pro", "T" * 120)
    await fill(ada, bob, session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        assert await misfits(page) == []


async def test_nothing_widens_the_stream_while_it_is_being_written(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    text = "\n\n".join(CORPUS.values()) + "\n\n" + LINE + WORD
    emulator.script("chat", [Stream(text + " and so on" * 4000, pause=0.002)])
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        chat = await ada.joins(session)
        await chat.says("Tell me everything")
        reply = await chat.sees(lambda each: each["status"] == "streaming")
        tail = f"#message_{reply['id']} [data-tail]"
        await page.wait_for_function("(s) => document.querySelector(s)?.textContent.includes('and so on')", arg=tail)
        assert await misfits(page) == []
        await stop(chat, reply)


async def stop(chat: SessionSocket, reply: dict[str, Any]) -> None:
    await chat.asks("message.stop", message_id=reply["id"])
    await chat.sees(lambda each: each["id"] == reply["id"] and each["status"] == "done")
    await chat.leaves()


async def test_long_names_titles_prompts_and_codes_of_errors_fit_on_every_page(product, browser) -> None:
    ada = await named(product, "W" * 80)
    session = await ada.buys("pro", "T" * 120)
    chat = await ada.joins(session)
    made = await chat.generates(WORD, count=4, width=64, height=512)
    failed = await chat.generates("impossible " + WORD, width=64, height=64)
    for message in (made, failed):
        await chat.sees_ended(message)
    code = await ada.invites(session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.locator("generation-card").first.hover()
        await page.locator('[data-action="menu"]').first.click()
        await expect(page.locator(".picture-menu:popover-open")).to_be_visible()
        assert await misfits(page) == []
        for path in ("/sessions", "/history", "/gallery", "/settings", f"/invite/{code}", "/plans"):
            await page.goto(product.url + path)
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                wide = await page.evaluate(
                    "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
                )
                assert wide[0] == wide[1], (path, width)
    # The buttons of a touch screen are larger.
    phone = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
    async with signed_in(browser, ada, **phone) as visitor:
        page = await visitor.open_session(session)
        await page.locator("generation-card").first.scroll_into_view_if_needed()
        assert {name: what for name, what in (await page.evaluate(MEASURE)).items() if what} == {}
    await chat.leaves()
