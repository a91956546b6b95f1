"""Times as readers have them: the day after, in another zone, and with a clock that is wrong."""

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import LIVE, say, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

DAY_MS = 86_400_000
# A clock that a test may set: the one on the wall, and, for a day that passes, the one that only counts.
CLOCK = """
  window.ahead = %d
  window.passed = 0
  const Real = Date, count = performance.now.bind(performance)
  window.Date = class extends Real {
    constructor(...given) { given.length ? super(...given) : super(Real.now() + window.ahead + window.passed) }
    static now() { return Real.now() + window.ahead + window.passed }
  }
  performance.now = () => count() + window.passed"""
DAYS = "() => [...document.querySelectorAll('[data-local-day]')].map((each) => each.dataset.localDay)"


def zone_at_noon() -> str:
    """Where no day ends during a test."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


async def has_first_frame(page: Page) -> None:
    """A page may be live before it, and notes in it which day and zone its times were written for."""
    await page.evaluate("() => new Promise(requestAnimationFrame)")


async def days_are(page: Page, *expected: str) -> None:
    await page.wait_for_function(
        f"(days) => JSON.stringify(({DAYS})()) === days", arg=str(list(expected)).replace("'", '"')
    )


async def test_the_day_after_today_is_yesterday(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, timezone_id=zone_at_noon()) as visitor:
        await visitor.context.add_init_script(CLOCK % 0)
        page = await visitor.open_session(session)
        await has_first_frame(page)
        await say(page, "written before midnight")
        await page.wait_for_selector('[data-author-kind="assistant"][data-status="done"]')  # and nothing more comes
        await days_are(page, "Today")
        await page.evaluate(f"passed = {DAY_MS}; document.dispatchEvent(new Event('visibilitychange'))")
        await days_are(page, "Yesterday")


@pytest.mark.parametrize("wrong_by", [DAY_MS, -DAY_MS, 3_600_000])
async def test_a_clock_that_is_wrong_neither_ends_a_session_nor_moves_a_day(product, browser, wrong_by) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada, timezone_id=zone_at_noon()) as visitor:
        await visitor.context.add_init_script(CLOCK % wrong_by)
        page = await visitor.open("/sessions")
        await expect(page.locator(".session-card .badge")).to_have_text(re.compile("^(2 h 59 min|3 h) left$"))
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        await say(page, "when is it?")
        await days_are(page, "Today")
        await expect(page.locator("#details strong[data-slot=left]")).to_have_text(re.compile("^(2 h 59 min|3 h)$"))


async def test_every_time_follows_the_reader_into_another_zone(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.context.new_page()
        client = await visitor.context.new_cdp_session(page)
        await client.send("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
        await page.goto(f"{product.url}/sessions/{session['id']}")
        await page.wait_for_selector(LIVE, state="attached")
        await has_first_frame(page)
        await say(page, "on a journey")
        shown = page.locator(".message__head time").first
        before = await shown.inner_text()
        await client.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kolkata"})
        await page.evaluate("dispatchEvent(new Event('focus'))")
        await expect(shown).not_to_have_text(before)
