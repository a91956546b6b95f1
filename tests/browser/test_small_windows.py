"""Windows as small as those of a phone on its side, of a page at 200 %, and of readers with large letters."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_columns import run
from tests.support.browser import TEXT, chromium, signed_in, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

# A phone on its side, and a window of 1280 × 800 at 200 %.
LOW = ({"width": 844, "height": 390}, {"width": 640, "height": 400})
LARGE_LETTERS = "--blink-settings=defaultFontSize=24"
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
# The lower side of each picture as it is drawn within its frame.
LEAST_SIDES = """() => [...document.querySelectorAll('generation-card')].map((tile) => {
  const { width, height } = tile.querySelector('.tile__frame').getBoundingClientRect()
  const scale = Math.min(width / tile.dataset.width, height / tile.dataset.height)
  return Math.round(Math.min(tile.dataset.width, tile.dataset.height) * scale)
})"""
# The text that is cut off at the end of its line in the bar, without the title.
CUT = """() => [...document.querySelectorAll('.bar__chips *')].filter((each) => each.scrollWidth > each.clientWidth + 1
  && each.clientWidth > 1 && getComputedStyle(each).overflowX !== 'visible').map((each) => each.textContent.trim())"""
# How far down in their picture the lower ends of its buttons are.
DOWN = """(all) => all.map((each) => {
  const { top, height } = each.closest('.tile__frame').getBoundingClientRect()
  return (each.getBoundingClientRect().bottom - top) / height
})"""
TOPS = "(all) => all.map((each) => each.getBoundingClientRect().top)"
# In how many lines a name of one word stands.
LINES_OF_NAME = """(name) => {
  const range = document.createRange()
  range.selectNodeContents(name)
  return new Set([...range.getClientRects()].map(({ top }) => top)).size
}"""
CANVAS = """() => {
  const probe = document.body.appendChild(document.createElement('p'))
  probe.style.color = 'Canvas'
  return getComputedStyle(probe).color
}"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def test_pictures_are_seen_in_a_low_window(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    for count in (4, 2, 1):
        await chat.sees_ended(await chat.generates("a quiet harbour " * 12, count=count, width=128, height=128))
    await chat.leaves()
    async with signed_in(browser, ada, viewport=LOW[0]) as visitor:
        page = await visitor.open_session(session)
        for size in LOW:
            await page.set_viewport_size(size)
            sides = await page.evaluate(LEAST_SIDES)
            assert len(sides) == 7
            assert min(sides) >= 100, (size, sides)
            # What is pressed in the middle of a picture is the picture, also with a mouse that shows its tools.
            await page.locator("generation-card").first.hover()
            await expect(page.locator(".tile__tools").first.locator(".button:visible")).to_have_count(2)
            assert max(await page.locator(".tile__tools").first.locator(".button:visible").evaluate_all(DOWN)) < 0.4
        # Over the narrowest tiles of a window with a mouse all tools stand in one line.
        await page.set_viewport_size({"width": 760, "height": 800})
        card = page.locator("generation-card").first
        await card.hover()
        await expect(card.locator(".tile__more")).to_be_visible()
        assert await card.evaluate("(each) => each.clientWidth") < 200
        assert len(set(await card.locator(".tile__tools .button").evaluate_all(TOPS))) == 1


