"""The gallery in a browser: found by words, chosen, compared, packed, deleted and taken back; by mouse, thumb and keys."""

import asyncio
import io
import re
import zipfile
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from tests.support.axe import complaints_about
from tests.support.browser import PHONE, signed_in
from tests.support.late_answers import (
    answers_lost,
    count_of_requests,
    end_periods,
    hold_answers,
    hold_undo_periods,
    lose_answers,
    lose_none,
    release_answer,
    requests_held,
)
from tests.support.long_session import fill
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 64, "height": 64}
DOM_NODES = "() => document.querySelectorAll('*').length"
MOST_DOM_NODES = 800
LARGE, BATCHES = {"width": 2560, "height": 1440}, 60
SCROLL_TO_THE_END = "() => scrollTo(0, document.documentElement.scrollHeight)"
# Scrolls on until there is nothing older, and back until this picture is in sight.
ALL_OF_IT = """() => {
  scrollTo(0, document.documentElement.scrollHeight)
  return document.querySelector('gallery-view [data-slot=older]').hidden
}"""
BACK_TO = """(asset) => {
  scrollTo(0, 0)
  return document.getElementById(`picture_${asset}`)?.getBoundingClientRect().bottom > 0
}"""
# The pictures of an album as they stand in its page.
ORDER = "() => [...document.querySelectorAll('.album-picture')].map(({ dataset }) => dataset.asset)"
# Requests that outlive their page cannot be held back by a route.
WITHOUT_KEEPALIVE = """{
  const ask = window.fetch
  window.fetch = (address, options) => ask(address, { ...options, keepalive: false })
}"""


@pytest.fixture
async def owner(product):
    """Ada, and her session with a batch of four and three other pictures."""
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    made = {}
    for prompt, count in (
        ("a quiet harbour", 4),
        ("a red kite", 1),
        ("a fox in the snow", 1),
        ("a harbour at night", 1),
    ):
        made[prompt] = await chat.sees_ended(await chat.generates(prompt, count=count, **SMALL))
    await chat.leaves()
    return ada, session, made


def shots(page: Page):
    return page.locator("gallery-picture")


async def is_set_up(page: Page) -> None:
    """The pictures stand in a page before its script hears of keys and clicks."""
    await expect(page.locator("gallery-view[data-live]")).to_be_attached()


async def saved(download) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(open(await download.path(), "rb").read()))


async def test_by_keyboard_alone_one_finds_marks_compares_and_downloads(owner, browser) -> None:
    ada, _, _ = owner
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await expect(shots(page)).to_have_count(7)
        found = await complaints_about(page, "gallery")
        await page.focus("#search")
        await page.keyboard.type("harb")
        await page.keyboard.press("Enter")
        await expect(shots(page)).to_have_count(5)
        assert "q=harb" in page.url
        await is_set_up(page)
        await page.keyboard.press("Tab")  # past the button of the search
        await shots(page).first.locator("a").focus()
        await page.keyboard.press(".")
        await expect(shots(page).first).to_have_attribute("data-favorite", "")
        await page.keyboard.press("Space")
        await page.keyboard.press("Shift+ArrowRight")
        bar = page.locator(".selection")
        await expect(bar.locator('[data-slot="count"]')).to_have_text("2 selected")
        found += await complaints_about(page, "gallery, two selected")
        await bar.locator('[data-action="compare"]').focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/gallery/compare?**")
        await expect(page.locator("tr[data-differs]")).not_to_have_count(0)
        found += await complaints_about(page, "compare")
        await page.focus("input[type=range]")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator(".compare__stage")).to_have_css("--share", "51%")
        await page.keyboard.press("+")
        zooms = await page.evaluate(
            "() => [...document.querySelectorAll('.compare__picture')].map(e => getComputedStyle(e).transform)"
        )
        assert zooms[0] == zooms[1] != "none"
        # Back leads to the same place, filters and selection.
        await page.go_back()
        await expect(shots(page)).to_have_count(5)
        await expect(bar.locator('[data-slot="count"]')).to_have_text("2 selected")
        await page.keyboard.press("Control+a")
        await expect(bar.locator('[data-slot="count"]')).to_have_text("5 selected")
        async with page.expect_download() as waiting:
            await bar.locator("button[type=submit]").focus()
            await page.keyboard.press("Enter")
        archive = await saved(await waiting.value)
        assert archive.testzip() is None and len(archive.namelist()) == 5
        await page.keyboard.press("Escape")
        await expect(bar).to_be_hidden()
        # The keyboard is never nowhere, though what was pressed is hidden.
        await shots(page).first.locator("a").focus()
        await page.keyboard.press("Space")
        await bar.locator('[data-action="select-all"]').focus()
        await page.keyboard.press("Enter")
        clear = bar.locator('[data-action="clear"]')
        await expect(clear).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(bar).to_be_hidden()
        await expect(shots(page).first.locator("a")).to_be_focused()
        await page.goto(f"{ada.product.url}/gallery?favorite=yes")
        await expect(shots(page)).to_have_count(1)
        await page.emulate_media(color_scheme="dark")
        found += await complaints_about(page, "gallery, dark")
        await page.click('[data-action="filters"]')
        await expect(page.locator("dialog.gallery__filters select").first).to_be_visible()
        found += await complaints_about(page, "filters")
        assert await page.evaluate(DOM_NODES) <= MOST_DOM_NODES
    assert not found, "\n".join(found)


