"""The columns beside the stream: the list of sessions and what is new in them, the search, this session's pictures."""

import re

import asyncpg
import pytest
from playwright.async_api import Page, expect

from chatserver import ids
from tests.support.axe import complaints_about
from tests.support.browser import PHONE, TEXT, signed_in
from tests.support.late_answers import hold_answers, release_answer, requests_held
from tests.support.long_session import fill
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

TABLET = {"width": 768, "height": 1024}
SMALL = {"width": 64, "height": 64}
# Of three hours, to the minute.
NEARLY_ALL = re.compile(r"^(3 h|2 h 5\d min) left$")
# Rows that are wholly in sight, each of 44 pixels; the account's row; and by how much the document exceeds the window.
ROWS = """() => {
  const list = document.querySelector('session-list').getBoundingClientRect()
  const rows = [...document.querySelectorAll('.session-row')].map((row) => row.getBoundingClientRect())
  return [
    rows.filter((row) => row.top >= list.top - 0.5 && row.bottom <= list.bottom + 0.5).length,
    [...new Set(rows.map((row) => row.height))],
    document.querySelector('.account-row').offsetHeight,
    document.documentElement.scrollHeight - innerHeight,
  ]
}"""
OLD = """
WITH made AS (
  INSERT INTO user_sessions (id, user_id, plan_id, title, status, expires_at)
  SELECT id, $1, 'pro', 'Old evening ' || n, 'expired', now() - interval '1 day'
    FROM unnest($2::uuid[]) WITH ORDINALITY AS made (id, n) RETURNING id
)
INSERT INTO session_members (session_id, user_id, role) SELECT id, $1, 'owner' FROM made
"""


MANY = """
WITH made AS (
  INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
  SELECT id, $1, 'pro', 'Evening ' || n, now() + interval '1 hour'
    FROM unnest($2::uuid[]) WITH ORDINALITY AS made (id, n) RETURNING id
)
INSERT INTO session_members (session_id, user_id, role) SELECT id, $1, 'owner' FROM made
"""
LISTED = "(list) => [...list.querySelectorAll('[data-session]')].map((each) => each.dataset.session)"


async def run(database_url: str, statement: str, *values) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(statement, *values)
    await connection.close()


def row(page: Page, title: str):
    return page.locator(".session-row", has_text=title)


def state(page: Page, title: str):
    return row(page, title).locator("[data-slot=state]")


