"""The first minute, as strangers live it: from the landing page to the first picture, from an invite to its session.

Clicks, fields and seconds are counted as in docs/experience.md; `-s` prints them.
"""

import os
import time
import uuid

import pytest
from playwright.async_api import Page, expect

from chatserver.generations import examples
from tests.browser.test_columns import run
from tests.support import product as products
from tests.support.axe import complaints_about
from tests.support.browser import LIVE, PHONE, TEXT, say, signed_in, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

CARD = "generation-card[id^=generation_]"
PASSWORD = "Grace likes green tea"
# docs/experience.md was measured with the 60 ms of somebody who types.
KEY_MS = int(os.environ.get("KEY_MS", "5"))


class Minute:
    """Counts what a person does on a page, and how long it takes."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.fields, self.began = page, 0, 0, time.monotonic()

    async def clicks_on(self, selector: str) -> None:
        self.clicks += 1
        await self.page.click(selector)

    async def types(self, selector: str, text: str) -> None:
        """Into a field that has the focus already, or is reached by Tab: no click."""
        self.fields += 1
        await expect(self.page.locator(selector)).to_be_focused()
        await self.page.keyboard.type(text, delay=KEY_MS)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def address(name: str) -> str:
    return f"{name}+{uuid.uuid4().hex[:8]}@example.org"


async def is_narrow_enough(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_two_clicks_lead_from_the_landing_page_to_the_first_picture(product, browser) -> None:
    async with visiting(product, browser) as visitor:
        page = await visitor.open("/")
        await expect(page.locator("#make-prompt")).to_have_value(examples.FIRST.prompt)
        minute = Minute(page)
        await minute.clicks_on("text=Make it")
        await minute.types("[name=email]", address("grace.hopper"))
        await page.keyboard.press("Tab")
        await minute.types("[name=password]", PASSWORD)
        await expect(page.locator("[name=name]")).to_have_value("Grace Hopper")
        await minute.clicks_on("main button[type=submit] >> nth=0")
        await page.wait_for_selector(CARD)
        making = minute.seconds
        await expect(page.locator(f'{CARD}[data-status="done"]')).to_have_count(1, timeout=90_000)
        print(
            f"First picture: {minute.clicks} clicks, {minute.fields} fields, {making:.1f} s until it is being made, "
            f"{minute.seconds:.1f} s until it is done"
        )
        assert (minute.clicks, minute.fields) == (2, 2)
        await expect(page.locator(".message__prompt")).to_have_text(examples.FIRST.prompt)
        # The picture was made, so its prompt waits no more.
        await expect(page.locator(TEXT)).to_have_value("")

        # Back, and the same button once more: the same session, and no second picture.
        room = page.url
        await page.go_back()
        await expect(page.locator("h1")).to_have_text("Your first picture")
        await page.locator("main button[type=submit]").first.click()
        await page.wait_for_url(room)
        await page.wait_for_selector(LIVE, state="attached")
        await expect(page.locator(CARD)).to_have_count(1)

        # The guide offers what to ask, and a press asks it.
        await say(page, "hello")
        await expect(page.locator(".ask")).to_have_count(5)
        letters = "(each) => getComputedStyle(each).fontFamily"
        assert await page.locator(".ask").first.evaluate(letters) == await page.locator("body").evaluate(letters)
        await expect(page.locator(".prompt-make")).to_have_count(3)
        await page.click(".ask >> text=credits")
        await expect(page.locator('[data-author-kind="assistant"]').last).to_contain_text("rights to make one picture")

        # Nothing is offered any more once the time is up.
        end = "UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1"
        await run(product.environment["DATABASE_URL"], end, page.url.rpartition("/")[2].partition("#")[0])
        await page.reload()
        await expect(page.locator("code", has_text="How do credits work?").first).to_be_visible()
        await expect(page.locator(":is(.ask, .prompt-make):visible")).to_have_count(0)


async def test_one_form_leads_a_guest_into_the_session(product, browser) -> None:
    dora = await sign_up(product, "Dora")
    session = await dora.buys("flash", "Poster")
    code = await dora.invites(session)
    async with signed_in(browser, dora) as owner, visiting(product, browser, viewport=PHONE, has_touch=True) as guest:
        room = await owner.open_session(session)
        page = await guest.open(f"/invite/{code}")
        colour = "(each) => getComputedStyle(each).color"
        outside = await page.locator(".avatar--large").evaluate(colour)
        assert await is_narrow_enough(page)
        minute = Minute(page)
        await minute.types("[name=email]", address("eike"))
        await page.keyboard.press("Tab")
        await minute.types("[name=password]", "Eike likes black tea")
        await minute.clicks_on("main button[type=submit] >> nth=0")
        await page.wait_for_selector(LIVE, state="attached")
        print(f"Guest: {minute.clicks} clicks, {minute.fields} fields, {minute.seconds:.1f} s")
        assert (minute.clicks, minute.fields) == (1, 2)
        await expect(room.locator(".member", has_text="Eike")).to_have_attribute("data-online", "yes")
        inside = await room.locator(".member", has_text="Dora").locator(".avatar").first.evaluate(colour)
        assert inside == outside


async def test_a_prompt_waits_in_the_composer_where_the_operator_grants_sessions(
    own_database_url, browser, tmp_path
) -> None:
    manual = await products.start(tmp_path, DATABASE_URL=own_database_url, CHECKOUT="manual")
    try:
        async with visiting(manual, browser) as visitor:
            page = await visitor.open("/")
            await page.fill("#make-prompt", "a red fox in the snow")
            await page.click("text=Make it")
            mail = address("ada")
            await page.fill("[name=email]", mail)
            await page.fill("[name=password]", "Ada likes white tea")
            await page.locator("main button[type=submit]").first.click()
            await page.wait_for_url("**/plans")
            grant = await products.start(
                tmp_path / "grant", "sessions", "grant", mail, "flash", wait=False, DATABASE_URL=own_database_url
            )
            assert await grant.process.wait() == 0, grant.output()
            await page.goto(manual.url + "/sessions")
            await page.click(".session-card__link")
            await page.wait_for_selector(LIVE, state="attached")
            await expect(page.locator(TEXT)).to_have_value("a red fox in the snow")
            await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")
    finally:
        await manual.kill()


async def test_the_box_of_the_landing_page_types_its_sample_and_stops_for_whoever_comes(product, browser) -> None:
    async with visiting(product, browser) as visitor:
        page = await visitor.open("/")
        box = page.locator("#make-prompt")
        await page.wait_for_function("() => document.querySelector('#make-prompt').value.length > 3")
        await box.focus()
        await expect(box).to_have_value(examples.FIRST.prompt)
        await page.locator(".wall__picture").nth(2).click()
        await expect(box).to_have_value(examples.EXAMPLES[2].prompt)
        await expect(box).to_be_focused()
    async with visiting(product, browser, reduced_motion="reduce", color_scheme="dark", viewport=PHONE) as visitor:
        page = await visitor.open("/")
        assert await page.input_value("#make-prompt") == examples.FIRST.prompt
        await page.click("text=Make it")
        assert not await complaints_about(page, "the form of the first picture")
        await page.click("button[name=has_account]")
        await expect(page.locator("[name=email]")).to_be_focused()


async def test_a_second_press_on_start_buys_no_second_session(product, browser) -> None:
    """The page is not left here, as if the server were slow: playwright does nothing on a page that is being left."""
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/plans")
        await page.evaluate("""() => {
          window.prevented = []
          addEventListener('submit', (event) => {
            prevented.push(event.defaultPrevented)
            event.preventDefault()
          })
        }""")
        start = page.get_by_role("button", name="Start Flash", exact=True)
        await start.click()
        await start.click()
        await page.get_by_role("button", name="Start Flash Lite", exact=True).click()
        assert await page.evaluate("prevented") == [False, True, False]
        await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        await start.click()  # back from the session: on purpose
        assert await page.evaluate("prevented") == [False, True, False, False]
