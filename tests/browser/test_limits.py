"""What people read where they have as much as one person may: what happened, what to do, and when it goes on."""

import re

import pytest
from playwright.async_api import expect

from tests.support import product as products
from tests.support.axe import complaints_about
from tests.support.browser import TEXT, ask_for_pictures, say, signed_in
from tests.support.late_answers import PLACEHOLDER_MS, hold_periods, no_period_runs
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

# Rounded to minutes, of which a busy machine takes some.
NEARLY_TWO_HOURS = re.compile(r"ends in (2 h|1 h 5\d min)")
NEARLY_AN_HOUR = re.compile(r"I can answer you again in (1 h|5\d min)")


@pytest.fixture(scope="module")
async def strict(database_url, tmp_path_factory):
    """A server on which one person may have little, and whose painter takes a minute for a picture."""
    settings = {
        "OPEN_SESSIONS_PER_USER": "2",
        "WAITING_PICTURES_PER_USER": "1",
        "REPLIES_PER_HOUR": "1",
        "WORKER_CONCURRENCY": "1",
        "SKETCH_PACE": "60",
    }
    async with products.running(tmp_path_factory.mktemp("strict"), DATABASE_URL=database_url, **settings) as process:
        yield process


async def test_who_has_as_many_sessions_as_one_may_reads_so_on_the_plans_page(strict, browser) -> None:
    ada = await sign_up(strict, "Ada")
    await ada.buys()
    async with signed_in(browser, ada) as visitor:
        visitor.announce(r"^429 POST .*/sessions$", r"status of 429")
        page = await visitor.open("/plans")
        await expect(page.locator(".plans__quota")).to_contain_text("You have 1 of 2 open sessions.")
        await page.get_by_role("button", name="Start Flash", exact=True).click()
        await page.wait_for_url("**/sessions/*")
        await page.goto(strict.url + "/plans")
        await page.get_by_role("button", name="Start Flash", exact=True).click()
        refused = page.get_by_role("alert")
        await expect(refused).to_contain_text("You have 2 open sessions, and 2 is the most for one person.")
        await expect(refused).to_contain_text(NEARLY_TWO_HOURS)
        assert not await complaints_about(page, "no more sessions")


async def test_a_prompt_that_cannot_wait_comes_back_with_the_reason_and_its_credit(strict, browser) -> None:
    ada = await sign_up(strict, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        for number, status in enumerate(("rendering", "queued")):
            await ask_for_pictures(page, f"boat number {number}")
            await expect(page.locator(f'generation-card[data-status="{status}"]')).to_have_count(1)
        await hold_periods(page, PLACEHOLDER_MS)
        await ask_for_pictures(page, "the boat that is too many")
        problem = page.locator(".composer__problem")
        await expect(problem).to_contain_text("1 of your pictures and clips is waiting already, and 1 is the most")
        await expect(problem).to_contain_text("No credit was used")
        await expect(page.locator(TEXT)).to_have_value("the boat that is too many")
        assert (await ada.credits(session))["image"]["left"] == 13
        await no_period_runs(page)
        await expect(page.locator("[data-local-pending]")).to_have_count(0)


async def test_the_assistant_says_until_when_it_does_not_answer_and_what_was_said_stays(strict, browser) -> None:
    ada = await sign_up(strict, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(session)
        await say(page, "Hello there")
        await expect(page.locator('chat-message[data-author-kind="assistant"][data-status="done"]')).to_have_count(1)
        await say(page, "And what about tomorrow?")
        await expect(page.locator("chat-message", has_text="And what about tomorrow?")).to_have_count(1)
        answer = page.locator('chat-message[data-status="failed"]')
        await expect(answer).to_contain_text("You have had as many replies as one person may have in an hour (1).")
        await expect(answer).to_contain_text(NEARLY_AN_HOUR)
        await expect(answer).not_to_contain_text("broke off")
