"""The page that was open all the time and a fresh one show the same, whatever happened in between."""

import pytest

from tests.support.browser import desk
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

MARKDOWN = "A **list**:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"

# The stream as lines, without what differs in time or in memory: blob addresses, seconds, a picture's way in.
STREAM = """() => {
  const passing = '[data-slot="preview"], [data-slot="words"], [data-slot="time"], [data-slot="bar"]'
  const line = ({ name, value }) => `${name}=${value}`
  const lines = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data.trim() ? [node.data.trim()] : []
    if (node.matches(passing)) return []
    const attributes = [...node.attributes].filter(({ name }) => name !== 'data-local-loaded').map(line).sort()
    return [`<${node.localName}> ${attributes.join(' ')}`, ...[...node.childNodes].flatMap(lines), `</${node.localName}>`]
  }
  return [...document.querySelectorAll('[data-slot="messages"] > chat-message')].flatMap(lines)
}"""


async def test_the_page_before_and_the_events_equal_the_page_after(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    async with desk(browser, ada) as seat:
        before = await seat.open_room(session)
        room, guest = await ada.joins(session), await bob.joins(session)
        await room.says(MARKDOWN)
        await guest.says("@assistant <b>hello</b> & welcome <script>alert(1)</script>")
        await room.sees(lambda message: message["author"]["kind"] == "assistant" and message["status"] == "done")
        await before.wait_for_selector('chat-message[data-author-kind="assistant"][data-status="done"]')
        pictures = await guest.generates("a harbour in fog", count=2)
        dropped = await room.generates("never to be seen", width=1024, height=1024, count=2)
        await room.asks("generation.cancel", generation_id=dropped["generations"][1]["id"])
        done = await room.sees_ended(pictures)
        await room.asks("asset.favorite", asset_id=done["generations"][0]["assets"][0]["id"], on=True)
        await room.asks("generation.retry", generation_id=done["generations"][0]["id"])
        gone = await room.says("soon gone")
        await room.asks("message.delete", message_id=gone["id"])
        await room.sees_ended(dropped)
        versions = await room.sees(
            lambda each: each["id"] == pictures["id"] and [g["status"] for g in each["generations"]] == ["done"] * 3
        )
        await before.wait_for_selector(f"#message_{gone['id']}[data-status='deleted']")
        await before.wait_for_selector(f"#generation_{versions['generations'][2]['id']}[data-status='done']")
        after = await seat.open_room(session)
        assert await before.evaluate(STREAM) == await after.evaluate(STREAM)
        await room.leaves()
        await guest.leaves()


async def test_a_repeated_or_older_drawing_changes_nothing(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with desk(browser, ada) as seat:
        room = await ada.joins(session)
        await room.says("only once")
        page = await seat.open_room(session)
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
        await room.leaves()
