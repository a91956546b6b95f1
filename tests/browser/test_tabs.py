"""Many tabs and pages that are not looked at: one too many says so, and news reach people without stopping the page."""

import pytest
from playwright.async_api import expect

from tests.support.browser import ask_for_pictures, chromium, fill_sign_in, signed_in, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

AWAY_ON_A_PHONE = """() => {
  Object.defineProperty(document, 'hidden', { get: () => true })
  window.Notification = class { constructor() { throw new TypeError('Illegal constructor') } }
  Object.assign(window.Notification, { permission: 'granted' })
  document.querySelector('chat-room').dataset.notifications = 'yes'
}"""
NOTICES = """() => navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
  .then((all) => all.map((each) => [each.title, each.body]))"""


async def test_one_tab_too_many_says_so_and_connects_once_another_closes(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with signed_in(browser, ada) as visitor:
        pages = [await visitor.open_session(session) for _ in range(5)]
        sixth = await visitor.open(f"/sessions/{session['id']}")
        await expect(sixth.locator(".connection")).to_have_text("Too many tabs")
        await expect(sixth.locator("toast-notice")).to_contain_text("Close one, and this page connects by itself")
        await pages[0].close(run_before_unload=True)
        await expect(sixth.locator(".connection")).to_have_text("Live")
        await expect(sixth.locator("toast-notice")).to_be_hidden()


async def test_of_tabs_that_ask_to_sign_in_all_go_on_once_it_is_done_in_one(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with visiting(product, browser) as visitor:
        history, gallery = await visitor.open("/history"), await visitor.open("/gallery")
        for page in (history, gallery):
            await expect(page.locator("[name=password]")).to_be_visible()
        await fill_sign_in(history, ada)
        await history.wait_for_url("**/history")
        await gallery.wait_for_url("**/gallery")


async def test_who_looks_elsewhere_is_told_by_the_service_worker(product) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    async with chromium(whole=True) as browser, signed_in(browser, ada, service_workers="allow") as visitor:
        await visitor.context.grant_permissions(["notifications"])
        page = await visitor.open_session(session)
        await page.evaluate("navigator.serviceWorker.ready")
        await page.evaluate(AWAY_ON_A_PHONE)
        await ask_for_pictures(page, "a boat")
        await expect(page.locator("generation-card[data-status=done]")).to_be_visible(timeout=60_000)
        await page.wait_for_function(f"async () => (await ({NOTICES})()).length > 0")
        assert await page.evaluate(NOTICES) == [["Picture ready", "a boat"]]
        await expect(page.locator("#details [data-kind=image] [data-slot=words]")).to_contain_text("7 of 8 left")