async def test_fifteen_sessions_fit_and_say_what_happens_in_them_on_every_device(
    emulated_product, emulated_database_url, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    await run(emulated_database_url, OLD, ada.id, [ids.new() for _ in range(30)])
    here, there = await ada.buys("pro", "Harbour"), await ada.buys("pro", "Foxes")
    async with signed_in(browser, ada) as desk, signed_in(browser, ada) as phone:
        phone.announce("404")  # the session that it has open is deleted in the end
        page = await desk.open_session(here)
        count, heights, account, excess = await page.evaluate(ROWS)
        assert (count >= 15, heights, account, excess) == (True, [44], 48, 0)
        await expect(page.locator(".session-row")).to_have_count(24)
        await expect(state(page, "Harbour")).to_have_text(NEARLY_ALL)
        await expect(state(page, "Old evening 30")).to_have_text("ended")
        await expect(page.locator(".session-row").first).to_contain_text("Foxes")

        # Bob joins, which is said politely and once; what he writes in the other session is a number here.
        await bob.accepts(await ada.invites(here))
        await expect(page.locator("typing-notice")).to_have_text("Bob joined")
        await expect(page.locator("live-region")).to_have_text("Bob joined.")
        await bob.accepts(await ada.invites(there))
        room = await bob.joins(there)
        message = await room.says("something secret")
        await expect(state(page, "Foxes")).to_have_text("1 new")
        assert "secret" not in await page.content()
        own = await ada.joins(there)
        made = await own.generates("a boat", count=2, **SMALL)
        await own.sees_ended(made)
        await expect(state(page, "Foxes")).to_have_text("2 new")
        await expect(row(page, "Foxes").locator("img")).to_be_visible()

        # Seen on one device, it is new on none; and a page that is loaded now shows what this one has come to show.
        other = await phone.open_session(there, f"#message_{message['id']}")
        await expect(state(page, "Foxes")).to_have_text(NEARLY_ALL)
        assert (await other.evaluate(ROWS))[-1] == 0
        assert await other.evaluate("[scrollY, document.scrollingElement.scrollTop]") == [0, 0]
        await page.reload()
        await expect(state(page, "Foxes")).to_have_text(NEARLY_ALL)
        await ada.call("PATCH", f"/sessions/{there['id']}", {"title": "Elsewhere"})
        await expect(state(page, "Elsewhere")).to_have_text(NEARLY_ALL)
        await ada.call("DELETE", f"/sessions/{there['id']}")
        await expect(row(page, "Elsewhere")).to_have_count(0)


async def test_the_search_finds_sessions_messages_and_actions_by_keyboard_alone(
    emulated_product, emulated_database_url, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    here, there = await ada.buys("pro", "Here"), await ada.buys("pro", "Foxes in the snow")
    for session in (here, there):
        await bob.accepts(await ada.invites(session))  # among several the assistant is silent
    room = await ada.joins(there)
    message = await room.says("Where is the lighthouse?")
    await room.leaves()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(here)
        keys, options, field = page.keyboard, page.locator(".finder__option"), page.get_by_role("combobox")
        selected = page.locator('.finder__option[aria-selected="true"]')
        await page.focus(TEXT)
        await keys.press("Control+k")
        await expect(field).to_be_focused()
        await expect(options.first).to_have_text("Foxes in the snow")
        await expect(options.last).to_have_text("Sign out")
        assert not await complaints_about(page, "the search")
        await keys.press("Escape")
        await expect(page.locator(TEXT)).to_be_focused()

        await keys.press("Control+k")
        await keys.type("theme")
        await expect(options).to_have_text(["Light theme", "Dark theme", "Theme of the system"])
        await keys.press("ArrowDown")
        await expect(selected).to_have_text("Dark theme")
        assert await field.get_attribute("aria-activedescendant") == await selected.get_attribute("id")
        await keys.press("Enter")
        await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

        await keys.press("Control+k")
        await expect(field).to_have_value("")
        await keys.type("image mode")
        await expect(page.locator(".finder__none")).to_have_text("Nothing has all of these words.")
        await page.fill(".finder__input", "picture")
        await expect(options.first).to_have_text("Make a picture")
        await keys.press("Enter")
        await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")

        await keys.press("Control+k")
        await keys.type("LIGHTHOUSE where")
        await expect(options).to_have_count(1)
        await expect(options).to_contain_text("Foxes in the snow")
        await keys.press("Enter")
        await page.wait_for_url(f"**/sessions/{there['id']}#message_{message['id']}")
        await expect(page.locator(f"#message_{message['id']}")).to_be_in_viewport()


async def test_an_answer_that_comes_late_leaves_what_the_arrows_have_selected(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro", "Here")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        keys, options = page.keyboard, page.locator(".finder__option")
        selected = page.locator('.finder__option[aria-selected="true"]')
        await keys.press("Control+k")
        await expect(selected).to_have_text("Here")
        await hold_answers(page, "/search?q=theme")
        await page.fill(".finder__input", "theme")  # at once: a slow key would ask before it
        await expect(options).to_have_text(["Here", "Light theme", "Dark theme", "Theme of the system"])
        for name in ("Light theme", "Dark theme"):
            await keys.press("ArrowDown")
            await expect(selected).to_have_text(name)
        await release_answer(page, 0)
        await expect(options).to_have_count(3)
        await expect(selected).to_have_text("Dark theme")


async def test_the_sessions_pictures_follow_the_stream_and_lead_into_it(
    emulated_product, emulated_database_url, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    message_ids = await fill(emulated_database_url, ada, session, 12)
    room = await ada.joins(session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        pictures = page.locator("session-pictures li")
        await expect(pictures).to_have_count(24)
        await page.locator(".pictures__scroll").evaluate("(each) => each.scrollTo(0, 1e6)")
        await expect(pictures).to_have_count(48)

        # One that finishes comes first, a favourite of a message that is not loaded is one, a deleted one goes.
        made = await room.sees_ended(await room.generates("a red fox", **SMALL))
        await expect(pictures.first).to_have_attribute("data-message", made["id"])
        await expect(pictures).to_have_count(49)
        asset = pictures.nth(-2)
        await room.asks("asset.favorite", asset_id=await asset.get_attribute("data-picture"), on=True)
        await expect(asset.locator("a")).to_have_attribute("data-favorite", "yes")
        # Each is looked at closely, also one that the stream has to be loaded for.
        for each in (pictures.first, asset):
            await each.locator("a").click()
            await expect(page.locator("dialog.viewer")).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.locator("dialog.viewer")).to_be_hidden()
        await page.click("[data-action=favorites]")
        await expect(pictures).to_have_count(1)
        await expect(pictures).to_have_attribute("data-message", message_ids[0])
        # What is no favourite any more does not come back with an answer from before.
        await hold_answers(page, "/pictures?")
        for on in (True, False):
            await room.asks("asset.favorite", asset_id=made["generations"][0]["assets"][0]["id"], on=on)
            await requests_held(page, 1 if on else 2)
        await release_answer(page, 1)
        await release_answer(page, 0)
        await expect(pictures).to_have_count(1)
        await page.click("[data-action=favorites]")
        await release_answer(page, 2)
        await expect(pictures).to_have_count(24)
        await expect(pictures.first).to_have_attribute("data-message", made["id"])

        visitor.announce_deletion(made["generations"][0]["assets"][0]["id"])
        await room.asks("generation.delete", generation_id=made["generations"][0]["id"])
        await expect(pictures.first).to_have_attribute("data-message", message_ids[-1])

        await page.set_viewport_size(TABLET)
        await sheets_hold_the_focus(page)
        await page.set_viewport_size(PHONE)
        await sheets_hold_the_focus(page)

        # The time is up, here and in a page that is loaded now.
        await run(
            emulated_database_url,
            "UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1",
            session["id"],
        )
        for reload in (False, True):
            if reload:
                await page.reload()
            await page.set_viewport_size({"width": 1280, "height": 800})
            await expect(page.get_by_text("This session has ended.")).to_be_visible()
            await expect(page.locator("credit-balance:visible")).to_have_count(0)
            await expect(page.locator("#details session-clock")).to_contain_text("Time is up ended")
    await room.leaves()


async def sheets_hold_the_focus(page: Page) -> None:
    """Both sides are above the stream: they take the focus and keep it, close by Esc, and give it back."""
    assert await page.locator("main").evaluate("(each) => each.clientWidth === innerWidth")
    await expect(page.locator(".bar credit-balance[data-kind=image]")).to_be_visible()
    for side in ("details", "sessions"):
        button, sheet = page.locator(f".bar [popovertarget={side}]"), page.locator(f"#{side}")
        await expect(sheet).to_be_hidden()
        await button.click()
        await expect(sheet).to_be_visible()
        await page.wait_for_function("(id) => document.getElementById(id).contains(document.activeElement)", arg=side)
        await expect(page.locator("main")).to_have_attribute("inert", "")
        await page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()
        await expect(button).to_be_focused()
        await expect(page.locator("main")).not_to_have_attribute("inert", "")
        await button.click()
        await expect(sheet).to_be_visible()
        await page.mouse.click(200, 80) if side == "details" else await page.mouse.click(380, 400)
        await expect(sheet).to_be_hidden()


async def test_the_list_stays_as_the_page_has_drawn_it(emulated_product, emulated_database_url, browser) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    made = [ids.new() for _ in range(40)]
    await run(emulated_database_url, MANY, ada.id, made)
    async with signed_in(browser, ada) as visitor:
        # The oldest one is listed, as it is the current one.
        page = await visitor.open_session({"id": made[0]})
        joined = await ada.accepts(await bob.invites(await bob.buys("flash")))
        await expect(page.locator("session-list [data-session]")).to_have_count(25)
        listed = await page.locator("session-list").evaluate(LISTED)
        assert listed == [joined["id"], *reversed(made[-23:]), made[0]]


async def test_a_column_that_was_closed_is_not_drawn_again(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("flash")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        column = page.locator("#sessions")
        for closed in (True, False):
            await page.click('[data-action="toggle-sessions"]')
            await expect(column).to_be_hidden() if closed else await expect(column).to_be_visible()
            answer = await visitor.context.request.get(page.url)
            assert ("data-local-collapsed" in await answer.text()) is closed
