"""Pages that the browser keeps when they are left, and shows on the way back as they were, whatever has happened since."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browser import LIVE, chromium, signed_in
from tests.support.story import ApiUser, sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 64, "height": 64}
ELSEWHERE = "/verify"
# A connection ends with the page, which the console tells.
ENDED = "entered Back-Forward Cache"


@pytest.fixture(scope="module")
async def keeping() -> AsyncIterator[Browser]:
    async with chromium(keeps_pages=True) as running:
        yield running


async def leave(page: Page, product: Any) -> None:
    await page.evaluate("() => void (window.isKept = true)")
    await page.goto(product.url + ELSEWHERE)


async def come_back(page: Page) -> None:
    """To the page that was kept."""
    await page.evaluate("() => history.back()")
    await page.wait_for_function("() => window.isKept")


async def is_left(person: ApiUser, count: int) -> None:
    """Waits until somebody has so many pictures."""
    async with asyncio.timeout(60):
        while len((await person.call("GET", "/generations"))["generations"]) != count:
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def held(database_url: str, session_id: str) -> AsyncIterator[None]:
    """While it lasts, nothing changes a session or deletes it."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM user_sessions WHERE id = $1 FOR UPDATE", session_id)
            yield
    finally:
        await connection.close()


async def test_who_has_signed_out_does_not_see_it_again_on_the_way_back(product, keeping) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(keeping, ada) as visitor:
        visitor.announce(ENDED)
        chat, gallery = await visitor.open_session(session), await visitor.open("/gallery")
        for page in (chat, gallery):
            await leave(page, product)
        settings = await visitor.open("/settings")
        await settings.evaluate("() => document.querySelector('form[action=\"/sign-out\"]').requestSubmit()")
        await expect(settings.get_by_text("You are signed out.")).to_be_visible()
        for page, path in ((chat, f"/sessions/{session['id']}"), (gallery, "/gallery")):
            await page.evaluate("() => history.back()")
            await page.wait_for_url(f"**/sign-in?next={path}")


async def test_a_chat_that_comes_back_connects_and_shows_what_was_deleted_and_said_since(product, keeping) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    made = await chat.sees_ended(await chat.generates("three boats", count=3, **SMALL))
    first, second, _ = made["generations"]
    async with signed_in(keeping, ada) as visitor:
        visitor.announce(ENDED, "404.*/files/")  # which a page may just be about to load
        page = await visitor.open_session(session)
        cards = page.locator("generation-card")
        await expect(cards).to_have_count(3)
        # Left in the five seconds of an undo: it is deleted, and not offered any more.
        await page.hover(f"#generation_{second['id']}")
        await page.click(f"#generation_{second['id']} [data-action=menu]")
        await page.click(".picture-menu [data-action=remove]")
        await expect(page.locator("[data-action=keep]")).to_be_visible()
        await leave(page, product)
        await ada.call("DELETE", f"/generations/{first['id']}")
        await chat.says("What have I missed?")
        await come_back(page)
        await expect(cards).to_have_count(1)
        await expect(page.locator("[data-action=keep]")).to_have_count(0)
        await expect(page.get_by_text("What have I missed?")).to_be_visible()
        await expect(page.locator(LIVE)).to_be_attached()

        # Where the sign-in has ended meanwhile, the page says so instead of trying for ever.
        await leave(page, product)
        await visitor.context.clear_cookies()
        await come_back(page)
        await expect(page.locator("toast-notice")).to_contain_text(
            "You were signed out. Reload the page to sign in again."
        )
    await chat.leaves()


async def test_lists_are_as_they_are_now_on_the_way_back(product, keeping) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", "Boats")
    chat = await ada.joins(session)
    made = await chat.sees_ended(await chat.generates("two boats", count=2, **SMALL))
    await chat.leaves()
    async with signed_in(keeping, ada) as visitor:
        visitor.announce("404.*/api/v1/sessions/")  # what is asked for once more is gone already
        page = await visitor.open("/history")
        rows = page.locator(".history-batch > li")
        await expect(rows).to_have_count(2)
        row = page.locator(f"#row_generation_{made['generations'][0]['id']}")
        # Left in the five seconds of an undo: it is deleted, as is what was deleted elsewhere.
        await row.locator("[data-action=delete]").click()
        await leave(page, product)
        await is_left(ada, 1)  # the page that is left does not wait for the answer
        await page.evaluate("() => history.back()")
        await expect(rows).to_have_count(1)
        await expect(row).to_have_count(0)
        await leave(page, product)
        await ada.call("DELETE", f"/generations/{made['generations'][1]['id']}")
        await page.evaluate("() => history.back()")
        await expect(page.locator(".empty")).to_be_visible()

        await page.goto(f"{product.url}/sessions")
        await leave(page, product)
        await ada.call("PATCH", f"/sessions/{session['id']}", {"title": "Ships"})
        await page.evaluate("() => history.back()")
        await expect(page.get_by_text("Ships").first).to_be_visible()

        # What is still being deleted when the list is loaded leaves it when that is done.
        room = await visitor.open("/sessions")
        card = room.locator(".session-card")
        async with held(product.environment["DATABASE_URL"], session["id"]):
            await card.locator("[data-action=delete-session]").click()
            await room.click("session-deletion [type=submit]")
            await expect(room.locator("[data-action=undo-session]")).to_be_visible()
            await room.goto(f"{product.url}/sessions")
            await expect(card).to_have_count(1)
        await expect(card).to_have_count(0)

        # What is typed stays.
        await page.goto(f"{product.url}/history")
        await page.fill("input[name=q]", "boa")
        await leave(page, product)
        await come_back(page)
        await expect(page.locator("input[name=q]")).to_have_value("boa")
