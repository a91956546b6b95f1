"""A session with 120 pictures opens like an empty one; the rest of it comes while the reader scrolls."""

import pytest
from playwright.async_api import Page, expect

from chatserver.messages.pages import MOST_MESSAGES
from tests.emulators.huggingface import Stream
from tests.support.browser import LIVE, TEXT, signed_in
from tests.support.late_answers import (
    answers_lost,
    end_periods,
    hold_answers,
    hold_undo_periods,
    lose_answers,
    lose_none,
    release_answer,
    requests_held,
)
from tests.support.long_session import fill
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

BATCHES = 30
MOST_NODES = 1_500
# Some screens of pictures, so that scrolling back has something to show while it loads.
LEAST_BATCHES = 2

# Goes to the very top, and tells where the message that the reader sees there is after the older ones have come.
LOAD_OLDER = """async () => {
  const list = document.querySelector('message-list'), scroller = list.querySelector('[data-slot=scroll]')
  const seen = list.querySelector('chat-message')
  const before = list.dataset.before
  const frame = () => new Promise(requestAnimationFrame)
  const place = () => Math.round(seen.getBoundingClientRect().top - scroller.getBoundingClientRect().top)
  scroller.scrollTop = 0
  await frame()
  const placed = place()
  while (list.dataset.before === before) await frame()
  for (let frames = 0; frames < 5; frames++) await frame()
  return [placed, place()]
}"""
# How much of the page moves by itself, as browsers count it.
COUNT_SHIFTS = """window.moved = 0
new PerformanceObserver((list) => list.getEntries().forEach((each) => (window.moved += each.value)))
  .observe({ type: 'layout-shift', buffered: true })"""
TO_THE_TOP = "() => document.querySelector('message-list [data-slot=scroll]').scrollTo(0, 0)"
ORDER = "() => [...document.querySelectorAll('chat-message')].map((each) => each.dataset.id)"


async def test_a_long_session_opens_with_its_newest_screens_and_loads_the_rest_without_moving(
    emulated_product, emulated_database_url, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))  # among several the assistant is silent
    message_ids = await fill(emulated_database_url, ada, session, BATCHES)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        nodes, loaded = await page.locator("*").count(), await page.locator("chat-message").count()
        print(f"{nodes} nodes with {loaded} of {BATCHES} batches")
        assert nodes <= MOST_NODES
        assert LEAST_BATCHES <= loaded < BATCHES
        await expect(page.locator(f"#message_{message_ids[-1]}")).to_be_in_viewport()
        await expect(page.locator(TEXT)).to_be_editable()

        # A change of what is not loaded stays out of the page, and of the first screens of the next one.
        room = await ada.joins(session)
        await room.asks("asset.favorite", asset_id=(await _picture(ada, session, message_ids[0])), on=True)
        await room.says("the end")
        await room.leaves()
        await expect(page.locator("chat-message").last).to_contain_text("the end")
        assert await page.locator("chat-message").count() == loaded + 1
        await page.add_init_script(COUNT_SHIFTS)
        await page.reload()
        await page.wait_for_selector(LIVE, state="attached")
        assert await page.evaluate("moved") < 0.005
        newest = await page.evaluate(ORDER)
        assert newest[:-1] == message_ids[-len(newest) + 1 :]

        linked = await visitor.open_session(session, f"#message_{message_ids[4]}")
        await expect(linked.locator(f"#message_{message_ids[4]}")).to_be_in_viewport()
        await linked.close()

        while await page.get_attribute("message-list", "data-before"):
            placed, then = await page.evaluate(LOAD_OLDER)
            assert abs(then - placed) <= 2
        assert (await page.evaluate(ORDER))[:-1] == message_ids
        await _find_in_page(page, "a harbour 3", message_ids[3])


async def test_a_reply_whose_question_comes_with_an_older_page_can_be_asked_for_again(
    emulated_product, emulator, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))  # among several the assistant is silent unless it is asked
    emulator.script("chat", [Stream("Yes.")])
    room = await ada.joins(session)
    await room.says("@assistant shall we?")
    await room.sees(lambda message: message["author"]["kind"] == "assistant" and message["status"] == "done")
    for number in range(MOST_MESSAGES - 1):
        await room.says(str(number))
    await room.leaves()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        reply = page.locator('chat-message[data-author-kind="assistant"]')
        question = page.locator("chat-message", has_text="shall we?")
        await expect(reply).to_be_attached()
        await expect(question).not_to_be_attached()
        await page.evaluate(TO_THE_TOP)
        await expect(question).to_be_attached()
        await expect(reply).to_have_attribute("data-local-answers-me", "")


@pytest.mark.parametrize("how", ["away", "refused", "cut"])
async def test_earlier_messages_and_pictures_that_could_not_be_fetched_are_asked_for_again(
    emulated_product, emulated_database_url, browser, how
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    message_ids = await fill(emulated_database_url, ada, session, BATCHES)
    await ada.call("PUT", f"/assets/{await _picture(ada, session, message_ids[0])}/favorite")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        messages, pictures = page.locator("chat-message"), page.locator("session-pictures li")
        loaded = await messages.count()
        await hold_undo_periods(page)
        await lose_answers(page, "/messages?before=", how)
        await page.evaluate(TO_THE_TOP)
        await answers_lost(page)
        await lose_none(page)
        await page.wait_for_function("() => window.periods.size")
        await end_periods(page)
        await page.wait_for_function("(few) => document.querySelectorAll('chat-message').length > few", arg=loaded)
        # Of the favourites, too, which the list was emptied for.
        await lose_answers(page, "/pictures?", how)
        await page.click("[data-action=favorites]")
        await answers_lost(page)
        await lose_none(page)
        await end_periods(page)
        await expect(pictures).to_have_count(1)


async def test_an_older_page_that_is_late_shows_nothing_that_was_deleted_meanwhile(
    emulated_product, emulated_database_url, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    message_ids = await fill(emulated_database_url, ada, session, BATCHES)
    room = await ada.joins(session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        first = await page.locator("chat-message").first.get_attribute("data-id")
        older, of_older_pictures = message_ids[message_ids.index(first) - 1], message_ids[-8]
        await hold_answers(page, "?before=")
        await page.evaluate(TO_THE_TOP)
        await requests_held(page, 1)
        await page.locator(".pictures__scroll").evaluate("(each) => each.scrollTo(0, 1e6)")
        await requests_held(page, 2)
        for gone in (older, of_older_pictures):
            await room.asks("message.delete", message_id=gone)
        await room.says("the end")
        await expect(page.locator("chat-message").last).to_contain_text("the end")
        for number in range(2):
            await release_answer(page, number)
        await expect(page.locator(f"#message_{older}")).to_have_attribute("data-status", "deleted")
        await expect(page.locator(f'session-pictures [data-message="{message_ids[-9]}"]')).to_have_count(4)
        await expect(page.locator(f'session-pictures [data-message="{of_older_pictures}"]')).to_have_count(0)
    await room.leaves()


async def _picture(user, session, message_id: str) -> str:
    found = (await user.call("GET", f"/sessions/{session['id']}/messages?after=0"))["messages"]
    message = next(each for each in found if each["id"] == message_id)
    return message["generations"][0]["assets"][0]["id"]


async def _find_in_page(page: Page, words: str, message_id: str) -> None:
    """The browser's own search reaches what is not drawn."""
    await page.evaluate("getSelection().removeAllRanges()")
    assert await page.evaluate("(words) => find(words)", words)
    found = "getSelection().anchorNode.parentElement.closest('chat-message').dataset.id"
    assert await page.evaluate(found) == message_id
