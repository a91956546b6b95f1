"""What only a browser can show: the theme without a flash, times in the reader's zone, the offline page, the policy kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.support.browser import chromium
from tests.support.site import Client, serve

pytestmark = pytest.mark.browser
PHONE = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Client]:
    async with serve() as client:
        yield client


@pytest.fixture
async def page(browser: Browser, site: Client) -> AsyncIterator[Page]:
    """A page of a reader in Kolkata; what it complains of fails the test."""
    context = await browser.new_context(
        base_url=str(site._base_url), locale="en-IN", timezone_id="Asia/Kolkata", color_scheme="light"
    )
    opened = await context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    await context.close()
    assert complaints == []


async def background(page: Page) -> str:
    return str(await page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


async def test_a_chosen_theme_is_there_before_any_script(page: Page) -> None:
    await page.goto("/form")
    light = await background(page)
    await page.get_by_role("radio", name="Dark").click()
    dark = await background(page)
    assert dark != light
    await page.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await page.reload()
    assert await background(page) == dark
    assert await page.locator("html").get_attribute("data-theme") == "dark"


async def test_the_theme_is_chosen_by_keyboard(page: Page) -> None:
    await page.goto("/form")
    await page.get_by_role("radio", name="System").focus()
    await page.keyboard.press("ArrowLeft")
    assert await page.get_by_role("radio", name="Dark").get_attribute("aria-checked") == "true"
    assert await page.locator("html").get_attribute("data-theme") == "dark"


async def test_times_are_shown_in_the_readers_zone(page: Page) -> None:
    await page.goto("/times")
    await expect(page.locator("[data-style=clock]")).to_contain_text("1:30 am", ignore_case=True)
    await expect(page.locator("[data-style=left]")).to_have_text("1 h 12 min left")
    await expect(page.locator("[data-style=relative]")).to_contain_text("min")
    await expect(page.locator("[data-style=day]")).to_have_text("Today")


async def test_without_a_network_the_offline_page_is_shown(page: Page, tmp_path: Path) -> None:
    await page.goto("/form")
    await page.evaluate("navigator.serviceWorker.ready")
    await page.wait_for_function("navigator.serviceWorker.controller !== null")
    await page.context.set_offline(True)
    await page.goto("/who")
    assert await page.get_by_role("heading").inner_text() == "You are offline"
    # Styled and with its icon: both come from what was kept.
    assert await page.evaluate("document.styleSheets[0].cssRules.length > 0")
    await page.context.set_offline(False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_accessible_and_fit_a_small_phone(page: Page, scheme: str) -> None:
    await page.emulate_media(color_scheme=scheme)
    for path in ("/form", "/offline", "/times"):
        await page.set_viewport_size(PHONE)
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        found = await Axe().run(page)
        assert found.response["violations"] == [], path


async def test_the_policy_stops_what_is_inline(browser: Browser, site: Client) -> None:
    context = await browser.new_context(base_url=str(site._base_url))
    page = await context.new_page()
    await page.goto("/form")
    await page.evaluate(
        """() => {
          window.refused = []
          document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective))
          document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hit = 1'><p style='color: red'>x</p>")
          const script = document.createElement("script")
          script.textContent = "window.hit = 1"
          document.body.append(script)
        }"""
    )
    await page.wait_for_function("new Set(refused).size === 3")
    assert set(await page.evaluate("refused")) == {"script-src-attr", "script-src-elem", "style-src-attr"}
    assert await page.evaluate("window.hit") is None
    await context.close()
