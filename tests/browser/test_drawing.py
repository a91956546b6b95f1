"""The page that was open all the time and a fresh one show the same, whatever happened in between."""

import pytest

from tests.support.browser import signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

MARKDOWN = "A **list**:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"

# The stream as lines, without what differs in time or in memory: blob addresses, seconds, a picture's way in.
STREAM = """() => {
  const passing = '[data-slot="preview"], [data-slot="words"], [data-slot="stage"], [data-slot="bar"]'
  const own = ['data-local-loaded', 'data-local-far', 'style']
  const line = ({ name, value }) => `${name}=${value}`
  const lines = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data.trim() ? [node.data.trim()] : []
    if (node.matches(passing)) return []
    const attributes = [...node.attributes].filter(({ name }) => !own.includes(name)).map(line).sort()
    return [`<${node.localName}> ${attributes.join(' ')}`, ...[...node.childNodes].flatMap(lines), `</${node.localName}>`]
  }
  return [...document.querySelectorAll('[data-slot="messages"] > chat-message')].flatMap(lines)
}"""


async def test_the_page_before_and_the_events_equal_the_page_after(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    async with signed_in(browser, ada) as visitor:
        before = await visitor.open_session(session)
        chat, guest = await ada.joins(session), await bob.joins(session)
        await chat.says(MARKDOWN)
        await guest.says("@assistant <b>hello</b> & welcome <script>alert(1)</script>")
        await chat.sees(lambda message: message["author"]["kind"] == "assistant" and message["status"] == "done")
        await before.wait_for_selector('chat-message[data-author-kind="assistant"][data-status="done"]')
        pictures = await guest.generates("a harbour in fog", count=2)
        dropped = await chat.generates("never to be seen", width=1024, height=1024, count=2)
        await chat.asks("generation.cancel", generation_id=dropped["generations"][1]["id"])
        done = await chat.sees_ended(pictures)
        await chat.asks("asset.favorite", asset_id=done["generations"][0]["assets"][0]["id"], on=True)
        await chat.asks("generation.retry", generation_id=done["generations"][0]["id"])
        gone = await chat.says("soon gone")
        await chat.asks("message.delete", message_id=gone["id"])
        await chat.sees_ended(dropped)
        versions = await chat.sees(
            lambda each: each["id"] == pictures["id"] and [g["status"] for g in each["generations"]] == ["done"] * 3
        )
        await before.wait_for_selector(f"#message_{gone['id']}[data-status='deleted']")
        for ended in (dropped["generations"][0], versions["generations"][2]):
            await before.wait_for_selector(f"#generation_{ended['id']}[data-status='done']")
        after = await visitor.open_session(session)
        assert await before.evaluate(STREAM) == await after.evaluate(STREAM)
        await chat.leaves()
        await guest.leaves()


async def test_a_repeated_or_older_drawing_changes_nothing(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        chat = await ada.joins(session)
        await chat.says("only once")
        page = await visitor.open_session(session)
        result = await page.evaluate("""async () => {
          const { parse, upsert } = await import('/static/any/js/rendering.js')
          const list = document.querySelector('[data-slot="messages"]')
          const [first] = list.querySelectorAll('chat-message')
          const [count, html] = [list.children.length, first.outerHTML]
          upsert(list, parse(html).firstElementChild)
          upsert(list, parse(html.replace('only once', 'older')).firstElementChild)
          return [list.children.length - count, first.outerHTML === html]
        }""")
        assert result == [0, True]
        await chat.leaves()
