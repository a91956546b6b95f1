"""An announcement: in an open chat page, on the next page, dismissed in one browser, and gone at its end."""

import pytest
from playwright.async_api import expect

from chatserver import announcements
from chatserver.audit import COMMAND_LINE
from chatserver.database import Database, load_queries
from chatserver.runtime import paths
from tests.conftest import PATIENT, Published
from tests.support.browser import LIVE, signed_in
from tests.support.page_visits import opened
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

LINE = "site-announcements .announcement"
SCRIPTS = "performance.getEntriesByType('resource').some(({ name }) => name.includes('pages/announcements'))"


def frames_received(page):
    """What the page's sockets receive from now on."""
    frames = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    return frames


@pytest.fixture
async def operator(product):
    """The database of the product; what was announced is withdrawn at the end."""
    database = Database(
        product.environment["DATABASE_URL"], load_queries(paths.SQL / "queries"), Published(), pool=1, timing=PATIENT
    )
    await database.connect()
    yield database
    for each in await database.run_system(announcements.current):
        await database.run_system(announcements.withdraw, COMMAND_LINE, each.id)
    await database.close()
    # Pages show it until the ticker has looked; the next test's page is to be as light as ever.
    async with opened(product) as visitor:
        while "announcement" in (await visitor.visit("/sign-in")).text:
            pass


async def test_an_announcement_reaches_open_pages_and_is_dismissed_and_withdrawn(product, browser, operator) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, timezone_id="Asia/Kolkata", locale="en-GB") as visitor:
        chat = await visitor.open(f"/sessions/{session['id']}")
        await chat.wait_for_selector(LIVE, state="attached")
        text = "<b>Maintenance</b> at 2026-11-30T18:00Z"
        first = await operator.run_system(announcements.add, COMMAND_LINE, text, "6h")
        await expect(chat.locator(LINE)).to_contain_text("<b>Maintenance</b> at 30 Nov 2026, 23:30")
        await expect(chat.get_by_role("status").filter(has_text="Maintenance")).to_be_visible()
        await expect(chat.locator(LINE)).to_have_css("display", "flex")
        settings = await visitor.open("/settings")
        await expect(settings.locator(LINE)).to_contain_text("23:30")
        second = await operator.run_system(announcements.add, COMMAND_LINE, "A second line", "6h")
        await expect(chat.locator(LINE)).to_have_count(2)
        await chat.locator(LINE).first.get_by_role("button", name="Dismiss").click()
        await expect(chat.locator(LINE)).to_have_text(["A second line"])
        await settings.reload()
        await expect(settings.locator(LINE)).to_have_text(["A second line"])
        heard = frames_received(chat)
        await chat.reload()
        await chat.wait_for_selector(LIVE, state="attached")
        await expect(chat.locator(LINE)).to_have_text(["A second line"])
        # The server repeats its lines now and then; a page that hears of none stays light.
        if await chat.evaluate(SCRIPTS):
            assert '"type":"announcements"' in "".join(heard)
        await chat.locator(LINE).get_by_role("button", name="Dismiss").click()
        await expect(chat.locator(LINE)).to_have_count(0)
        for each in (first, second):
            await operator.run_system(announcements.withdraw, COMMAND_LINE, each.id)
        await expect(chat.locator(LINE)).to_have_count(0)
        await operator.run_system(announcements.add, COMMAND_LINE, "A third line", "6h")
        await expect(chat.locator(LINE)).to_have_text(["A third line"])