async def test_what_happens_elsewhere_arrives_and_what_is_deleted_can_be_taken_back(owner, browser) -> None:
    ada, session, made = owner
    async with signed_in(browser, ada) as visitor:
        page, chat = await visitor.open("/gallery"), await ada.joins(session)
        await expect(shots(page)).to_have_count(7)
        await chat.sees_ended(await chat.generates("a late arrival", **SMALL))
        await expect(shots(page)).to_have_count(8)
        await expect(shots(page).first.locator("a")).to_have_attribute("aria-label", "a late arrival")
        asset = made["a red kite"]["generations"][0]["assets"][0]["id"]
        await chat.asks("asset.favorite", asset_id=asset, on=True)
        await expect(page.locator(f"#picture_{asset}")).to_have_attribute("data-favorite", "")
        await shots(page).first.locator("a").click()
        viewer = page.locator("dialog.viewer")
        await expect(viewer).to_contain_text("a late arrival")
        # There is no composer here that it could be used in.
        await expect(viewer.locator('[data-action="use"]')).to_have_count(0)
        await page.keyboard.press("ArrowRight")
        await expect(viewer.locator('[data-slot="count"]')).to_have_text("2 of 8")
        await hold_undo_periods(page)
        await page.keyboard.press("ArrowLeft")
        await viewer.locator('[data-action="remove"]').click()
        await expect(page.locator("gallery-picture:visible")).to_have_count(7)
        await page.click('.toast [data-action="undo"]')
        await expect(page.locator("gallery-picture:visible")).to_have_count(8)
        await shots(page).first.locator(".shot__select").click()
        await page.keyboard.press("Delete")
        await expect(page.locator("gallery-picture:visible")).to_have_count(7)
        visitor.announce("404")  # a page may just be about to load what is deleted
        await page.reload()  # leaving the page sends what was not taken back
        await expect(shots(page)).to_have_count(7)
        await chat.leaves()


