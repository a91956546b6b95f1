"""Two people at one browser: what the page keeps there belongs to who wrote it, and is never seen or said by another."""

import contextlib
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import LIVE, TEXT, Visitor, ask_for_pictures, fill_sign_in, say, visiting
from tests.support.story import ApiUser, SessionSocket, sign_up

pytestmark = pytest.mark.browser

# What browsers keep for a site: stored values, databases, and the cookie that asks for all of it to go.
KEPT = """async () => [
  ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases()).map((each) => each.name),
  ...document.cookie.split('; ').filter((each) => each.startsWith('forget')),
]"""


async def signs_in(visitor: Visitor, person: ApiUser) -> Page:
    page = await visitor.open("/sign-in")
    await fill_sign_in(page, person)
    return page


async def opens(visitor: Visitor, person: ApiUser, session: dict[str, Any]) -> Page:
    page = await signs_in(visitor, person)
    await page.goto(f"{visitor.product.url}/sessions/{session['id']}")
    await page.wait_for_selector(LIVE, state="attached")
    return page


async def ends_all_sign_ins(page: Page) -> None:
    """Those of whoever signed in here, as they end after two weeks, or from another browser: nobody signs out by hand."""
    await page.evaluate("""async () => {
      const { sign_ins: all } = await (await fetch('/api/v1/sign-ins')).json()
      for (const { id } of all) await fetch(`/api/v1/sign-ins/${id}`, { method: 'DELETE' })
    }""")


def said_by(chat: SessionSocket) -> list[tuple[str, str]]:
    everything = sorted(chat.messages.values(), key=lambda each: each["id"])
    return [(each["author"]["name"], each["text"]) for each in everything if each["kind"] == "text"]


async def test_two_people_at_one_browser_never_speak_for_each_other(product, browser) -> None:
    ada, ben = await sign_up(product, "Ada"), await sign_up(product, "Ben")
    session = await ada.buys("flash-lite")
    await ben.accepts(await ada.invites(session, guests_may_generate=True))
    chat = await ada.joins(session)
    while (await ada.credits(session))["image"]["left"]:
        await chat.sees_ended(await chat.generates("one of this hour's", width=64, height=64))
    async with visiting(product, browser) as visitor:
        visitor.announce("401")
        page = await opens(visitor, ada, session)
        await say(page, "Ada was here")
        await chat.sees_text("Ada was here")
        await ask_for_pictures(page, "Ada's own wish")
        await expect(page.locator(".composer__deferred")).to_be_visible()
        await page.click('.composer__mode[data-mode="image"]')
        await ends_all_sign_ins(page)
        await expect(page.locator(".connection")).to_have_attribute("data-state", "stopped")
        await say(page, "Ada wrote this when nobody listened")
        await page.fill(TEXT, "half a sentence of Ada's")

        other = await opens(visitor, ben, session)
        await expect(other.locator(TEXT)).to_have_value("")
        await expect(other.locator(".composer__deferred")).to_be_hidden()
        await expect(other.locator("[data-local-pending]")).to_have_count(0)
        await other.press(TEXT, "Alt+ArrowUp")
        await expect(other.locator(TEXT)).to_have_value("")
        # Her page, which still lay open, is his now.
        await expect(page.locator(f'meta[name="viewer-id"][content="{ben.id}"]')).to_have_count(1)
        await expect(page.locator(TEXT)).to_have_value("")
        await say(other, "Ben says hello")
        await chat.sees_text("Ben says hello")
        assert said_by(chat) == [("Ada", "Ada was here"), ("Ben", "Ben says hello")]

        await ends_all_sign_ins(other)
        await other.close()
        again = await opens(visitor, ada, session)
        await chat.sees_text("Ada wrote this when nobody listened")
        assert said_by(chat)[2:] == [("Ada", "Ada wrote this when nobody listened")]
        await expect(again.locator(TEXT)).to_have_value("half a sentence of Ada's")
        await expect(again.locator(".composer__deferred")).to_contain_text("Ada's own wish")
        await expect(again.locator("[data-local-pending]")).to_have_count(0)
    await chat.leaves()


