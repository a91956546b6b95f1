"""Everybody can use it: axe finds nothing on any page and in any state, and the keyboard reaches everything."""

import asyncpg
import pytest
from playwright.async_api import Page, expect

from tests.emulators.huggingface import Queue
from tests.support.axe import complaints_about
from tests.support.browser import LIVE, TEXT, signed_in, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 256, "height": 256}


async def test_the_pages_before_the_door(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    code = await ada.invites(await ada.buys())
    found: list[str] = []
    async with visiting(emulated_product, browser) as visitor:
        visitor.announce("404", "422")
        page = await visitor.open("/")
        for path in ("/", "/sign-up", "/sign-in", "/plans", "/start", f"/invite/{code}", "/offline", "/nowhere"):
            await page.goto(emulated_product.url + path)
            found += await complaints_about(page, path)
        await page.goto(f"{emulated_product.url}/sign-up")
        await page.fill("[name=name]", "Ada")
        await page.fill("[name=email]", ada.user["email"])
        await page.fill("[name=password]", "password")
        await page.click("main button[type=submit]")
        await expect(page.locator(".field__error, .notice")).not_to_have_count(0)
        found += await complaints_about(page, "/sign-up with mistakes")
    assert not found, "\n".join(found)


async def test_the_pages_of_an_account(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/sessions")
        for path in ("/sessions", "/gallery", "/history", "/plans"):
            await page.goto(emulated_product.url + path)
            found += await complaints_about(page, f"{path}, new")
        chat = await ada.joins(await ada.buys("pro"))
        await chat.sees_ended(await chat.generates("a quiet lake", **SMALL))
        await chat.sees_ended(await chat.generates("refused [fail 402]", **SMALL))
        await chat.leaves()
        for path in (
            "/sessions",
            "/history",
            "/history?q=nothing+like+it",
            "/settings",
            f"/plans?session={chat.session_id}",
        ):
            await page.goto(emulated_product.url + path)
            found += await complaints_about(page, path)
    assert not found, "\n".join(found)


async def test_the_chat_page_empty_and_in_its_modes(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open_session(await ada.buys())
        found += await complaints_about(page, "empty")
        await page.click('.composer__mode[data-mode="image"]')
        found += await complaints_about(page, "image mode")
        for setting in ("size", "style", "more"):
            await page.click(f"[data-setting={setting}]")
            await expect(page.locator(f"#setting-{setting} input").first).to_be_visible()
            found += await complaints_about(page, f"image mode, {setting}")
            await page.keyboard.press("Escape")
        await page.focus(TEXT)
        for _ in range(2):  # back to words, out of the text box
            await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await expect(page.locator("#shortcuts")).to_be_visible()
        found += await complaints_about(page, "shortcuts")
        await page.keyboard.press("Escape")
        await page.keyboard.press("Control+k")
        await page.fill(".finder__input", "picture")
        await expect(page.locator('.finder__option[aria-selected="true"]')).to_be_visible()
        found += await complaints_about(page, "finder")
        await page.keyboard.press("Escape")
        await page.locator('[data-action="invite"]').first.click()
        await expect(page.locator("#invite-url")).not_to_have_value("")
        found += await complaints_about(page, "invitation")
    assert not found, "\n".join(found)


async def test_the_chat_page_while_pictures_are_made(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("flash-lite")
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        emulator.script("text-to-image", [Queue(steps=10_000)])
        messages = [await chat.generates(f"a boat, number {number}", **SMALL) for number in range(3)]
        await expect(page.locator('generation-card[data-status="rendering"]')).to_be_visible()
        await page.click('.composer__mode[data-mode="image"]')
        await page.fill(TEXT, "the fourth boat")
        await page.press(TEXT, "Enter")
        await expect(page.locator(".composer__deferred")).to_be_visible()
        found += await complaints_about(page, "generating and out of credits")
        await page.click('[data-action="cancel-deferred"]')
        await expect(page.locator(TEXT)).to_be_focused()
        for message in reversed(messages):  # what waits first: in the place of the first, another would be made
            await chat.asks("generation.cancel", generation_id=message["generations"][0]["id"])
        await expect(page.locator('generation-card[data-status="cancelled"]')).to_have_count(3)
        found += await complaints_about(page, "cancelled")
        await chat.leaves()
        emulator.reset()
    assert not found, "\n".join(found)


async def test_the_chat_page_with_everything_in_it(emulated_product, emulated_database_url, browser) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        guest = await bob.joins(session)
        await guest.says("hello, **everybody**")
        await chat.says("@assistant show me some Markdown")
        await chat.sees(lambda each: each["author"]["kind"] == "assistant" and each["status"] == "done")
        done = await chat.sees_ended(await chat.generates("a quiet lake", count=2, **SMALL))
        await chat.asks("generation.retry", generation_id=done["generations"][0]["id"])
        await chat.sees_ended(await chat.generates("refused [fail 402]", **SMALL))
        await chat.sees_ended(await chat.generates("waves", kind="video", **SMALL))
        gone = await chat.says("soon gone")
        await chat.asks("message.delete", message_id=gone["id"])
        await expect(page.locator('generation-card[data-status="done"]')).to_have_count(4)
        await expect(page.locator(f"#message_{gone['id']}")).to_have_attribute("data-status", "deleted")
        await page.locator("details").first.click()
        found += await complaints_about(page, "done and failed")
        await page.locator('[data-action="open"]:visible').first.click()
        await expect(page.locator("dialog.viewer")).to_be_visible()
        found += await complaints_about(page, "lightbox")
        await page.keyboard.press("Escape")
        await expire(emulated_database_url, session["id"])
        await expect(page.locator(".composer__closed")).to_be_visible()
        found += await complaints_about(page, "expired")
        await chat.leaves()
        await guest.leaves()
    assert not found, "\n".join(found)


async def expire(database_url: str, session_id: str) -> None:
    """The session's time is up."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "UPDATE user_sessions SET expires_at = now() - '1 second'::interval WHERE id = $1", session_id
    )
    await connection.close()


# The keyboard -----------------------------------------------------------------------------------------------------

# Whatever can be pressed or filled in now. Of a group of radio buttons Tab reaches one, the arrows the rest.
_LOOK_FOR_REACHABLE = """() => {
  const all = 'a[href], button, input, textarea, select, summary, video[controls], [tabindex="0"]'
  const counts = (each) => !each.disabled && each.tabIndex >= 0 && each.type !== 'hidden' && each.checkVisibility()
  const self = (each) => each.type === 'radio' ? `radio ${each.name}` : each
  const words = (each) => each.getAttribute('aria-label') || each.textContent.trim().slice(0, 40) || each.name
  const name = (each) => [each.localName, words(each)]
  const isRing = ({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) > 0
  const hasRing = (each) => Boolean(each) && isRing(getComputedStyle(each))
  const missing = new Map([...document.querySelectorAll(all)].filter(counts).map((each) => [self(each), name(each)]))
  window.missing = () => [...missing.values()].map((each) => each.join(' '))
  window.arrive = () => {
    const each = document.activeElement
    missing.delete(self(each))
    const ring = [each, each.closest('label'), each.closest('.composer__box, .session-card')].some(hasRing)
    const visible = each.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    return { name: name(each).join(' '), end: each === document.body, wrong: visible ? (ring ? '' : 'no ring') : 'not seen' }
  }
}"""


async def tab_through(page: Page) -> list[str]:
    """Presses Tab from the top of a page just opened; what it cannot reach, or what does not show that it is reached."""
    await page.evaluate(_LOOK_FOR_REACHABLE)
    await page.focus(".skip-link")  # the chat page begins in its text box
    await page.evaluate("arrive()")
    wrong: list[str] = []
    for _ in range(len(await page.evaluate("missing()")) + 10):
        await page.keyboard.press("Tab")
        place = await page.evaluate("arrive()")
        if place["end"]:
            break
        if place["wrong"]:
            wrong.append(f"{place['name']}: {place['wrong']}")
    return wrong + [f"{name}: not reached" for name in await page.evaluate("missing()")]


async def test_tab_reaches_everything_and_shows_where_it_is(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada, reduced_motion="reduce") as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        await chat.says("hello")
        # Its Stop button would be gone before it is reached.
        await chat.sees(lambda message: message["author"]["kind"] == "assistant" and message["status"] == "done")
        await chat.sees_ended(await chat.generates("a quiet lake", **SMALL))
        await expect(page.locator('generation-card[data-status="done"]')).to_be_visible()
        await page.click('.composer__mode[data-mode="image"]')
        await page.reload()
        await page.wait_for_selector(LIVE, state="attached")
        wrong = await tab_through(page)
        for path in ("/sessions", "/history", "/settings", "/plans"):
            await page.goto(emulated_product.url + path)
            wrong += [f"{path} {each}" for each in await tab_through(page)]
        await chat.leaves()
    assert not wrong, "\n".join(wrong)


async def test_the_keys_do_what_their_list_says(emulated_product, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada) as visitor:
        chat, page = await ada.joins(session), await visitor.open_session(session)
        await chat.sees_ended(await chat.generates("a quiet lake", count=2, **SMALL))
        await expect(page.locator('generation-card[data-status="done"]')).to_have_count(2)
        keys = page.keyboard
        await page.locator(".message__prompt").click()

        await keys.press("?")
        await expect(page.locator("#shortcuts")).to_be_visible()
        await keys.press("Escape")
        await expect(page.locator("#shortcuts")).to_be_hidden()

        await keys.press("i")
        await expect(page.locator("message-composer")).to_have_attribute("data-mode", "image")
        await expect(page.locator(TEXT)).to_be_focused()
        await keys.type("i?")
        await expect(page.locator(TEXT)).to_have_value("i?")
        await page.locator('[data-setting="ratio"]').focus()
        await keys.press("Escape")
        await expect(page.locator("message-composer")).to_have_attribute("data-mode", "text")
        await expect(page.locator(TEXT)).to_be_focused()

        await keys.press("Control+k")
        await expect(page.get_by_role("combobox")).to_be_focused()
        await keys.press("Escape")

        first = page.locator('[data-action="open"]').first
        await first.focus()
        await keys.press("f")
        favourite = page.locator('generation-card [data-action="favorite"]').first
        await expect(favourite).to_have_attribute("aria-pressed", "true")
        await expect(first).to_be_focused()
        await keys.press("Enter")
        viewer = page.locator("dialog.viewer")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("1 of 2")
        await keys.press("ArrowRight")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("2 of 2")
        async with page.expect_download() as downloading:
            await keys.press("d")
        assert (await downloading.value).suggested_filename.endswith(".png")
        await keys.press("ArrowLeft")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("1 of 2")
        await keys.press("Escape")
        await expect(viewer).to_be_hidden()
        await expect(first).to_be_focused()
        await page.wait_for_selector(LIVE, state="attached")
        await chat.leaves()
