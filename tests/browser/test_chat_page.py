"""The chat page in the hands of people: writing, making pictures, running out of credits, losing the line."""

import re

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.support import ports
from tests.support import product as products
from tests.support.browser import LIVE, PHONE, TEXT, choose, is_at_its_end, say, signed_in
from tests.support.late_answers import (
    PLACEHOLDER_MS,
    hold_answers,
    hold_periods,
    hold_undo_periods,
    no_period_runs,
    release_answer,
    requests_held,
)
from tests.support.story import sign_up
from tests.support.watching import record_statuses, statuses_of

pytestmark = pytest.mark.browser


async def ask_for_a_picture(page: Page, prompt: str) -> None:
    if await page.get_attribute("message-composer", "data-mode") != "image":
        await page.click('.composer__mode[data-mode="image"]')
    await choose(page, "size", "512")
    await say(page, prompt)


async def test_a_picture_goes_through_its_stages_in_the_message_and_costs_one_credit(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.click('.composer__mode[data-mode="image"]')
        await expect(page.locator(".composer__send")).to_have_text(re.compile("Create 1 · 1 of 8 credits"))
        await record_statuses(page)
        await ask_for_a_picture(page, "a sunset over mountains")
        card = page.locator("generation-card[id^=generation_]")
        await expect(card).to_have_attribute("data-status", "done", timeout=90_000)
        # A small picture may be rendered between two looks.
        assert "rendering" in await statuses_of(page, await card.get_attribute("id") or "")
        await expect(page.locator(".downloads__main")).to_contain_text("Download PNG · 512 × 512")
        await expect(page.locator('#details [data-kind="image"] [data-slot="words"]')).to_contain_text("7 of 8 left")
        await expect(page.locator("live-region")).to_have_text("Picture ready.")


# How many messages the stream shows as waiting in the moment in which one is written to the socket.
NOTE_WAITING = """() => {
  const { send } = WebSocket.prototype
  window.waiting = []
  WebSocket.prototype.send = function (data) {
    const { type } = JSON.parse(data)
    if (type.endsWith('.create')) waiting.push([type, document.querySelectorAll('[data-local-pending]').length])
    send.call(this, data)
  }
}"""


async def test_what_is_sent_is_on_its_way_before_the_page_shows_it(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.evaluate(NOTE_WAITING)
        await say(page, "hello there")
        await expect(page.locator("chat-message[data-author-kind=user]:not([data-local-pending])")).to_have_count(1)
        await ask_for_a_picture(page, "a lighthouse in a storm")
        await expect(page.locator("generation-card[id^=generation_]")).to_be_visible()
        assert await page.evaluate("waiting") == [["message.create", 0], ["generation.create", 0]]


async def test_a_placeholder_is_shown_where_the_answer_takes_longer_than_a_frame(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        waiting = page.locator("[data-local-pending]")
        await hold_periods(page, PLACEHOLDER_MS)
        await say(page, "answered at once")
        await expect(page.locator("chat-message[data-author-kind=user]:not([data-local-pending])")).to_have_count(1)
        await no_period_runs(page)  # the answer follows the message
        await expect(waiting).to_have_count(0)
        slow = await visitor.context.new_page()
        await slow.route_web_socket("**/ws/sessions/**", keep_messages)
        await slow.goto(page.url)
        await slow.wait_for_selector(LIVE, state="attached")
        await say(slow, "on its way for long")
        await expect(slow.locator("[data-local-pending]")).to_contain_text("on its way for long")


def keep_messages(line: WebSocketRoute) -> None:
    """A line on which what people write does not arrive."""
    server = line.connect_to_server()
    line.on_message(lambda words: None if '"message.create"' in words else server.send(words))


# Sends words in the moment in which the composer answers, and notes whether the stream is set up by then.
SEND_AT_ONCE = """customElements.whenDefined('message-composer').then(() => {
  window.streamWasThere = Boolean(customElements.get('message-list'))
  document.querySelector('#composer-text').value = 'as early as can be'
  document.querySelector('message-composer form').requestSubmit()
})"""

# Whether the browser keeps a command that has no answer.
IS_KEPT = """() => new Promise((done) => {
  const opening = indexedDB.open(`outbox of ${document.querySelector('meta[name="viewer-id"]').content}`, 1)
  opening.onsuccess = () => {
    const counting = opening.result.transaction('commands').objectStore('commands').count()
    counting.onsuccess = () => { opening.result.close(); done(counting.result === 1) }
  }
})"""


async def test_one_can_write_before_the_stream_is_set_up_and_nothing_of_it_is_lost(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.context.new_page()
        await page.add_init_script(SEND_AT_ONCE)
        await page.route_web_socket("**/ws/sessions/**", lambda _: None)  # opens, and says nothing
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await expect(page.locator("chat-message[data-local-pending]")).to_contain_text("as early as can be")
        assert await page.evaluate("streamWasThere") is False
        await page.wait_for_function(IS_KEPT)
        await page.close()
        again = await visitor.open_session(session)
        stored = again.locator("chat-message[data-author-kind=user]:not([data-local-pending])")
        await expect(stored).to_contain_text("as early as can be")
        await expect(stored).to_have_count(1)


async def test_what_is_written_while_the_server_is_away_arrives_once_after_a_reload(
    own_database_url, browser, tmp_path
) -> None:
    running = await products.start(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url)
    try:
        ada = await sign_up(running, "Ada")
        session = await ada.buys()
        async with signed_in(browser, ada) as visitor:
            page = await visitor.open_session(session)
            await running.kill()
            await page.wait_for_selector('.connection[data-state="reconnecting"]')
            await say(page, "written into the void")
            await expect(page.locator("[data-local-pending]")).to_contain_text("written into the void")
            await expect(page.locator("[data-local-pending] .message__offline")).to_be_visible()
            await expect(page.locator("[data-local-pending] .message__sending")).to_be_hidden()
            await expect(page.locator(".connection")).to_contain_text("1 waiting to be sent")
            await running.start_again()
            await page.reload()
            await page.wait_for_selector('chat-message[data-author-kind="assistant"]')
            assert await page.locator("chat-message", has_text="written into the void").count() == 1
            assert await page.locator("[data-local-pending]").count() == 0
            visitor.complaints.clear()  # the browser itself reports every refused connection
    finally:
        await running.kill()


async def test_words_and_settings_survive_a_reload(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.fill(TEXT, "/image a quiet lake")
        await choose(page, "ratio", "16:9")
        await expect(page.locator('[data-slot="pixels"]')).to_have_text("768 × 432 pixels")
        await page.reload()
        await expect(page.locator(TEXT)).to_have_value("a quiet lake")
        await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")
        await expect(page.locator('input[name="ratio"][value="16:9"]')).to_be_checked()
        # A second tab begins with it, and from then on each keeps its own, until that is sent from either.
        other = await visitor.open_session(session)
        await expect(other.locator(TEXT)).to_have_value("a quiet lake")
        await other.press(TEXT, "Escape")
        await other.fill(TEXT, "something else")
        for tab, words in ((page, "a quiet lake"), (other, "something else")):
            await tab.reload()
            await expect(tab.locator(TEXT)).to_have_value(words)
        await say(other, "a quiet lake")
        third = await visitor.open_session(session)
        await expect(third.locator(TEXT)).to_have_value("")


BREAK_AND_HEAR = """() => {
  const { send } = WebSocket.prototype
  window.told = []
  WebSocket.prototype.send = function (text) {
    window.told.push(text)
    send.call(this, text)
  }
  for (const type of ['offline', 'online']) dispatchEvent(new Event(type))
}"""


async def test_a_deleted_message_can_be_brought_back_for_five_seconds(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        chat = await ada.joins(session)
        first, second = await chat.says("keep me"), await chat.says("drop me")
        page = await visitor.open_session(session)
        for message in (second, first):  # what is brought back is deleted last: five seconds are few on a busy machine
            await page.hover(f"#message_{message['id']}")
            await page.click(f'#message_{message["id"]} [data-action="delete"]')
        await page.click(f'#message_{first["id"]} [data-action="undo"]')
        await expect(page.locator(f"#message_{second['id']}")).to_have_attribute("data-status", "deleted")
        await expect(page.locator(f"#message_{first['id']}")).to_contain_text("keep me")
        # What was seen may have been told to a connection that was lost: the next one is told again.
        await page.evaluate(BREAK_AND_HEAR)
        await page.wait_for_function("() => window.told.some((each) => each.includes('session.seen'))")
        # Once the deletion is on its way, nothing offers to take it back.
        await hold_undo_periods(page)
        await page.hover(f"#message_{first['id']}")
        await page.click(f'#message_{first["id"]} [data-action="delete"]')
        assert not await page.evaluate("""() => {
          window.periods.forEach((end) => end())
          return document.querySelector('[data-local-leaving] [data-action="undo"]').checkVisibility()
        }""")
        await chat.leaves()


async def test_a_reader_further_up_is_not_moved_but_told(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    async with signed_in(browser, ada) as visitor:
        chat = await bob.joins(session)
        for line in range(18):
            await chat.says(f"line {line}\n\nwith\n\nmore\n\nlines")
        page = await visitor.open_session(session)
        scroller = page.locator(".stream__scroll")
        await is_at_its_end(page)
        await scroller.evaluate("s => { s.scrollTop = 200 }")
        await chat.says("something new")
        await expect(page.locator(".stream__new")).to_have_text("1 new message")
        assert await scroller.evaluate("s => s.scrollTop") == 200
        await page.click(".stream__new")
        await expect(page.locator("chat-message").last).to_be_in_viewport()
        await expect(page.locator(".stream__new")).to_be_hidden()
        await scroller.evaluate("s => { s.scrollTop = 200 }")
        await say(page, "and an answer")
        await expect(page.locator("chat-message").last).to_contain_text("and an answer")
        await expect(page.locator("chat-message").last).to_be_in_viewport()
        await chat.leaves()


# Moves up and takes a drawn message in one task: the browser tells of the scroll only afterwards.
MOVE_AND_RECEIVE = """() => {
  const list = document.querySelector("message-list"), last = [...list.querySelectorAll("chat-message")].at(-1)
  list.querySelector(".stream__scroll").scrollTop = 200
  list.receive({ html: last.outerHTML.replaceAll(last.id, "message_of_this_very_moment") })
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
}"""


async def test_a_reader_who_moves_up_in_the_moment_of_a_message_is_not_pulled_back(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    chat = await bob.joins(session)
    for line in range(8):
        await chat.says(f"line {line}\n\nwith\n\nmore\n\nlines")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await is_at_its_end(page)
        await page.evaluate(MOVE_AND_RECEIVE)
        assert await page.locator(".stream__scroll").evaluate("s => s.scrollTop") == 200
        await expect(page.locator(".stream__new")).to_have_text("1 new message")
    await chat.leaves()


async def test_older_messages_load_above_and_a_link_leads_to_one_of_them(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    async with signed_in(browser, ada) as visitor:
        path = f"/sessions/{session['id']}/messages"
        for number in range(75):
            await bob.call("POST", path, {"client_id": f"n-{number}", "text": f"number {number}"})
        oldest = (await ada.call("GET", f"{path}?after=0&limit=1"))["messages"][0]
        page = await visitor.open_session(session, f"#message_{oldest['id']}")
        await expect(page.locator(f"#message_{oldest['id']}")).to_be_in_viewport()
        texts = await page.locator("chat-message .message__text").all_text_contents()
        assert [each.strip() for each in texts] == [f"number {number}" for number in range(75)]
        # Who goes on to another one, while the messages up to the first are on their way, stays there.
        page = await visitor.open_session(session)
        newest = await page.locator("chat-message").last.get_attribute("id")
        await hold_answers(page, "/messages?before=")
        await page.evaluate("(id) => (location.hash = id)", f"message_{oldest['id']}")
        await requests_held(page, 1)
        await page.evaluate("(id) => (location.hash = id)", newest)
        await expect(page.locator(f"#{newest}")).to_have_attribute("data-local-linked", "")
        await release_answer(page, 0)
        await expect(page.locator(f"#message_{oldest['id']}")).to_be_attached()
        await expect(page.locator(f"#{newest}")).to_be_in_viewport()


async def test_a_guest_sees_pictures_appear_and_is_told_why_they_may_not_make_any(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    async with signed_in(browser, bob, viewport=PHONE, has_touch=True) as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        message = await chat.generates("a harbour in fog")
        await page.click('.composer__mode[data-mode="image"]')
        await expect(page.locator(".composer__hint")).to_contain_text("has not allowed guests to generate")
        await chat.sees_ended(message)
        await expect(page.locator(".downloads__main")).to_be_visible()
        await page.locator('[data-action="menu"]').tap()
        await expect(page.locator(".picture-menu:popover-open")).to_contain_text("Copy the prompt")
        await expect(page.locator('.picture-menu [data-action="retry"]')).to_be_hidden()
        await page.keyboard.press("Escape")
        await ada.invites(session, guests_may_generate=True)
        await expect(page.locator(".composer__hint")).not_to_contain_text("guests")
        await chat.leaves()


async def test_the_lightbox_zooms_walks_and_gives_focus_back(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        await chat.sees_ended(await chat.generates("a forest at night", count=2))
        await expect(page.locator('[data-action="open"]')).to_have_count(2)
        first = page.locator('[data-action="open"]').first
        await first.focus()
        await page.keyboard.press("Enter")
        viewer = page.locator("dialog.viewer")
        await expect(viewer).to_contain_text("a forest at night")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("1 of 2")
        await page.keyboard.press("ArrowRight")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("2 of 2")
        await page.keyboard.press("+")
        await expect(viewer.locator('[data-slot="stage"]')).to_have_attribute("data-closer", "")
        await page.keyboard.press("Escape")
        await expect(viewer).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(viewer).to_be_hidden()
        await expect(first).to_be_focused()
        await chat.leaves()


async def test_what_cannot_be_fetched_for_now_is_told_and_can_be_pressed_again(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("a boat", width=64, height=64))
    said = await chat.says("Good morning.")
    await chat.leaves()
    async with signed_in(browser, ada) as visitor:
        visitor.announce("ERR_FAILED", "503")
        page = await visitor.open_session(session)
        toast = page.locator("toast-notice [data-slot=words]")
        script = await page.get_attribute("picture-viewer", "data-script")
        await page.route(f"**{script}", lambda route: route.abort())
        await page.hover("generation-card")
        await page.click("generation-card [data-action=menu]")
        await expect(toast).to_contain_text("The server cannot be reached right now.")
        await page.unroute(f"**{script}")
        await page.hover("generation-card")
        await page.click("generation-card [data-action=menu]")
        await expect(page.locator('.picture-menu [data-action="remove"]')).to_be_visible()
        await page.keyboard.press("Escape")

        address, message = f"**/api/v1/messages/{said['id']}", f"#message_{said['id']}"
        refusal = {"error": {"code": "busy", "message": "The server is busy."}}
        await page.route(address, lambda route: route.fulfill(status=503, json=refusal))
        await page.hover(message)
        await page.click(f"{message} [data-action=edit]")
        await expect(toast).to_have_text("The server is busy.")
        await page.unroute(address)
        await page.click(f"{message} [data-action=edit]")
        await expect(page.locator(".message__edit textarea")).to_have_value("Good morning.")


async def test_the_page_is_light(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/offline")
        sizes: dict[str, int] = {}
        client = await visitor.context.new_cdp_session(page)
        await client.send("Network.enable")
        addresses: dict[str, str] = {}
        client.on("Network.responseReceived", lambda e: addresses.update({e["requestId"]: e["response"]["url"]}))
        client.on("Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}))
        await client.send("Network.setCacheDisabled", {"cacheDisabled": True})
        await page.goto(f"{product.url}/sessions/{session['id']}", wait_until="networkidle")
        shown = {addresses[each]: size for each, size in sizes.items() if each in addresses}
        assert len(shown) <= 12, shown
        assert sum(shown.values()) <= 100_000, shown
        assert sum(size for url, size in shown.items() if url.endswith(".js")) <= 40_000, shown


async def test_nothing_is_wider_than_a_small_phone_and_nothing_jumps(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    small = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
    async with signed_in(browser, ada, **small) as visitor:
        chat = await ada.joins(session)
        await chat.says("A word that is long: " + "m" * 300 + "\n\n```\n" + "code " * 60 + "\n```")
        await chat.sees_ended(await chat.generates("a harbour in fog", count=2))
        page = await visitor.open_session(session)
        for _ in range(2):
            assert await page.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [320, 320]
            await page.click('.composer__mode[data-mode="image"]')
        await page.reload()
        await page.wait_for_selector('.connection[data-state="live"]')
        assert await page.evaluate(LAYOUT_SHIFT) < 0.01
        await chat.leaves()


LAYOUT_SHIFT = """() => new Promise((resolve) => {
  let sum = 0
  const add = (list) => list.getEntries().forEach((entry) => (sum += entry.hadRecentInput ? 0 : entry.value))
  new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true })
  requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)))
})"""


async def test_the_newest_message_stays_in_sight_when_a_tall_one_before_it_is_laid_out_no_more(
    product, browser
) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("flash")
    await bob.accepts(await ada.invites(session))
    chat = await bob.joins(session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        for words in ("A long tale.\n\n" * 20, "one", "two", "three"):
            await chat.says(words)
        await page.wait_for_selector("chat-message[data-local-far]", state="attached")
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await chat.says("the newest")
        await expect(page.locator("chat-message", has_text="the newest")).to_be_in_viewport(ratio=1)
    await chat.leaves()