# Nothing is kept, and so no tab hears of another; its line is down, until it is let through again.
BLOCK_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked') } })"
LINE_DOWN = """() => {
  window.Whole = WebSocket
  window.WebSocket = class { close() {} }
  Object.defineProperty(navigator, 'onLine', { get: () => false, configurable: true })
  dispatchEvent(new Event('offline'))
}"""
LINE_UP = """() => {
  window.WebSocket = Whole
  delete navigator.onLine
  dispatchEvent(new Event('online'))
  document.dispatchEvent(new Event('visibilitychange'))
}"""


async def test_a_tab_whose_line_comes_back_under_another_persons_sign_in_sends_nothing(product, browser) -> None:
    ada, ben = await sign_up(product, "Ada"), await sign_up(product, "Ben")
    session = await ada.buys()
    await ben.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    async with visiting(product, browser) as visitor:
        await visitor.context.add_init_script(BLOCK_STORAGE)
        page = await opens(visitor, ada, session)
        await page.evaluate(LINE_DOWN)
        await expect(page.locator(".connection")).to_have_attribute("data-state", "offline")
        await say(page, "Ada's words in the tunnel")
        await ends_all_sign_ins(page)
        await opens(visitor, ben, session)
        async with page.expect_navigation():
            with contextlib.suppress(Exception):  # the page may go while it answers
                await page.evaluate(LINE_UP)
        await expect(page.locator(f'meta[name="viewer-id"][content="{ben.id}"]')).to_have_count(1)
        await page.wait_for_selector(LIVE, state="attached")
        await say(page, "Ben's own words")
        await chat.sees_text("Ben's own words")
        assert said_by(chat) == [("Ben", "Ben's own words")]
    await chat.leaves()


@pytest.mark.parametrize("where", ["the chat page", "an ordinary page"])
async def test_who_signs_out_leaves_nothing_in_the_browser_but_the_theme(product, browser, where) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with visiting(product, browser) as visitor:
        page = await opens(visitor, ada, session)
        await page.click(".account-row")
        await page.click('[data-theme-choice="dark"]')
        await page.keyboard.press("Escape")
        await say(page, "sent")
        await page.fill(TEXT, "not sent")
        other = await visitor.open_session(session)
        assert await page.evaluate(KEPT)
        if where == "an ordinary page":
            await page.goto(f"{product.url}/plans")
        await page.click(".account-row, .account-button")
        async with page.expect_response("**/sign-out") as answer:
            await page.click('form[action="/sign-out"] button')
        assert (await (await answer.value).all_headers())["clear-site-data"] == '"cache", "storage"'
        await expect(page.locator(".notice[role=status]")).to_have_text("You are signed out.")
        await page.wait_for_function(f"async () => (await ({KEPT})()).length === 0")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        await other.wait_for_url("**/sign-in**")


async def test_a_page_from_the_back_forward_cache_goes_where_somebody_else_has_signed_in(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with visiting(product, browser) as visitor:
        page = await opens(visitor, ada, session)
        async with page.expect_navigation():
            await page.evaluate("""() => {
              dispatchEvent(new Event('beforeunload')) // left a moment ago
              localStorage.setItem('viewer', 'somebody-else')
              dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
            }""")
        await page.wait_for_selector(LIVE, state="attached")


async def test_the_page_that_is_shown_without_a_network_names_nobody(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with visiting(product, browser, service_workers="block") as visitor:
        await signs_in(visitor, ada)
        cookies = await visitor.context.storage_state()
    # The worker comes while she is signed in.
    async with visiting(product, browser, storage_state=cookies) as visitor:
        page = await visitor.open("/plans")
        await page.evaluate("navigator.serviceWorker.ready")
        kept = await page.evaluate("caches.match('/offline').then((answer) => answer.text())")
        assert "You are offline" in kept
        assert ada.id not in kept
