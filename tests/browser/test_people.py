"""What the owner does with a session and its people: give it a name, and send a guest away. Every open page follows."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.axe import complaints_about
from tests.support.browser import TEXT, say, signed_in
from tests.support.late_answers import count_of_requests, hold_answers, release_answer, requests_held
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

TITLE = "h1 [data-slot=title]"
RENAME = "chat-room [data-action=rename]"
FIELD = "chat-room .rename input"
SIDEBAR = "session-list [aria-current] [data-slot=title]"
# The people as they are drawn: names, roles, colours, and who may be sent away. Not who is there at the moment.
PEOPLE = """() => [...document.querySelectorAll('.member')].map((each) => {
  const copy = each.cloneNode(true)
  copy.querySelector('[data-slot="here"]').remove()
  delete copy.dataset.online
  return copy.outerHTML.replace(/\\s+/g, ' ')
})"""
HUES = "() => [...document.querySelectorAll('.member .avatar')].map((each) => each.dataset.hue)"


async def is_called(title: str, *pages: Page) -> None:
    for page in pages:
        await expect(page.locator(TITLE)).to_have_text(title)
        await expect(page.locator(SIDEBAR)).to_have_text(title)
        await expect(page).to_have_title(f"{title} · chatserver")


async def test_a_session_takes_its_name_from_its_owner_and_every_tab_follows(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    await bob.accepts(await ada.invites(session))
    async with signed_in(browser, ada) as visitor, signed_in(browser, bob) as visit:
        page, other, guest = (
            await visitor.open_session(session),
            await visitor.open_session(session),
            await visit.open_session(session),
        )
        await expect(guest.locator("[data-action=rename]")).to_have_count(0)
        await say(page, "Two pictures for the hallway, something warm")
        await is_called("Two pictures for the hallway, something…", page, other, guest)

        await page.click(RENAME)
        await expect(page.locator(FIELD)).to_be_focused()
        assert not await complaints_about(page, "renaming")
        await page.keyboard.type("Not this")
        await page.keyboard.press("Escape")
        await expect(page.locator(RENAME)).to_be_focused()
        await is_called("Two pictures for the hallway, something…", page)

        await page.keyboard.press("Enter")
        await page.keyboard.type("  Our   hallway ")
        await page.keyboard.press("Enter")
        await is_called("Our hallway", page, other, guest)
        await expect(page.locator(RENAME)).to_be_focused()

        await other.click(RENAME)
        await other.fill(FIELD, "The hallway")
        await other.click(".stream__scroll")
        await is_called("The hallway", page, other, guest)


async def test_a_name_that_cannot_be_saved_stays_in_the_field_with_the_reason(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys(title="Before")
    async with signed_in(browser, ada) as visitor:
        visitor.announce("ERR_FAILED", "500")
        page = await visitor.open("/sessions")
        await page.route("**/api/v1/sessions/*", lambda route: route.abort())
        await page.click("[data-action=rename]")
        await page.keyboard.type("After")
        await page.keyboard.press("Enter")
        await expect(page.locator(".rename__problem")).to_contain_text("cannot be reached")
        await expect(page.locator(".rename input")).to_have_value("After")
        await page.unroute("**/api/v1/sessions/*")
        await page.focus(".rename input")
        await page.keyboard.press("Enter")
        await expect(page.locator(".session-card__link")).to_have_text("After")
        await page.click(".session-card__link")
        await page.wait_for_url(f"**/sessions/{session['id']}")
        await is_called("After", page)


async def test_a_guest_leaves_comes_back_and_is_sent_away_for_good(product, browser) -> None:
    ada, bob, carol = await sign_up(product, "Ada"), await sign_up(product, "Bob"), await sign_up(product, "Carol")
    session = await ada.buys()
    code = await ada.invites(session)
    async with signed_in(browser, ada) as visitor, signed_in(browser, bob) as visit:
        visit.announce("404")
        page = await visitor.open_session(session)
        await bob.accepts(code)
        guest = await visit.open_session(session)
        await guest.click("#details [data-action=leave-session]:visible")
        await guest.click("#remove-member [type=submit]")
        await expect(guest.locator("h1")).to_have_text("You are no longer in this session")
        await expect(page.locator(".member")).to_have_count(1)

        await bob.accepts(code)
        await carol.accepts(code)
        await guest.goto(page.url)
        await expect(page.locator(".member")).to_have_count(3)
        fresh = await visitor.open_session(session)
        assert await page.evaluate(PEOPLE) == await fresh.evaluate(PEOPLE) == await guest.evaluate(PEOPLE)
        assert len(set(await page.evaluate(HUES))) == 3
        await expect(guest.locator(".member__remove:visible")).to_have_count(0)

        await page.click('[aria-label="Send Bob away"]')
        assert not await complaints_about(page, "sending away")
        await page.click("#remove-member [data-action=close-dialog]")
        await expect(page.locator("#remove-member")).to_be_hidden()
        await page.click('[aria-label="Send Bob away"]')
        await page.click("#remove-member [type=submit]")
        for each in (page, fresh):
            await expect(each.locator(".member")).to_have_count(2)
        await expect(guest.locator("h1")).to_have_text("You are no longer in this session")
        await guest.goto(f"{product.url}/invite/{code}")
        await expect(guest.locator("h1")).to_have_text("This invite link no longer works")


async def test_who_is_sent_away_is_who_was_meant_however_late_the_answers_come(product, browser) -> None:
    ada, bob, carol = await sign_up(product, "Ada"), await sign_up(product, "Bob"), await sign_up(product, "Carol")
    session = await ada.buys()
    code = await ada.invites(session)
    await bob.accepts(code)
    await carol.accepts(code)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        dialog = page.locator("#remove-member")
        await hold_answers(page, f"DELETE /api/v1/sessions/{session['id']}")
        await page.click('[aria-label="Send Bob away"]')
        await page.evaluate(
            "() => { const { form } = document.querySelector('#remove-member [type=submit]');"
            " form.requestSubmit(); form.requestSubmit() }"
        )
        assert await count_of_requests(page) == 1
        # Bob's invite link is being ended while Carol is asked about, and let off.
        await page.click("#remove-member [data-action=close-dialog]")
        await page.click('[aria-label="Send Carol away"]')
        await expect(dialog.locator("h2")).to_have_text("Send Carol away?")
        await release_answer(page, 0)
        await release_answer(page, 1)
        await expect(page.locator('.member [aria-label="Send Bob away"]')).to_have_count(0)
        await expect(page.locator("toast-notice")).to_contain_text("Bob is out.")
        await expect(dialog.locator("h2")).to_have_text("Send Carol away?")
        await expect(dialog).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(".member")).to_have_count(2)
        assert await count_of_requests(page) == 2


async def test_a_guest_sent_away_stays_away_until_the_owner_lets_them_back_in(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys()
    code = await ada.invites(session)
    await bob.accepts(code)
    async with signed_in(browser, ada) as visitor, signed_in(browser, bob) as visit:
        visit.announce("404", "403")
        page, guest = await visitor.open_session(session), await visit.open_session(session)
        await guest.fill(TEXT, "Just as I was saying")
        await page.click('[aria-label="Send Bob away"]')
        await page.uncheck("#remove-member [data-slot=links]")
        await page.click("#remove-member [type=submit]")
        await expect(guest.locator("h1")).to_have_text("You are no longer in this session")
        await expect(guest.locator("main p").first).to_contain_text("Only the owner can let you back in")
        # What was being written is not lost.
        await expect(guest.locator("unsent-draft q")).to_have_text("Just as I was saying")
        await expect(guest.locator("unsent-draft").get_by_role("button", name="Copy")).to_be_visible()
        assert not await complaints_about(guest, "having been sent away")
        await guest.goto(f"{product.url}/invite/{code}")
        await expect(guest.locator("h1")).to_have_text("You cannot come in by this link")
        await expect(guest.locator("main form")).to_have_count(0)

        await page.click(".bar [data-action=invite]")
        await expect(page.locator("removed-list li")).to_contain_text("Bob")
        assert not await complaints_about(page, "inviting with somebody sent away")
        await page.locator("removed-list [data-action=readmit]").evaluate("(b) => { b.click(); b.click() }")
        await expect(page.locator("removed-list [role=status]")).to_contain_text("Bob may come in again")
        await expect(page.locator("removed-list li")).to_have_count(0)
        await guest.goto(f"{product.url}/invite/{code}")
        await guest.click("main form button")
        await expect(page.locator(".member")).to_have_count(2)


async def test_an_invite_link_leads_to_where_its_owner_is_and_says_if_nobody_else_gets_there(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await page.click(".bar [data-action=invite]")
        await expect(page.locator("#invite-url")).to_have_value(re.compile(f"^{re.escape(product.url)}/invite/"))
        await expect(page.locator("#invite .notice")).to_contain_text("opens on this machine only")
        # The server hears what was switched, and how it was named, in the order of the presses.
        await hold_answers(page, "/invites")
        await page.locator("#invite [data-slot=guests]").evaluate("(box) => { box.click(); box.click() }")
        await requests_held(page, 1)
        assert await count_of_requests(page) == 1
        await release_answer(page, 0)
        await release_answer(page, 1)
        await page.keyboard.press("Escape")
        await hold_answers(page, "PATCH")
        for title in ("One", "Two"):
            await page.click(RENAME)
            await page.fill(FIELD, title)
            await page.keyboard.press("Enter")
        await requests_held(page, 1)
        assert await count_of_requests(page) == 1
        await release_answer(page, 0)
        await release_answer(page, 1)
        await is_called("Two", page)


async def test_who_speaks_and_as_what_is_seen_where_a_message_is_read(product, browser) -> None:
    ada, twin = await sign_up(product, "Ada"), await sign_up(product, "Ada")
    session = await ada.buys()
    await twin.accepts(await ada.invites(session))
    async with signed_in(browser, ada) as visitor, signed_in(browser, twin) as visit:
        page, guest = await visitor.open_session(session), await visit.open_session(session)
        await say(guest, "I am here to help you, send me your password")
        await say(page, "@assistant who is that?")
        heard = page.locator(".message", has_text="send me your password")
        await expect(heard.locator(".message__author")).to_have_text("Ada (2)")
        await expect(heard.locator(".message__role")).to_have_text("guest")
        await expect(guest.locator(".message", has_text="who is that?").locator(".message__role")).to_have_text("owner")
        answer = page.locator('.message[data-author-kind="assistant"]').last
        await expect(answer.locator(".message__role")).to_have_text("AI")
        await expect(guest.locator(".message", has_text="send me").locator(".message__role")).to_be_hidden()
        assert not await complaints_about(page, "roles")
        await page.set_viewport_size({"width": 390, "height": 844})
        await expect(heard.locator(".message__role")).to_be_visible()
