"""Deleting messages, pictures and sessions: taken back for five seconds, then gone in every tab, for guests too."""

import asyncio
import os
import re
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Page, expect

from tests.support.axe import complaints_about
from tests.support.browser import PHONE, signed_in
from tests.support.late_answers import count_of_requests, hold_answers, hold_undo_periods, release_answer
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 64, "height": 64}
# Where the pictures of these pages go that a person looks at; without it none is taken.
SHOTS = os.environ.get("SCREENSHOTS")
# Five seconds of undo, and what a busy machine may add.
GONE = 35_000


async def shot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=Path(SHOTS) / f"{name}.png")


async def picture(chat, prompt: str):
    message = await chat.sees_ended(await chat.generates(prompt, **SMALL))
    assert [each["status"] for each in message["generations"]] == ["done"]
    return message


async def test_a_deleted_session_can_be_taken_back_and_is_then_gone_for_everyone(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro", "The surprise party")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat = await bob.joins(session)
    await picture(chat, "a cake with candles")
    async with signed_in(browser, ada) as visitor, signed_in(browser, bob) as visit:
        visit.announce(rf"404 GET .*/sessions/{session['id']}", r"console: .*404")
        page, guest = await visitor.open_session(session), await visit.open_session(session)
        await expect(guest.locator('[data-action="delete-session"]')).to_have_count(0)
        await page.click("#details summary")
        await page.click('[data-action="delete-session"]')
        dialog = page.locator("#deletion")
        await expect(dialog).to_contain_text("The surprise party")
        await expect(dialog.locator('[data-slot="credits"]')).to_have_text(
            "14 of 15 pictures and 5 of 5 clips of this hour"
        )
        await expect(dialog.locator('[data-slot="time"]')).to_have_text(re.compile("3 h|2 h 59 min"))
        assert not await complaints_about(page, "asking before a session is deleted")
        await shot(page, "session-question")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()

        await page.click('[data-action="delete-session"]')
        await dialog.locator("button[type=submit]").click()
        await expect(page.locator('[data-action="undo-session"]')).to_be_focused()
        await shot(page, "session-undo")
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_hidden()
        assert (await ada.call("GET", f"/sessions/{session['id']}"))["session"]["title"] == "The surprise party"

        await page.goto(f"{product.url}/sessions")
        await shot(page, "sessions")
        await page.click(f'[data-session="{session["id"]}"][data-action="delete-session"]')
        await expect(dialog).to_contain_text("The surprise party")
        await dialog.locator("button[type=submit]").click()
        await expect(guest.locator("h1")).to_have_text("This session was deleted", timeout=GONE)
        await expect(page.locator(".session-card")).to_have_count(0, timeout=GONE)
        await expect(page.locator("main")).to_contain_text("No session yet")
        await shot(guest, "session-deleted-guest")
        assert "surprise" not in (await guest.content()).lower()
        for name, each in (("sessions", page), ("history", await visit.open("/history"))):
            assert "with candles" not in (await each.content()).lower(), name
    await chat.leaves()


async def test_a_page_that_is_left_in_the_five_seconds_deletes_all_the_same(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    await ada.buys("flash", "Left behind")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/sessions")
        await page.click('[data-action="delete-session"]')
        await expect(page.locator("#deletion")).to_contain_text("Left behind")
        await page.click("#deletion button[type=submit]")
        await expect(page.locator('[data-action="undo-session"]')).to_be_focused()
        await page.goto(f"{product.url}/plans")
        async with asyncio.timeout(GONE / 1000):
            while (await ada.call("GET", "/sessions"))["sessions"]:
                await asyncio.sleep(0.1)


async def test_a_session_is_deleted_under_its_own_name_and_not_after_it_was_taken_back(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    kept, other = [(await ada.buys("flash-lite", title))["id"] for title in ("To be kept", "To go")]
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/sessions")
        dialog = page.locator("#deletion")
        await hold_answers(page, "/api/v1/sessions/")
        await hold_undo_periods(page)
        keep, go = [page.locator(f'[data-session="{each}"][data-action="delete-session"]') for each in (kept, other)]
        # On a slow line one presses again, and another one: what comes late is not shown for what was pressed last.
        await keep.click()
        await go.click()
        await release_answer(page, 1)
        await expect(dialog).to_contain_text("To go")
        await release_answer(page, 0)
        await expect(dialog.locator('[data-slot="name"]')).to_have_text("To go")
        await expect(dialog.locator('[data-slot="credits"]')).to_have_text(
            "3 of 3 pictures and 1 of 1 clip of this hour"
        )
        await dialog.locator('[data-action="close-dialog"]').click()
        await keep.click()
        await go.click()
        await release_answer(page, 2)
        await expect(dialog).to_be_hidden()
        await release_answer(page, 3)
        await expect(dialog.locator('[data-slot="name"]')).to_have_text("To go")
        await dialog.locator('[data-action="close-dialog"]').click()
        # Nor does an answer to the first of two presses take the undo away.
        await keep.dblclick()
        await release_answer(page, 5)
        await dialog.locator("button[type=submit]").click()
        await release_answer(page, 4)
        await expect(page.locator('[data-action="undo-session"]')).to_be_visible()
        # Taken back in the last moment: the five seconds end before the dialog's close event comes.
        await page.evaluate("""() => {
          document.querySelector('[data-action="undo-session"]').click()
          for (const end of window.periods.values()) end()
        }""")
        await expect(dialog).to_be_hidden()
        assert await count_of_requests(page) == 6
        # Once the deletion is on its way, nothing offers to take it back.
        await keep.click()
        await release_answer(page, 6)
        await dialog.locator("button[type=submit]").click()
        await page.evaluate("() => window.periods.forEach((end) => end())")
        await expect(page.locator('[data-action="undo-session"]')).to_be_disabled()
        await page.evaluate("() => window.held[7].release()")
        await expect(page.locator(".session-card")).to_have_count(1)


async def test_one_picture_is_deleted_where_it_stands_and_everyone_sees_it_go(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("two boats", count=2, **SMALL))
    first, second = [f"#generation_{each['id']}" for each in message["generations"]]
    async with signed_in(browser, ada) as visitor, signed_in(browser, bob) as visit:
        page, guest = await visitor.open_session(session), await visit.open_session(session)
        await guest.hover(first)
        await guest.click(f'{first} [data-action="menu"]')
        await expect(guest.locator('.picture-menu [data-action="copy-link"]')).to_be_visible()
        await expect(guest.locator('.picture-menu [data-action="remove"]')).to_be_hidden()
        await guest.keyboard.press("Escape")
        await guest.click(f'{first} [data-action="open"]')
        await expect(guest.locator("dialog.viewer")).to_be_visible()

        await page.hover(first)
        await shot(page, "picture-tools")
        await page.click(f'{first} [data-action="menu"]')
        await page.click('.picture-menu [data-action="remove"]')
        await expect(page.locator(f'{first} [data-action="keep"]')).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator(f"{first} img.tile__picture")).to_be_visible()

        await page.hover(first)
        await page.click(f'{first} [data-action="menu"]')
        await page.click('.picture-menu [data-action="remove"]')
        await expect(page.locator(f'{first} [data-action="keep"]')).to_be_focused()
        # What takes long comes where nothing has to be pressed within the five seconds.
        await shot(page, "picture-undo")
        assert not await complaints_about(page, "undoing a picture")
        for each in (page, guest):
            await expect(each.locator(first)).to_have_count(0, timeout=GONE)
            await expect(each.locator(f"{second} img.tile__picture")).to_be_visible()
        # Who looked at it closer looks at it no longer.
        await expect(guest.locator("dialog.viewer")).to_be_hidden()
        drawn = await page.inner_html(f"#message_{message['id']} .stacks")
        fresh = await visitor.open_session(session)
        assert await fresh.locator(f"#message_{message['id']} generation-card").count() == 1
        assert first[1:] not in drawn
    await chat.leaves()


async def test_messages_are_deleted_with_their_pictures_and_when_the_time_is_up(
    emulated_product, emulated_database_url, emulator, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("flash")
    chat = await ada.joins(session)
    said = await chat.says("words of mine")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        made = await chat.generates("a slow boat", **SMALL)
        await page.hover(f"#message_{made['id']}")
        await page.click(f'#message_{made["id"]} > .message__tools [data-action="delete"]')
        await expect(page.locator(f"#message_{made['id']}")).to_have_attribute("data-status", "deleted", timeout=GONE)
        await expire(emulated_database_url, session)
        await expect(page.locator("chat-room")).to_have_attribute("data-status", "expired", timeout=GONE)
        await page.hover(f"#message_{said['id']}")
        await page.click(f'#message_{said["id"]} [data-action="delete"]')
        await expect(page.locator(f"#message_{said['id']}")).to_have_attribute("data-status", "deleted", timeout=GONE)
        await shot(page, "messages-deleted")
        assert "words of mine" not in await page.content()
    await chat.leaves()


async def expire(database_url: str, session) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE user_sessions SET expires_at = now() WHERE id = $1", session["id"])
    await connection.close()


async def test_what_was_made_is_deleted_from_the_history(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    await picture(chat, "a red kite")
    await picture(chat, "a green lamp")
    async with signed_in(browser, ada, viewport=PHONE) as visitor:
        page = await visitor.open("/history")
        kite = page.locator("li", has_text="a red kite")
        await shot(page, "history-phone")
        await kite.locator('[data-action="delete"]').click()
        await shot(page, "history-undo-phone")
        await kite.locator('[data-action="undo"]').click()
        await expect(kite.locator(".history-row")).to_be_visible()
        await kite.locator('[data-action="delete"]').click()
        await expect(page.locator("li", has_text="a red kite")).to_have_count(0, timeout=GONE)
        await expect(page.locator(".history-row")).to_have_count(1)
        assert not await complaints_about(page, "the history")
    assert [each["prompt"] for each in (await ada.call("GET", "/generations"))["generations"]] == ["a green lamp"]
    await chat.leaves()