async def test_answers_that_come_late_and_periods_that_end_undo_nothing_that_was_done_since(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    made = await chat.sees_ended(await chat.generates("four boats", count=4, **SMALL))
    await chat.leaves()
    first, second, third, _ = sorted((each["assets"][0]["id"] for each in made["generations"]), reverse=True)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        # What was chosen in the filters stays where they were asked for twice.
        await hold_answers(page, "/gallery/filters")
        await page.evaluate("""() => {
          for (let press = 0; press < 2; press++) document.querySelector('[data-action="filters"]').click()
        }""")
        filters = page.locator("dialog.gallery__filters")
        await release_answer(page, 0)
        await release_answer(page, 1)
        await page.evaluate("() => document.querySelector('[data-action=\"filters\"]').click()")
        chosen = filters.locator("select").first
        await chosen.select_option(index=1)
        await release_answer(page, 2)
        await expect(chosen).not_to_have_value("")
        await page.keyboard.press("Escape")
        await expect(filters).to_be_hidden()  # before, nothing else can have the focus

        # A favourite and none again: the server hears it in this order, and what it tells meanwhile takes nothing back.
        await hold_answers(page, "/pictures/favorites")
        await page.focus(f"#picture_{first} a")
        async with page.expect_response("**/gallery/state*") as told:
            for _ in range(2):
                await page.keyboard.press(".")
        assert (await (await told.value).json())["favorites"] == [first]
        await page.evaluate("() => new Promise((next) => setTimeout(next))")
        await expect(page.locator("gallery-picture[data-favorite]")).to_have_count(0)
        assert await count_of_requests(page) == 1
        await release_answer(page, 0)
        await release_answer(page, 1)

        # The end of one deletion's five seconds leaves the undo of the next.
        await hold_undo_periods(page)
        for asset in (first, second):
            await page.focus(f"#picture_{asset} a")
            await page.keyboard.press("Space")
            await page.keyboard.press("Delete")
        await page.evaluate("() => [...window.periods.values()][0]()")
        await expect(page.locator(f"#picture_{first}")).to_have_count(0)
        await page.click('.toast [data-action="undo"]')
        await expect(page.locator(f"#picture_{second}")).to_be_visible()

        # The way into the chat is not stopped by the lightbox, which goes back in the history when it closes.
        await page.click(f"#picture_{third} a")
        await page.locator("dialog.viewer").locator('[data-action="reveal"]').click()
        await page.wait_for_url("**/sessions/**")
        await page.goto(f"{product.url}/gallery")

        # Who looks closely at what is deleted elsewhere looks at it no longer.
        await page.click(f"#picture_{third} a")
        await expect(page.locator("dialog.viewer")).to_be_visible()
        visitor.announce_deletion(third)
        await ada.call("POST", "/pictures/deletions", {"asset_ids": [third]})
        await expect(page.locator("dialog.viewer")).to_be_hidden()


async def test_what_happens_elsewhere_arrives_by_itself_and_moves_nothing_that_is_looked_at(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await expect(page.locator("gallery-view[data-live]")).to_be_attached()
        first = await chat.sees_ended(await chat.generates("a first boat", count=4, **SMALL))
        await expect(shots(page)).to_have_count(4)
        await chat.sees_ended(await chat.generates("more boats", count=4, **SMALL))
        await expect(shots(page)).to_have_count(8)
        await page.set_viewport_size({"width": 320, "height": 420})
        asked = watch_questions(page)
        # The oldest stands last in its row, and stays there; a batch is finished in any order.
        boats = sorted(first["generations"], key=lambda each: each["assets"][0]["id"])
        looked_at = boats[0]["assets"][0]["id"]
        await page.locator(f"#picture_{looked_at}").scroll_into_view_if_needed()
        await page.wait_for_function("() => scrollY > 100")
        top = await top_of(page, looked_at)
        await chat.sees_ended(await chat.generates("a late arrival", **SMALL))
        await expect(shots(page)).to_have_count(9)
        await expect(page.locator('[data-slot="news"]')).to_have_text("1 new picture")
        assert await top_of(page, looked_at) == top
        visitor.announce_deletion(boats[3]["assets"][0]["id"])
        await chat.asks("generation.delete", generation_id=boats[3]["id"])
        await expect(shots(page)).to_have_count(8)
        assert await top_of(page, looked_at) == top
        album = (await ada.call("POST", "/albums", {"name": "Boats", "asset_ids": [looked_at]}))["album"]["id"]
        lines: list[WebSocketRoute] = []
        may_connect = asyncio.Event()
        may_connect.set()

        async def connect(line: WebSocketRoute) -> None:
            await may_connect.wait()
            passed_on(line, lines)

        await page.route_web_socket("**/ws/gallery", connect)
        # In an album's list; hidden, it asks nothing and has no connection; back in sight it asks once.
        await page.goto(f"{product.url}/gallery?album={album}")
        await expect(page.locator("gallery-view[data-live]")).to_be_attached()
        await expect(shots(page)).to_have_count(1)
        await ada.call("POST", f"/albums/{album}/pictures", {"asset_ids": [boats[1]["assets"][0]["id"]]})
        await expect(shots(page)).to_have_count(2)
        await show(page, False)
        await expect(page.locator("gallery-view[data-live]")).to_have_count(0)
        asked.clear()
        await ada.call("POST", f"/albums/{album}/pictures/remove", {"asset_ids": [looked_at]})
        await chat.asks("asset.favorite", asset_id=boats[1]["assets"][0]["id"], on=True)
        assert asked == []
        await show(page, True)
        await expect(shots(page)).to_have_count(1)
        await expect(shots(page)).to_have_attribute("data-favorite", "")
        assert asked == ["/gallery/state"]
        # A lost connection comes back, and what was missed is asked for once.
        asked.clear()
        may_connect.clear()
        await lines[-1].close(code=1012)
        await ada.call("POST", f"/albums/{album}/pictures", {"asset_ids": [looked_at]})
        may_connect.set()
        await expect(shots(page)).to_have_count(2)
        assert asked == ["/gallery/state"]
        await ada.call("DELETE", f"/albums/{album}")
        await expect(page.get_by_role("heading", name="No match")).to_be_visible()
    await chat.leaves()


async def test_on_a_large_screen_all_pictures_are_reached_and_none_moves_while_more_come(
    emulated_product, emulated_database_url, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    await fill(emulated_database_url, ada, await ada.buys("pro"), BATCHES)
    async with signed_in(browser, ada, viewport=LARGE, service_workers="block") as visitor:
        page = await visitor.open("/gallery")
        newest = await shots(page).first.get_attribute("data-asset")
        held, let_go = asyncio.Event(), asyncio.Event()
        await page.route("**/gallery/pictures?*", lambda route: hold(route, held, let_go))
        await page.evaluate(SCROLL_TO_THE_END)
        await asyncio.wait_for(held.wait(), 30)
        # The end of the list is in sight, and above all of it stands what a browser would keep in its place.
        await page.evaluate(SCROLL_TO_THE_END)
        count = await shots(page).count()
        last = await shots(page).last.get_attribute("data-asset")
        place = await top_of(page, last)
        let_go.set()
        await page.wait_for_function(
            "(count) => document.querySelectorAll('gallery-picture').length !== count", arg=count
        )
        assert abs(await top_of(page, last) - place) < 1  # a browser rounds to parts of a pixel
        await page.wait_for_function(ALL_OF_IT)
        oldest = await shots(page).last.get_attribute("data-asset")
        assert newest != oldest
        await page.wait_for_function(BACK_TO, arg=newest)


async def hold(route: Route, held: asyncio.Event, let_go: asyncio.Event) -> None:
    held.set()
    await let_go.wait()
    await route.continue_()


async def test_the_counts_of_days_and_months_follow_what_comes_and_goes(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    made = await chat.sees_ended(await chat.generates("a first boat", count=3, **SMALL))
    async with signed_in(browser, ada, timezone_id="UTC") as visitor:
        page = await visitor.open("/gallery")
        await expect(page.locator("gallery-view[data-live]")).to_be_attached()
        await hold_undo_periods(page)
        await counts_are(page, 3)
        await shots(page).first.locator(".shot__select").click()
        await shots(page).last.locator(".shot__select").click()
        await page.keyboard.press("Delete")
        await counts_are(page, 1)
        await page.click('.toast [data-action="undo"]')
        await counts_are(page, 3)
        await chat.sees_ended(await chat.generates("a late arrival", **SMALL))
        await counts_are(page, 4)
        visitor.announce_deletion(made["generations"][1]["assets"][0]["id"])
        await chat.asks("generation.delete", generation_id=made["generations"][1]["id"])
        await counts_are(page, 3)
        await page.locator(".months__month").focus()
        await page.keyboard.press("Control+a")
        await expect(page.locator('.selection [data-slot="count"]')).to_have_text("3 selected")
        await page.keyboard.press("Delete")
        await expect(page.locator(".shots__day")).to_be_hidden()
        await expect(page.locator(".months__month")).to_be_hidden()
        await page.click('.toast [data-action="undo"]')
        await counts_are(page, 3)
    await chat.leaves()


async def counts_are(page: Page, number: int) -> None:
    await expect(page.locator(".shots__count")).to_have_text(f"{number} picture{'s' if number > 1 else ''}")
    await expect(page.locator(".months__month .tabular")).to_have_text(str(number))


async def test_a_gallery_does_not_load_itself_again_in_the_middle_of_a_long_deletion(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    await fill(product.environment["DATABASE_URL"], ada, session, 30)
    lines: list[WebSocketRoute] = []
    told, may_go_on = asyncio.Event(), asyncio.Event()
    sent: list[list[str]] = []

    async def hold_back(route: Route) -> None:
        # The first 100 are more than the page shows; the others wait until the page was told that those are gone.
        sent.append(route.request.post_data_json["asset_ids"])
        if len(sent) == 3:
            await may_go_on.wait()
        await route.continue_()

    async with signed_in(browser, ada) as visitor:
        page = await visitor.context.new_page()
        await page.route_web_socket("**/ws/gallery", lambda line: passed_on(line, lines, told))
        await page.add_init_script(WITHOUT_KEEPALIVE)
        await page.route("**/pictures/deletions", hold_back)
        await page.goto(f"{product.url}/gallery")
        await expect(page.locator("gallery-view[data-live]")).to_be_attached()
        await shots(page).first.locator("a").focus()
        await page.keyboard.press("Control+a")
        await expect(page.locator('.selection [data-slot="count"]')).to_have_text("120 selected")
        await page.keyboard.press("Delete")
        # What the page had heard before, it may have asked about before.
        asked, loaded = watch_questions(page), []
        page.on("domcontentloaded", lambda shown: loaded.append(shown.url))
        told.clear()
        await until(lambda: len(sent) == 3)
        await expect(shots(page)).to_have_count(0)
        await asyncio.wait_for(told.wait(), 30)
        # What the frame had made the page do is done by the time that another answer has come to it.
        for _ in range(3):
            await page.evaluate("() => fetch('/gallery/ids').then((answer) => answer.json())")
        assert (asked, loaded) == ([], [])
        may_go_on.set()
        await expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()
        assert sorted(map(len, sent)) == [20, 50, 50]
        assert (await ada.call("GET", "/pictures"))["pictures"] == []


async def test_of_a_page_that_is_left_all_that_was_deleted_goes_and_not_only_the_first(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    await fill(product.environment["DATABASE_URL"], ada, await ada.buys("pro"), 30)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await expect(page.locator("gallery-view[data-live]")).to_be_attached()
        await shots(page).first.locator("a").focus()
        await page.keyboard.press("Control+a")
        await expect(page.locator('.selection [data-slot="count"]')).to_have_text("120 selected")
        visitor.announce("404")  # a page may just be about to load what is deleted
        await page.keyboard.press("Delete")
        await page.goto(f"{product.url}/albums")
        async with asyncio.timeout(30):
            while (await ada.call("GET", "/pictures"))["pictures"]:
                await asyncio.sleep(0.2)


async def until(holds) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


async def test_the_pages_of_albums_take_over_what_is_changed_elsewhere_and_move_nothing(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    batches = [await chat.sees_ended(await chat.generates("boats", count=4, **SMALL)) for _ in range(2)]
    made = [each for batch in batches for each in batch["generations"]]
    files = [each["assets"][0]["id"] for each in made]
    album = (await ada.call("POST", "/albums", {"name": "Boats", "asset_ids": files[:6]}))["album"]["id"]
    pictures = f"/albums/{album}/pictures"
    async with signed_in(browser, ada, viewport={"width": 320, "height": 420}) as visitor:
        page, cards = await visitor.open(f"/albums/{album}"), await visitor.open("/albums")
        for each, live in ((page, "album-editor"), (cards, "album-list")):
            await each.bring_to_front()
            await expect(each.locator(f"{live}[data-live]")).to_be_attached()
        await page.bring_to_front()
        shown = page.locator(".album-picture")
        last = page.locator(f'[data-asset="{files[5]}"]')
        await last.scroll_into_view_if_needed()
        await last.locator("a").focus()
        await page.wait_for_function("() => scrollY > 100")
        before = await last.bounding_box()
        await ada.call("POST", pictures, {"asset_ids": files[6:]})
        await expect(shown).to_have_count(8)
        await ada.call("PATCH", f"/albums/{album}", {"name": "Ships", "cover_id": files[2]})
        await expect(page.get_by_role("heading", name="Ships")).to_be_attached()
        await expect(page.locator("[data-cover]")).to_have_attribute("data-asset", files[2])
        visitor.announce_deletion(files[7])
        await chat.asks("generation.delete", generation_id=made[7]["id"])
        await ada.call("POST", f"{pictures}/remove", {"asset_ids": [files[6]]})
        await expect(shown).to_have_count(6)
        await expect(page.locator('[data-slot="count"]')).to_have_text("6 pictures and clips")
        assert await last.bounding_box() == before
        await expect(last.locator("a")).to_be_focused()
        await ada.call("POST", f"{pictures}/move", {"asset_id": files[4], "before": files[0]})
        await expect(shown.first).to_have_attribute("data-asset", files[4])
        await expect(cards.locator(".album-card")).to_contain_text(["Ships"])
        await ada.call("POST", "/albums", {"name": "Empty"})
        await expect(cards.locator(".album-card a")).to_have_text(["Empty", "Ships"])
        await ada.call("POST", f"{pictures}/remove", {"asset_ids": files[:6]})
        await expect(page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()
        await expect(page.get_by_role("button", name="Share")).to_be_hidden()
        visitor.announce("404")
        await ada.call("DELETE", f"/albums/{album}")
        await page.wait_for_url("**/albums")
        await expect(cards.locator(".album-card a")).to_have_text(["Empty"])
    await chat.leaves()


@pytest.mark.parametrize("refused", [{0, 1}, {0}, {1}], ids=["both", "the first", "the second"])
async def test_pictures_of_an_album_stand_in_the_servers_order_where_it_refuses_moves(
    product, browser, refused
) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    made = await chat.sees_ended(await chat.generates("boats", count=4, **SMALL))
    await chat.leaves()
    files = [each["assets"][0]["id"] for each in made["generations"]]
    album = (await ada.call("POST", "/albums", {"name": "Boats", "asset_ids": files}))["album"]["id"]
    asked: list[Route] = []
    answered: list[int] = []
    may_answer = asyncio.Event()

    async def answer(route: Route) -> None:
        number = len(asked)
        asked.append(route)
        await may_answer.wait()
        if number in refused:
            await route.fulfill(status=409, json={"error": {"message": "Not now."}})
        else:
            await route.continue_()

    async with signed_in(browser, ada) as visitor:
        visitor.announce("409")
        page = await visitor.context.new_page()
        # Nothing is told of what has changed, so that the page does not ask for the order anew.
        await page.route_web_socket("**/ws/gallery", lambda line: None)
        await page.route("**/pictures/move", answer)
        page.on("response", lambda got: answered.append(got.status) if got.url.endswith("/move") else None)
        await page.goto(f"{product.url}/albums/{album}")
        await page.wait_for_load_state()
        await page.get_by_role("button", name="Arrange").click()
        third = page.locator(f'[data-asset="{files[2]}"]').get_by_role("button", name="Move forward")
        await third.click()
        await third.click()
        assert await page.evaluate(ORDER) == [files[each] for each in (2, 0, 1, 3)]
        may_answer.set()
        await until(lambda: len(answered) == 2)
        await expect(page.locator("album-editor [data-slot=problem]")).to_have_text("Not now.")
        stored = [each["id"] for each in (await ada.call("GET", f"/albums/{album}/pictures"))["pictures"]]
        await page.wait_for_function(f"(stored) => ({ORDER})().join() === stored.join()", arg=stored)
        await expect(third).to_be_focused()


def passed_on(line: WebSocketRoute, lines: list[WebSocketRoute], told: asyncio.Event | None = None) -> None:
    """Lets a connection through; `told` is set with every frame that the page is sent."""
    server = line.connect_to_server()
    lines.append(line)
    if told is None:
        return

    def deliver(message: str | bytes) -> None:
        line.send(message)
        told.set()

    server.on_message(deliver)


async def top_of(page: Page, asset_id: str) -> float:
    box = await page.locator(f"#picture_{asset_id}").bounding_box()
    assert box is not None
    return box["y"]


def watch_questions(page: Page) -> list[str]:
    """The paths at which a gallery asks what fits now, as they come."""
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(urlsplit(sent.url).path) if "/gallery/state" in sent.url else None)
    return asked


async def show(page: Page, shown: bool) -> None:
    """Puts the tab out of sight, or back."""
    await page.evaluate(
        """(shown) => {
          Object.defineProperty(document, 'hidden', { configurable: true, get: () => !shown })
          document.dispatchEvent(new Event('visibilitychange'))
        }""",
        shown,
    )


async def test_on_a_phone_it_fits_and_the_chat_has_all_files_of_a_message_in_one(owner, browser) -> None:
    ada, session, made = owner
    async with signed_in(browser, ada, viewport=PHONE, has_touch=True, is_mobile=True) as visitor:
        page = await visitor.open("/gallery")
        await shots(page).nth(1).locator(".shot__select").tap()
        await shots(page).nth(2).locator("a").tap()
        await expect(page.locator('.selection [data-slot="count"]')).to_have_text("2 selected")
        assert await page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
        await page.goto(f"{ada.product.url}/sessions/{session['id']}#message_{made['a quiet harbour']['id']}")
        async with page.expect_download() as waiting:
            await page.locator(".downloads__all").first.tap()
        download = await waiting.value
        assert download.suggested_filename.startswith("quiet-harbour")
        archive = await saved(download)
        assert archive.testzip() is None and len(archive.namelist()) == 4


async def test_what_has_gone_is_selected_no_longer_and_a_selection_that_was_ended_does_not_come_back(
    product, browser
) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    made = await chat.sees_ended(await chat.generates("four boats", count=4, **SMALL))
    await chat.leaves()
    boats = [each["assets"][0]["id"] for each in made["generations"]]
    await ada.call("POST", "/pictures/favorites", {"asset_ids": boats[:3], "on": True})
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery?favorite=yes")
        await is_set_up(page)
        for asset in boats[:3]:
            await page.click(f"#picture_{asset} button")
        count = page.locator('.selection [data-slot="count"]')
        await expect(count).to_have_text("3 selected")
        # In another tab one is deleted, and another is no favourite any more: nothing is done to what is not seen.
        visitor.announce_deletion(boats[0])
        await ada.call("POST", "/pictures/deletions", {"asset_ids": [boats[0]]})
        await expect(count).to_have_text("2 selected")
        await ada.call("POST", "/pictures/favorites", {"asset_ids": [boats[1]], "on": False})
        await expect(count).to_have_text("1 selected")
        assert await page.evaluate("() => history.state.selected") == [boats[2]]
        # A selection of all that is late does not follow on its end.
        await hold_answers(page, "/gallery/ids")
        await page.keyboard.press("Control+a")
        await requests_held(page, 1)
        await page.keyboard.press("Escape")
        await release_answer(page, 0)
        await expect(page.locator(".selection")).to_be_hidden()


async def test_the_lightbox_shows_no_details_of_another_picture_and_nothing_that_is_being_deleted(
    product, browser
) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    made = await chat.sees_ended(await chat.generates("two boats", count=2, **SMALL))
    await chat.leaves()
    first, second = sorted((each["assets"][0]["id"] for each in made["generations"]), reverse=True)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await is_set_up(page)
        viewer = page.locator("dialog.viewer")
        links = viewer.locator(".downloads a")
        await page.click(f"#picture_{first} a")
        await expect(links.first).to_have_attribute("href", re.compile(first))
        # With an answer that is late, nothing leads to the file of the one before.
        await hold_answers(page, f"/gallery/pictures/{second}")
        await page.keyboard.press("ArrowRight")
        await requests_held(page, 1)
        await expect(links).to_have_count(0)
        await release_answer(page, 0)
        await expect(links.first).to_have_attribute("href", re.compile(second))
        # Forward leads to no picture that is being deleted.
        await hold_undo_periods(page)
        await viewer.locator('[data-action="remove"]').click()
        await expect(page.locator(f"#picture_{second}")).to_be_hidden()
        await page.wait_for_function("() => !history.state.picture")
        await page.go_forward()
        await page.wait_for_function("() => history.state.picture")
        await page.evaluate("() => new Promise((next) => setTimeout(next))")
        await expect(viewer).to_be_hidden()
        await page.click('.toast [data-action="undo"]')
        await expect(page.locator(f"#picture_{second}")).to_be_visible()


@pytest.mark.parametrize("how", ["away", "refused", "cut"])
async def test_what_could_not_be_fetched_is_asked_for_again_where_one_has_come_to_the_end(
    emulated_product, emulated_database_url, browser, how
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    await fill(emulated_database_url, ada, await ada.buys("pro"), 12)
    async with signed_in(browser, ada, viewport={"width": 320, "height": 420}) as visitor:
        page = await visitor.open("/gallery")
        await is_set_up(page)
        await hold_undo_periods(page)
        await lose_answers(page, "/gallery/pictures?", how)
        await page.evaluate(SCROLL_TO_THE_END)
        await answers_lost(page)
        await lose_none(page)
        await expect(shots(page)).to_have_count(32)
        await page.wait_for_function("() => window.periods.size")
        await end_periods(page)
        await expect(shots(page)).to_have_count(48)


async def test_what_is_refused_for_good_is_asked_for_no_more_and_a_sign_in_that_has_ended_leads_to_the_next(
    emulated_product, emulated_database_url, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    await fill(emulated_database_url, ada, await ada.buys("pro"), 12)
    async with signed_in(browser, ada, viewport={"width": 320, "height": 420}) as visitor:
        # Where a proxy lets no websocket through, only the answers tell.
        await visitor.context.route_web_socket("**/ws/gallery", lambda line: None)
        page = await visitor.open("/gallery")
        await expect(shots(page)).to_have_count(32)
        visitor.announce("403", "401", "404.*thumbnail")  # who has signed out sees no file either
        refuse = "**/gallery/pictures?**"
        await page.route(refuse, lambda route: route.fulfill(status=403, json={}))
        await hold_undo_periods(page)
        await page.evaluate(SCROLL_TO_THE_END)
        await expect(page.locator("toast-notice")).to_contain_text("not shown here any more")
        assert await page.evaluate("() => window.periods.size") == 0

        await page.unroute(refuse)
        await page.goto(f"{ada.product.url}/gallery")
        await expect(shots(page)).to_have_count(32)
        await visitor.context.clear_cookies()
        await page.evaluate(SCROLL_TO_THE_END)
        await page.wait_for_url("**/sign-in?next=/gallery**")
