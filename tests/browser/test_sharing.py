"""Pictures go into an album and out to a stranger on a phone, and are gone when their maker says so."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.support.axe import complaints_about
from tests.support.browser import PHONE, signed_in, visiting
from tests.support.late_answers import (
    count_of_requests,
    hold_answers,
    hold_undo_periods,
    lose_answers,
    release_answer,
    requests_held,
)
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

PROMPT = "a lighthouse by the sea"


async def shot(page: Page, name: str) -> None:
    """A picture of the page for whoever looks at it: SHARING_SHOTS names their folder."""
    if folder := os.environ.get("SHARING_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_from_a_picture_to_an_album_to_a_stranger_on_a_phone_and_gone(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", "Evening pictures")
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates(PROMPT, width=256, height=256, count=2))
    await chat.leaves()
    assets = [generation["assets"][0]["id"] for generation in message["generations"]]
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        await visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await visitor.open_session(session)

        # From the tile's menu into a new album, and from the lightbox into the same one.
        first, second = page.locator("generation-card").nth(0), page.locator("generation-card").nth(1)
        await first.hover()
        await first.locator('[data-action="menu"]').click()
        await shot(page, "menu")
        await page.get_by_role("button", name="Add to album").click()
        dialog = page.locator("album-dialog dialog")
        await dialog.get_by_label("Name of a new album").fill("Sea and sky")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("status")).to_have_text("Added to “Sea and sky”.")
        found += await complaints_about(page, "add to album")
        await shot(page, "album-dialog")
        await page.keyboard.press("Escape")
        await second.locator("a").click()
        await page.get_by_role("group", name="Actions").get_by_role("button", name="Add to album").click()
        await dialog.get_by_role("button", name=re.compile("^Sea and sky")).click()
        await expect(dialog.get_by_role("button", name=re.compile("^Sea and sky"))).to_have_attribute(
            "aria-pressed", "true"
        )
        await page.keyboard.press("Escape")

        # The album: its order, its cover, its name. In a new tab: the lightbox goes back in the history of its own.
        page = await visitor.open("/albums")
        found += await complaints_about(page, "/albums")
        await shot(page, "albums")
        await page.get_by_role("link", name="Sea and sky").click()
        await expect(page.locator(".album-picture")).to_have_count(2)
        await page.wait_for_load_state()  # its script hears of presses
        await page.get_by_role("button", name="Arrange").click()
        await page.locator(f'[data-asset="{assets[1]}"]').get_by_role("button", name="Move forward").click()
        await expect(page.locator("[data-slot=told]")).to_have_text("Now number 1 of this page.")
        await page.locator(f'[data-asset="{assets[0]}"]').get_by_role("button", name="Use as the cover").click()
        await expect(page.locator("[data-slot=told]")).to_have_text("This is the cover now.")
        found += await complaints_about(page, "an album being arranged")
        await shot(page, "album")
        await page.get_by_role("button", name="Rename").click()
        await page.get_by_label("Name").fill("Sea")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sea")
        await page.reload()
        await expect(page.locator(".album-picture").first).to_have_attribute("data-asset", assets[1])
        await expect(page.locator(f'[data-asset="{assets[0]}"]')).to_have_attribute("data-cover", "")

        # Shared with its prompts.
        await page.get_by_role("button", name="Share").click()
        dialog = page.locator("share-dialog dialog")
        await expect(dialog.get_by_role("heading")).to_have_text("Share “Sea”")
        await expect(dialog.get_by_label("The link ends")).to_have_value("30")
        found += await complaints_about(page, "share")
        await shot(page, "share-dialog")
        await dialog.get_by_text("Show the prompts").click()
        await dialog.get_by_role("button", name="Make the link").click()
        field = dialog.get_by_label("Link", exact=True)
        await expect(field).to_have_value(re.compile(rf"{product.url}/s/[\w-]{{32}}"))
        link = await field.input_value()
        await dialog.get_by_role("button", name="Copy").click()
        await page.wait_for_function("async (link) => (await navigator.clipboard.readText()) === link", arg=link)
        found += await complaints_about(page, "a link that was made")
        await shot(page, "share-done")

        async with visiting(product, browser, viewport=PHONE, has_touch=True, is_mobile=True) as stranger:
            stranger.announce("404")
            phone = await stranger.open(link.removeprefix(product.url))
            await expect(phone.get_by_role("heading", level=1)).to_have_text("Sea")
            await expect(phone.locator(".shared-tile img")).to_have_count(2)
            for each in await phone.locator(".shared-tile img").all():
                await expect(each).not_to_have_js_property("naturalWidth", 0)
            found += await complaints_about(phone, "a shared album")
            await phone.set_viewport_size(PHONE)
            await shot(phone, "stranger")
            await phone.locator(".shared-tile").first.tap()
            await expect(phone.locator(".shared-prompt")).to_contain_text(PROMPT)
            found += await complaints_about(phone, "a shared picture")
            await phone.set_viewport_size(PHONE)
            await shot(phone, "stranger-picture")
            await phone.emulate_media(color_scheme="dark")
            await shot(phone, "stranger-picture-dark")
            await phone.emulate_media(color_scheme="light")
            await phone.get_by_role("link", name="The next one").tap()
            await expect(phone.get_by_text("Picture 2 of 2")).to_be_visible()
            async with phone.expect_download() as download:
                await phone.get_by_role("link", name="Download PNG").tap()
            name = (await download.value).suggested_filename
            assert re.fullmatch(r"picture-[0-9a-f]{8}\.png", name)

            # "Use this prompt" leads a stranger to sign up, with the prompt.
            await phone.get_by_role("button", name="Use this prompt").tap()
            await phone.wait_for_url("**/start")
            await expect(phone.locator("main")).to_contain_text(PROMPT)
            await expect(phone.get_by_role("heading", level=1)).to_be_visible()
            await shot(phone, "stranger-signs-up")
            await phone.go_back()

            # All links, with their last use; revoked at the second press.
            await page.goto(f"{product.url}/shares")
            await expect(page.locator("share-row")).to_contain_text("last used")
            await expect(page.get_by_role("button", name="Change")).to_have_css("border-radius", "10px")
            found += await complaints_about(page, "/shares")
            await shot(page, "shares")
            await page.get_by_role("button", name="Change").click()
            dialog = page.locator("share-dialog dialog")
            await expect(dialog.get_by_label("Show the prompts")).to_be_checked()
            await dialog.get_by_text("Show the prompts").click()
            await dialog.get_by_label("Title").fill("The sea")
            await shot(page, "share-change")
            await dialog.get_by_role("button", name="Save").click()
            await expect(dialog.get_by_role("status")).to_have_text("Saved.")
            await page.keyboard.press("Escape")
            await expect(page.locator("share-row")).not_to_contain_text("with prompts")
            await expect(page.get_by_role("link", name="The sea")).to_be_visible()
            await expect(page.locator("share-row")).to_contain_text("Ends")
            await page.wait_for_load_state()
            await hold_undo_periods(page)  # the second press counts for five seconds
            await page.get_by_role("button", name="Revoke").click()
            await page.get_by_role("button", name="Revoke for good").click()
            await expect(page.locator("share-row .badge")).to_have_text("Revoked")
            async with asyncio.timeout(30):
                await phone.goto(link)
                while await phone.get_by_role("heading", level=1).inner_text() != "Nothing here, or not any more":
                    await phone.goto(link)
            found += await complaints_about(phone, "a link that has ended")
            await shot(phone, "stranger-gone")
    assert not found, "\n".join(found)


async def test_a_password_is_asked_once_and_a_prompt_comes_into_ones_own_session(product, browser) -> None:
    ada, grace = [await sign_up(product, name) for name in ("Ada", "Grace")]
    chat = await ada.joins(await ada.buys("pro"))
    message = await chat.sees_ended(await chat.generates(PROMPT, width=192, height=128))
    await chat.leaves()
    [asset] = message["generations"][0]["assets"]
    session = await grace.buys("flash", "Graces session")
    wanted = {"kind": "picture", "asset_ids": [asset["id"]], "prompts": True, "password": "open sesame"}
    path = (await ada.call("POST", "/shares", wanted))["share"]["path"]
    found: list[str] = []
    async with signed_in(browser, grace) as visitor:
        visitor.announce("422")
        page = await visitor.open(path)
        await expect(page.get_by_label("Password")).to_be_focused()
        found += await complaints_about(page, "a link with a password")
        await shot(page, "password")
        await page.keyboard.type("open sesam")
        await page.keyboard.press("Enter")
        await expect(page.locator(".field__error")).to_contain_text("not the right one")
        await page.get_by_label("Password").fill("open sesame")
        await page.keyboard.press("Enter")
        # It is alone, and seen whole without a press: as large as it is, and in no square of a grid.
        tile = page.locator(".shared-tile")
        assert await tile.evaluate("(each) => [each.clientWidth, each.clientHeight]") == [192, 128]
        await expect(page.locator("main")).not_to_contain_text("Download all")
        await tile.click()
        await shot(page, "picture-wide")
        await page.wait_for_load_state()  # its script keeps the prompt
        await page.get_by_role("button", name="Use this prompt in “Graces session”").click()
        await page.wait_for_url(f"**/sessions/{session['id']}*")
        await expect(page.locator("#composer-text")).to_have_value(PROMPT)
        await page.goto(product.url + path)
        await expect(page.locator(".shared-tile")).to_have_count(1)

        # One's own sessions can be shared from their cards.
        await page.goto(f"{product.url}/sessions")
        await page.get_by_role("button", name="Share your pictures of Graces session").click()
        dialog = page.locator("share-dialog dialog")
        await expect(dialog.get_by_role("heading")).to_have_text("Share your pictures of this session")
        await dialog.get_by_text("Also what is added later").click()
        await dialog.get_by_role("button", name="Make the link").click()
        await expect(dialog.get_by_label("Link", exact=True)).to_have_value(re.compile("/s/"))
    assert not found, "\n".join(found)


async def test_what_is_selected_in_the_gallery_goes_into_an_album_and_into_a_link(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    await chat.sees_ended(await chat.generates(PROMPT, count=3, width=64, height=64))
    await chat.leaves()
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await expect(page.locator("gallery-picture")).to_have_count(3)
        await page.keyboard.press("Control+a")
        await expect(page.locator(".selection__count")).to_have_text("3 selected")
        await page.get_by_role("button", name="Add to album").click()
        dialog = page.locator("album-dialog dialog")
        await dialog.get_by_label("Name of a new album").fill("Three")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("status")).to_have_text("Added to “Three”.")
        await page.keyboard.press("Escape")
        await shot(page, "gallery-selection")
        await page.locator(".selection").get_by_role("button", name="Share").click()
        dialog = page.locator("share-dialog dialog")
        await expect(dialog.get_by_role("heading")).to_have_text("Share 3 pictures and clips")
        await dialog.get_by_role("button", name="Make the link").click()
        await expect(dialog.get_by_label("Link", exact=True)).to_have_value(re.compile("/s/"))
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await page.locator("gallery-picture a").first.click()
        await page.get_by_role("group", name="Actions").get_by_role("button", name="Share").click()
        await expect(dialog.get_by_role("heading")).to_have_text("Share this picture")
        await page.keyboard.press("Escape")
        page = await visitor.open("/albums")
        await page.get_by_role("link", name="Three").click()
        await page.locator(".shared-tile").first.click()
        await page.wait_for_url("**/gallery?album=*")
        await expect(page.locator("gallery-picture").first).to_be_visible()
    links = (await ada.call("GET", "/shares"))["shares"]
    assert [(each["kind"], each["count"]) for each in links] == [("selection", 3)]


# Opens a dialog as its buttons do. On a slow line it is closed, and opened for something else, before its answers come.
OPEN = """([name, subject]) => {
  document.querySelector(`${name}-dialog dialog`).close()
  document.querySelector(`${name}-dialog`).open(subject)
}"""


async def test_a_dialog_shows_nothing_of_what_it_was_about_before(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    message = await chat.sees_ended(await chat.generates(PROMPT, count=2, width=64, height=64))
    await chat.leaves()
    first, second = [generation["assets"][0]["id"] for generation in message["generations"]]
    shares = [
        (await ada.call("POST", "/shares", {"kind": "picture", "asset_ids": [asset], "title": title}))["share"]["id"]
        for asset, title in ((first, "The first"), (second, "The second"))
    ]
    held = (await ada.call("POST", "/albums", {"name": "Held", "asset_ids": [first]}))["album"]["id"]
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        await page.locator("gallery-picture a").first.click()
        await page.get_by_role("group", name="Actions").get_by_role("button", name="Share").click()
        dialog = page.locator("share-dialog dialog")
        await hold_answers(page, "POST /api/v1/shares")
        await dialog.get_by_role("button", name="Make the link").click()
        await page.evaluate(OPEN, ["share", {"assets": [first, second]}])
        await release_answer(page, 0)
        await expect(dialog.get_by_role("heading")).to_have_text("Share 2 pictures and clips")
        await dialog.get_by_role("button", name="Make the link").click()
        await release_answer(page, 1)
        await expect(dialog.get_by_label("Link", exact=True)).to_have_value(re.compile("/s/"))

        await hold_answers(page, "GET /api/v1/shares/")
        for share in shares:
            await page.evaluate(OPEN, ["share", {"share": share}])
        await release_answer(page, 1)
        await expect(dialog.get_by_label("Title")).to_have_value("The second")
        await release_answer(page, 0)
        await expect(dialog.get_by_label("Title")).to_have_value("The second")
        await page.keyboard.press("Escape")

        await page.route("**/reports", lambda route: route.fulfill(json={"already": False}))
        await hold_answers(page, "/reports")
        report = page.locator("report-dialog dialog")
        await page.evaluate(OPEN, ["report", {"assets": [first]}])
        await report.locator("[data-slot=submit]").click()
        await page.evaluate(OPEN, ["report", {"assets": [second]}])
        await release_answer(page, 0)
        await expect(report.locator("[data-slot=submit]")).to_be_enabled()
        await page.keyboard.press("Escape")

        await hold_answers(page, "/api/v1/albums")
        albums = page.locator("album-dialog dialog")
        rows = albums.locator("[data-album]")
        for asset in (first, second):
            await page.evaluate(OPEN, ["album", {"assets": [asset]}])
        await release_answer(page, 1)
        await expect(rows).to_have_attribute("aria-pressed", "false")
        await release_answer(page, 0)
        await expect(rows).to_have_attribute("aria-pressed", "false")
        # Enter twice makes one album, and what comes of it is not told of another picture.
        await albums.get_by_label("Name of a new album").fill("New")
        for _ in range(2):
            await page.keyboard.press("Enter")
        assert await count_of_requests(page) == 3
        await page.evaluate(OPEN, ["album", {"assets": [first]}])
        await release_answer(page, 3)
        await release_answer(page, 2)
        assert held in [await row.get_attribute("data-album") for row in await rows.all()]
        await expect(albums.locator("[data-slot=told]")).to_be_empty()
    assert len((await ada.call("GET", "/albums"))["albums"]) == 2


async def test_what_is_pressed_twice_is_done_once_and_in_the_order_of_the_presses(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    message = await chat.sees_ended(await chat.generates(PROMPT, count=3, width=64, height=64))
    await chat.leaves()
    assets = [generation["assets"][0]["id"] for generation in message["generations"]]
    for each in assets[:2]:
        await ada.call("POST", "/shares", {"kind": "picture", "asset_ids": [each]})
    async with signed_in(browser, ada) as visitor:
        # A double click is no answer to whether a link is to be revoked for good.
        page = await visitor.open("/shares")
        await hold_answers(page, "DELETE /api/v1/shares")
        await hold_undo_periods(page)
        await page.get_by_role("button", name="Revoke").first.dblclick()
        assert await count_of_requests(page) == 0
        await page.get_by_role("button", name="Revoke for good").evaluate("(b) => { b.click(); b.click() }")
        assert await count_of_requests(page) == 1
        await release_answer(page, 0)
        await expect(page.locator("share-row .badge").first).to_have_text("Revoked")
        await expect(page.locator("share-row [data-slot=problem]").first).to_be_hidden()
        # The keyboard goes on with the next link.
        await expect(page.locator("share-row").nth(1).get_by_role("button", name="Change")).to_be_focused()

        await page.goto(f"{product.url}/albums")
        await hold_answers(page, "POST /api/v1/albums")
        await page.locator("new-album input").fill("Once")
        for _ in range(2):
            await page.keyboard.press("Enter")
        assert await count_of_requests(page) == 1
        await page.evaluate("() => window.held[0].release()")
        await page.wait_for_url("**/albums/*")
        album = page.url.rsplit("/", 1)[1]
        await ada.call("POST", f"/albums/{album}/pictures", {"asset_ids": assets})
        pictures = page.locator(".album-picture")
        await expect(pictures).to_have_count(3)
        last = await pictures.last.get_attribute("data-asset")
        await page.get_by_role("button", name="Arrange").click()
        await hold_answers(page, "/pictures/move")
        for _ in range(2):
            await page.locator(f'[data-asset="{last}"]').get_by_role("button", name="Move forward").click()
        await expect(pictures.first).to_have_attribute("data-asset", last or "")
        assert await count_of_requests(page) == 1
        await release_answer(page, 0)
        await release_answer(page, 1)
        await page.reload()
        await expect(pictures.first).to_have_attribute("data-asset", last or "")

        # Undo takes every press back.
        await hold_undo_periods(page)
        await page.get_by_role("button", name="Delete this album").click()
        await page.get_by_role("button", name="Delete this album").click()
        await page.get_by_role("button", name="Undo").click()
        assert await page.evaluate("() => window.periods.size") == 0


async def test_an_answer_that_breaks_off_is_told_in_words_for_people(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/albums")
        await expect(page.locator("album-list[data-live]")).to_be_attached()
        await lose_answers(page, "POST /api/v1/albums", "cut")
        await page.fill("new-album input", "Boats")
        await page.press("new-album input", "Enter")
        await expect(page.locator('new-album [data-slot="problem"]')).to_have_text(
            "The server cannot be reached right now. Please try again."
        )


@pytest.mark.parametrize("times", [1, 2])
async def test_what_is_made_and_not_heard_of_is_made_once(product, browser, times) -> None:
    """The first loss is made up for by the page itself, the second by whoever presses again."""
    ada = await sign_up(product, "Ada")
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/albums")
        await expect(page.locator("album-list[data-live]")).to_be_attached()
        await lose_answers(page, "POST /api/v1/albums", "unheard", times)
        await page.fill("new-album input", "Boats")
        await page.press("new-album input", "Enter")
        if times == 2:
            await expect(page.locator('new-album [data-slot="problem"]')).to_be_visible()
            await page.press("new-album input", "Enter")
        await page.wait_for_url("**/albums/*-*")
        assert len((await ada.call("GET", "/albums"))["albums"]) == 1

        await expect(page.locator("album-editor[data-live]")).to_be_attached()
        await lose_answers(page, "POST /api/v1/shares", "unheard", times)
        await page.evaluate("() => document.querySelector('[data-action=share]').click()")  # hidden while it is empty
        dialog = page.locator("share-dialog dialog")
        await dialog.get_by_label("Also what is added later").check()
        await dialog.get_by_role("button", name="Make the link").click()
        if times == 2:
            await expect(dialog.locator("[data-slot=problem]")).to_be_visible()
            await dialog.get_by_role("button", name="Make the link").click()
        await expect(dialog.get_by_label("Link", exact=True)).to_have_value(re.compile("/s/"))
        assert len((await ada.call("GET", "/shares"))["shares"]) == 1


async def test_a_link_that_is_changed_behind_a_closed_dialog_is_listed_as_it_is(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro"))
    made = await chat.sees_ended(await chat.generates("a red boat", width=64, height=64))
    await chat.leaves()
    source = {"kind": "picture", "asset_ids": [made["generations"][0]["assets"][0]["id"]]}
    await ada.call("POST", "/shares", {"title": "Boats", **source})
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/shares")
        await page.click('share-row [data-action="change"]')
        dialog = page.locator("share-dialog dialog")
        await expect(dialog).to_be_visible()
        await hold_answers(page, "PATCH /api/v1/shares")
        await dialog.locator('[name="title"]').fill("Ships")
        await dialog.locator('[data-slot="submit"]').click()
        await requests_held(page, 1)
        await dialog.locator('[data-action="close"]').first.click()
        await expect(dialog).to_be_hidden()
        await page.evaluate("() => void window.held[0].release()")
        await expect(page.locator(".share-row__name")).to_contain_text("Ships")


async def test_of_two_tabs_neither_takes_back_what_the_other_has_changed(product, browser) -> None:
    """The other tab is the API."""
    ada = await sign_up(product, "Ada")
    album = (await ada.call("POST", "/albums", {"name": "Boats"}))["album"]["id"]
    link = {"kind": "album", "album_id": album, "follow": True, "title": "Boats"}
    share = (await ada.call("POST", "/shares", link))["share"]["id"]
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open(f"/albums/{album}")
        await expect(page.locator("album-editor[data-live]")).to_be_attached()
        name, description = page.locator("#album-name"), page.locator("#album-description")
        await page.get_by_role("button", name="Rename").click()
        await description.fill("Of the sea")
        await ada.call("PATCH", f"/albums/{album}", {"name": "Ships"})
        await expect(page.get_by_role("heading", name="Ships")).to_be_visible()
        await page.get_by_role("button", name="Save").click()
        await expect(name).to_be_hidden()
        changed = (await ada.call("GET", f"/albums/{album}"))["album"]
        assert (changed["name"], changed["description"]) == ("Ships", "Of the sea")
        # What was typed and cancelled is not there the next time, nor what was said of it.
        await page.get_by_role("button", name="Rename").click()
        await name.fill("S" * 121)
        await page.get_by_role("button", name="Cancel").click()
        await page.get_by_role("button", name="Rename").click()
        await expect(name).to_have_value("Ships")
        await expect(page.locator("[data-over]").first).to_be_hidden()

        await page.goto(f"{product.url}/shares")
        dialog = page.locator("share-dialog dialog")
        await page.click('share-row [data-action="change"]')
        await dialog.locator('[name="title"]').fill("Ships")
        await ada.call("PATCH", f"/shares/{share}", {"downloads": False})
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.get_by_text("Saved.")).to_be_visible()
        saved = (await ada.call("GET", f"/shares/{share}"))["share"]
        assert (saved["title"], saved["downloads"]) == ("Ships", False)
        await dialog.locator('[data-action="close"]:visible').first.click()
        await expect(page.locator(".share-row__name")).to_contain_text("Ships")
        # A link that is revoked in the other tab says so, and is listed as it is.
        await page.click('share-row [data-action="change"]')
        await dialog.locator('[name="title"]').fill("Boats again")
        await ada.call("DELETE", f"/shares/{share}")
        visitor.announce("404")
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.locator("[data-slot=problem]")).to_have_text("This link was revoked. Make another one.")
        await dialog.locator('[data-action="close"]:visible').first.click()
        await expect(page.locator("share-row .badge")).to_have_text("Revoked")


async def test_a_session_with_a_long_title_does_not_widen_a_shared_picture_on_a_phone(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    chat = await ada.joins(await ada.buys("pro", "Donaudampfschifffahrt" * 3))
    made = await chat.sees_ended(await chat.generates("a red boat", width=64, height=64))
    await chat.leaves()
    asset = made["generations"][0]["assets"][0]["id"]
    wanted = {"kind": "picture", "asset_ids": [asset], "prompts": True}
    path = (await ada.call("POST", "/shares", wanted))["share"]["path"]
    async with signed_in(browser, ada, viewport=PHONE) as visitor:
        page = await visitor.open(f"{path}/{asset}")
        await expect(page.get_by_role("button", name="Use this prompt in")).to_be_visible()
        assert await page.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
        await shot(page, "long-title")
