"""A command on which the line breaks each time is given up, in its place and with its words; what is behind it goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.support import ports
from tests.support import product as products
from tests.support.browser import LIVE, TEXT, say, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

POISON = "the word that kills"
STRANDED = "[data-local-stranded]"
TEXTS = ".message[data-author-kind=user]:not([data-local-pending]) .message__text"


class Killer:
    """Stands before the server's sockets, and breaks each on which the word comes, before anything is answered."""

    def __init__(self) -> None:
        self.victims: list[list[str]] = []
        self.kills = True

    async def stand_before(self, page: Page) -> None:
        await page.route_web_socket("**/ws/sessions/**", self._carry)

    def _carry(self, route: WebSocketRoute) -> None:
        server, sent = route.connect_to_server(), []

        def hear(frame: str | bytes) -> None:
            sent.append(str(frame))
            if self.kills and POISON in str(frame):
                self.victims.append(sent)
                self._closing = asyncio.ensure_future(route.close(code=1011))
            elif not any(POISON in each for each in sent) or not self.kills:
                server.send(frame)

        route.on_message(hear)


@contextlib.asynccontextmanager
async def a_session_page(product: Any, browser: Any) -> AsyncIterator[tuple[Page, Killer]]:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page, killer = await visitor.context.new_page(), Killer()
        await killer.stand_before(page)
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        yield page, killer


async def write_around_it(page: Page) -> None:
    """A word before it and two behind it, all waiting when it goes out."""
    await page.evaluate(
        """(words) => {
      const field = document.querySelector('#composer-text')
      for (const word of words) { field.value = word; field.form.requestSubmit() }
    }""",
        ["before it", POISON, "behind it", "and behind that"],
    )


async def test_what_was_on_its_way_at_three_breaks_is_given_up_and_the_others_go_on(product, browser) -> None:
    async with a_session_page(product, browser) as (page, killer):
        await write_around_it(page)
        await expect(page.locator(f"{STRANDED} .message__text")).to_have_text(POISON, timeout=30_000)
        await expect(page.locator(STRANDED)).to_contain_text("Not sent: the connection broke three times")
        await expect(page.locator(TEXTS)).to_have_text(["before it", "behind it", "and behind that"])
        await expect(page.locator(".connection")).to_have_attribute("data-state", "live")
        assert len(killer.victims) == 3

        # It stays through a reload, and is not sent by itself.
        await page.reload()
        await page.wait_for_selector(LIVE, state="attached")
        await expect(page.locator(f"{STRANDED} .message__text")).to_have_text(POISON)
        await say(page, "the talk goes on")
        await expect(page.locator(TEXTS).last).to_have_text("the talk goes on")
        assert len(killer.victims) == 3

        killer.kills = False
        await page.click(f"{STRANDED} [data-action=try-again]")
        await expect(page.locator(TEXTS).last).to_have_text(POISON)
        await expect(page.locator("[data-local-pending]")).to_have_count(0)


async def test_what_was_given_up_can_be_removed_and_is_gone_for_good(product, browser) -> None:
    async with a_session_page(product, browser) as (page, _):
        await say(page, POISON)
        await page.click(f"{STRANDED} [data-action=discard]", timeout=30_000)
        await expect(page.locator("[data-local-pending]")).to_have_count(0)
        await page.reload()
        await page.wait_for_selector(LIVE, state="attached")
        await expect(page.locator("[data-local-pending]")).to_have_count(0)
        await page.press(TEXT, "Alt+ArrowUp")
        await expect(page.locator(TEXT)).to_have_value(POISON)


async def test_what_is_written_while_the_connection_closes_waits_for_the_next_one(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.context.new_page()
        await page.add_init_script("""
          const Real = WebSocket
          window.WebSocket = class extends Real { constructor(...all) { super(...all); window.line = this } }""")
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        state = await page.evaluate("""() => {
          line.close()
          const field = document.querySelector('#composer-text')
          field.value = 'at the last moment'
          field.form.requestSubmit()
          return document.querySelector('.connection').dataset.state
        }""")
        assert state == "live"
        await expect(page.locator(TEXTS)).to_have_text(["at the last moment"])
        await expect(page.locator("[data-local-pending]")).to_have_count(0)


async def test_a_server_that_was_killed_under_a_command_is_told_it_again_but_not_a_fourth_time(
    own_database_url, browser, tmp_path
) -> None:
    server = await products.start(tmp_path, port=ports.reserve(), DATABASE_URL=own_database_url)
    try:
        ada = await sign_up(server, "Ada")
        session = await ada.buys()
        async with signed_in(browser, ada) as visitor:
            page = await visitor.open_session(session)
            # The word goes nowhere but into the line, as into a loop that never comes back.
            await page.evaluate(
                """(word) => {
              const send = WebSocket.prototype.send
              window.sent = 0
              WebSocket.prototype.send = function (data) { data.includes(word) ? sent++ : send.call(this, data) }
            }""",
                POISON,
            )
            await say(page, POISON)
            for death in (1, 2, 3):
                await page.wait_for_function("(death) => sent === death", arg=death)
                await server.kill()
                await server.start_again()
            await expect(page.locator(f"{STRANDED} .message__text")).to_have_text(POISON)
            await page.wait_for_selector(LIVE, state="attached", timeout=60_000)
            await say(page, "alive")
            await expect(page.locator(TEXTS)).to_have_text(["alive"])
            visitor.complaints.clear()  # the browser itself reports every refused connection
    finally:
        await server.kill()


class LineLostOnce:
    """Stands before the server's sockets, and breaks the line on which a command was sent, with its answer; the next one is
    let through when a test says so."""

    def __init__(self, command: str) -> None:
        self._command = command
        self.sent, self.may_return = asyncio.Event(), asyncio.Event()

    async def carry(self, route: WebSocketRoute) -> None:
        if self.sent.is_set():
            await self.may_return.wait()
        server = route.connect_to_server()

        def hear(frame: str | bytes) -> None:
            server.send(frame)
            if self._command in str(frame):
                self.sent.set()

        def tell(frame: str | bytes) -> None:
            if not self.sent.is_set() or self.may_return.is_set():
                route.send(frame)
            else:
                self._closing = asyncio.ensure_future(route.close(code=1012))

        route.on_message(hear)
        server.on_message(tell)


async def test_a_version_whose_answer_is_lost_is_made_once_for_one_credit(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat, line = await ada.joins(session), LineLostOnce("generation.retry")
    await chat.sees_ended(await chat.generates("a red boat", width=64, height=64))
    async with signed_in(browser, ada) as visitor:
        page = await visitor.context.new_page()
        await page.route_web_socket("**/ws/sessions/**", line.carry)
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        await page.locator(".tile__open").hover()
        another = page.locator("generation-card").first.locator('[data-action="retry"]')
        await another.click()
        # The page asks once more when the version is there already.
        made = await chat.sees(lambda message: [each["status"] for each in message["generations"]] == ["done", "done"])
        await expect(another).to_have_attribute("aria-disabled", "true")
        line.may_return.set()
        await expect(another).not_to_have_attribute("aria-disabled", "true")
        left = (await ada.credits(session))["image"]["left"]
        assert (left, len(chat.messages[made["id"]]["generations"])) == (6, 2)
    await chat.leaves()
