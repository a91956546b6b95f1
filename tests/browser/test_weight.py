"""The chat page is light: its requests and bytes received, as Chromium counts them (`tests/support/page_traffic.py`)."""

import pytest
from playwright.async_api import expect

from chatserver.generations import examples
from tests.support.browser import TEXT, signed_in, visiting
from tests.support.page_traffic import measured
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

MESSAGES = 20
MOST_REQUESTS = 12
MOST_BYTES = 100_000
MOST_JAVASCRIPT_BYTES = 40_000
# What a second load may cost beyond the page itself.
MOST_BYTES_AGAIN = 5_000


async def test_the_chat_page_is_light_at_first_and_lighter_again(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    for number in range(MESSAGES // 2):
        await chat.says(f"What can I do here, for the {number}th time?")
        replies = number + 1
        await chat.sees(lambda _: len(chat.messages) == 2 * replies)  # noqa: B023
        await chat.sees(lambda _: all(each["status"] == "done" for each in chat.messages.values()))
    await chat.leaves()
    async with signed_in(browser, ada) as visitor:
        cookies = await visitor.context.storage_state()
    # Signed in, with nothing kept; without the service worker, behind which requests could hide.
    async with visiting(product, browser, storage_state=cookies, service_workers="block") as visitor:
        page = await visitor.context.new_page()
        first = await measured(page, lambda: page.goto(f"{product.url}/sessions/{session['id']}"))
        assert await page.locator("chat-message").count() == MESSAGES
        print(f"First load of the chat page with {MESSAGES} messages:\n{first.table()}")
        again = await measured(page, page.reload)
        print(f"Second load:\n{again.table()}")
    assert not any(examples.SHEET in url for url in first.requests)
    assert len(first.requests) <= MOST_REQUESTS
    assert first.total <= MOST_BYTES
    assert first.of("Script") <= MOST_JAVASCRIPT_BYTES
    assert again.total - again.of("Document") <= MOST_BYTES_AGAIN


async def test_an_empty_session_is_light_with_its_six_prompts_and_a_press_fills_the_composer(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada, service_workers="block") as visitor:
        page = await visitor.context.new_page()
        first = await measured(page, lambda: page.goto(f"{product.url}/sessions/{session['id']}"))
        print(f"First load of an empty session:\n{first.table()}")
        starters = page.locator(".starter")
        await expect(starters).to_have_count(len(examples.STARTERS))
        await page.wait_for_function("() => document.querySelector('.starter img').naturalWidth > 0")
        await starters.nth(3).click()
        await expect(page.locator(TEXT)).to_have_value(examples.STARTERS[3].prompt)
        await expect(page.locator(TEXT)).to_be_focused()
        await expect(page.locator(".composer__send")).to_contain_text("1 of 8")
    assert len(first.requests) <= MOST_REQUESTS
    assert first.total <= MOST_BYTES
    assert any(examples.SHEET in url for url in first.requests)