async def test_what_an_empty_session_offers_is_read_from_its_top(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    async with signed_in(browser, ada, viewport=LOW[1]) as visitor:
        page = await visitor.open_session(session)
        heading = page.get_by_role("heading", name="Say hello")
        await expect(heading).to_be_in_viewport(ratio=1)
        await page.click('.composer__mode[data-mode="image"]')
        await expect(heading).to_be_in_viewport(ratio=1)
        # The first message, and those after it, are followed.
        chat = await bob.joins(session)
        for words in ("first", "second\n\n" * 30, "third"):
            await chat.says(words)
            await expect(page.locator("chat-message", has_text=words.split()[0])).to_be_in_viewport()
        await chat.leaves()


# Of how many lines each of these is.
LINES = "(all) => all.map((each) => new Set([...each.getClientRects()].map(({ top }) => top)).size)"


async def fits(page: Page) -> None:
    assert await page.evaluate(TOO_WIDE) <= 0, page.url


async def test_large_letters_fit_on_a_phone(product) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", title="Harbour posters")
    async with chromium(LARGE_LETTERS) as browser:
        async with visiting(product, browser, **NARROW) as visitor:
            for path in ("/", "/sign-up", "/start?plan=flash"):
                await fits(page := await visitor.open(path))
            # Twice as large, beside both ways in.
            await page.set_viewport_size({"width": 293, "height": 844})
            assert await page.locator(".brand > span").evaluate(LINES_OF_NAME) == 1
            await page.set_viewport_size({"width": 195, "height": 844})
            await fits(page)
        async with signed_in(browser, ada, **NARROW) as visitor:
            await fits(await visitor.open("/settings"))
            plans, sessions, history = [await visitor.open(path) for path in ("/plans", "/sessions", "/history")]
            for page in (plans, sessions, history):
                await fits(page)
            # A number is not parted from its unit, a title not cut to a letter, and words to search for have room.
            assert await plans.locator(".plan__price > .muted").evaluate_all(LINES) == [1, 1, 1]
            title = sessions.locator(".session-card__link")
            assert await title.evaluate("(each) => each.scrollWidth <= each.clientWidth")
            assert await history.locator("#search").evaluate("(each) => each.clientWidth >= 200")
            page = await visitor.open_session(session)
            await fits(page)
            await nothing_is_cut(page)
            await plans.set_viewport_size({"width": 195, "height": 844})
            await fits(plans)


async def nothing_is_cut(page) -> None:
    """Waits until the bar is as it stays: its clock and its connection are told a moment after the page."""
    await page.wait_for_function(f"() => ({CUT})().length === 0")


async def test_the_credits_are_read_on_the_narrowest_phone(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    left = "UPDATE user_sessions SET expires_at = now() + interval '164 minutes' WHERE id = $1"
    await run(product.environment["DATABASE_URL"], left, session["id"])
    async with signed_in(browser, ada, **{**NARROW, "viewport": {"width": 320, "height": 640}}) as visitor:
        page = await visitor.open_session(session)
        await expect(page.locator(".bar credit-balance[data-kind=image]")).to_contain_text("15 of 15 left")
        await nothing_is_cut(page)
        # Once they are spent it says when the next one comes, on a phone of the usual width.
        await page.set_viewport_size(NARROW["viewport"])
        spent = (
            "UPDATE credits SET available_at = now() + interval '56 minutes' WHERE session_id = $1 AND kind = 'image'"
        )
        await run(product.environment["DATABASE_URL"], spent, session["id"])
        await page.reload()
        await expect(page.locator(".bar credit-balance[data-kind=image]")).to_contain_text("0 left · next in 56 min")
        await nothing_is_cut(page)


async def test_with_forced_colours_the_connection_is_seen_and_no_bar_is_drawn_below_a_prompt(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("a quiet harbour", width=64, height=64))
    await chat.leaves()
    async with signed_in(browser, ada, **NARROW, forced_colors="active") as visitor:
        page = await visitor.open_session(session)
        canvas = await page.evaluate(CANVAS)
        await expect(page.locator(".connection__dot")).not_to_have_css("background-color", canvas)
        await expect(page.locator(".message__prompt")).to_have_css("border-bottom-color", canvas)


# What is cut off at the end of its line with nothing that says so.
CUT_SILENTLY = """() => [...document.querySelectorAll('body *')].filter((each) => {
  const { overflowX, textOverflow, display } = getComputedStyle(each)
  return each.clientWidth > 1 && each.scrollWidth > each.clientWidth + 1 && overflowX === 'hidden'
    && [...each.childNodes].some((child) => child.nodeType === 3 && child.data.trim())
    && (textOverflow !== 'ellipsis' || /flex|grid/.test(display))
}).map((each) => each.textContent.trim())"""
# How much of its name a row of a member has in sight, in pixels, where that is not all of it.
NAMES = """() => [...document.querySelectorAll('.member [data-slot="name"]')]
  .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.clientWidth)"""
WIDTHS = (320, 390, 768, 1280)


async def test_the_name_of_the_site_is_read_whole_beside_both_ways_in(product, browser) -> None:
    async with visiting(product, browser, **{**NARROW, "viewport": {"width": 320, "height": 640}}) as visitor:
        page = await visitor.open("/")
        assert await page.evaluate(CUT_SILENTLY) == []
        name = page.locator(".header .brand > span")
        letter, whole = await name.evaluate(
            """(each) => {
          const range = document.createRange()
          range.selectNodeContents(each)
          return [parseFloat(getComputedStyle(each).lineHeight), range.getBoundingClientRect().height]
        }"""
        )
        assert whole < 1.5 * letter, "it has more than one line"
        assert await name.evaluate("(each) => each.scrollWidth <= each.clientWidth")
        await fits(page)


async def test_a_long_name_of_a_member_and_a_guests_title_are_read_as_far_as_they_go(product, browser) -> None:
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bartholomew-Alexander-Featherstone")
    session = await ada.buys("pro", title="A long title of a session that fits in the bar of no phone")
    await bob.accepts(await ada.invites(session))
    for person in (ada, bob):
        async with signed_in(browser, person, viewport={"width": 1280, "height": 800}) as visitor:
            page = await visitor.open_session(session)
            await expect(page.locator(".member")).to_have_count(2)
            names = await page.evaluate(NAMES)
            assert all(width >= 150 for width in names), names
            # However long the site's name is, there is room for the buttons beside it.
            brand = page.locator(".sessions__head .brand > span")
            await brand.evaluate("(each) => { each.textContent = 'Picture and conversation society'.repeat(3) }")
            buttons = page.locator(".sessions__head > .button")
            assert await buttons.evaluate_all("(all) => all.map((each) => each.offsetWidth >= 36)") == [True, True]
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                assert await page.evaluate(CUT_SILENTLY) == [], (person.name, width)


async def test_what_was_being_written_when_the_time_was_up_can_still_be_copied(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    async with signed_in(browser, ada, **NARROW) as visitor:
        await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await visitor.open_session(session)
        words = "A long thought that was nearly ready"
        await page.fill(TEXT, words)
        over = "UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1"
        await run(product.environment["DATABASE_URL"], over, session["id"])
        unsent = page.locator(".unsent")
        await expect(unsent).to_contain_text(words)
        await unsent.get_by_role("button", name="Copy").click()
        await expect(unsent.get_by_role("button")).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == words
        # Also when the page is opened again.
        await page.reload()
        await expect(unsent).to_contain_text(words)
        await fits(page)


async def test_the_title_is_read_on_the_narrowest_phone_also_without_a_connection(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", title="A long title of a session that fits in the bar of no phone")
    async with signed_in(browser, ada, **{**NARROW, "viewport": {"width": 320, "height": 640}}) as visitor:
        visitor.announce("ERR_INTERNET_DISCONNECTED", "WebSocket")
        page = await visitor.open_session(session)
        await visitor.context.set_offline(True)
        await page.fill(TEXT, "It waits")
        await page.press(TEXT, "Enter")
        await expect(page.locator('.connection[data-state="offline"]')).to_contain_text("Offline")
        title = await page.locator(".bar [data-slot=title]").bounding_box()
        assert title is not None
        assert title["width"] >= 100, title


async def test_the_page_of_the_gallery_that_is_open_is_seen_on_the_narrowest_phone(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada, **{**NARROW, "viewport": {"width": 320, "height": 640}}) as visitor:
        for path in ("/gallery", "/gallery?show=uploads", "/albums", "/shares"):
            page = await visitor.open(path)
            await expect(page.locator(".tabs__tab[aria-current]")).to_be_in_viewport(ratio=1)


async def test_what_a_search_finds_is_told_apart_on_a_phone_and_fingers_close_it(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", title="Posters for the festival in the harbour")
    chat = await ada.joins(session)
    for light in ("at dusk", "at dawn"):
        await chat.says(f"A lighthouse in the storm {light}")
    await chat.leaves()
    async with signed_in(browser, ada, **NARROW) as visitor:
        page = await visitor.open_session(session)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("lighthouse storm")
        options = page.locator(".finder__option:visible")
        await expect(options).to_have_count(2)
        cut = "(all) => all.filter((each) => each.scrollWidth > each.clientWidth).length"
        assert await options.locator(".truncate[data-slot=words]").evaluate_all(cut) == 0
        await page.locator("dialog.finder").get_by_role("button", name="Close").tap()
        await expect(page.locator("dialog.finder")).to_be_hidden()
        # The gallery is found where pictures are looked for.
        await page.keyboard.press("Control+k")
        await page.keyboard.type("favourites")
        await expect(options).to_have_text(["Gallery"])
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/gallery")


OUTSIDE = """() => [...document.querySelectorAll('.card .button')].filter((each) => {
  const card = each.closest('.card')
  const edge = card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight)
  return each.getBoundingClientRect().right > edge + 1
}).map((each) => each.textContent.trim())"""


async def test_each_button_of_the_settings_fits_on_its_card(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada, **{**NARROW, "viewport": {"width": 320, "height": 640}}) as visitor:
        page = await visitor.open("/settings")
        assert await page.evaluate(OUTSIDE) == []


async def test_what_is_said_of_a_picture_is_read_whole_also_beside_a_long_title(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", title="A long title of a session that fits beside no picture " * 2)
    chat = await ada.joins(session)
    await chat.sees_ended(await chat.generates("a quiet harbour " * 20, width=64, height=64))
    await chat.leaves()
    async with signed_in(browser, ada, viewport={"width": 1280, "height": 800}) as visitor:
        page = await visitor.open("/gallery")
        await page.locator(".shot__open").first.click()
        panel = page.locator(".viewer__panel")
        await expect(panel).to_contain_text("Use it again")
        for width in WIDTHS[::-1]:
            await page.set_viewport_size({"width": width, "height": 800})
            if not await panel.is_visible():
                await page.click('.viewer [data-action="panel"]')
            assert await panel.evaluate("(each) => each.scrollWidth - each.clientWidth") == 0, width
