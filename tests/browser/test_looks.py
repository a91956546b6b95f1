"""Pages and states with the longest names that there are, and with nothing on them: axe, every width, forced colours."""

import io
import os
from pathlib import Path
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Locator, Page, expect

from chatserver.audit import Actor
from chatserver.config import Config
from chatserver.database import Database
from chatserver.moderation import rules
from chatserver.moderation.rules import RuleWish
from chatserver.reports import service as reports
from chatserver.reports.models import KINDS
from tests.browser.test_focus import choices_of
from tests.browser.test_widths import WORD, named
from tests.emulators import payments
from tests.imaging import samples
from tests.support import shop as shops
from tests.support.axe import complaints_about
from tests.support.browser import signed_in, visiting
from tests.support.focus import walk
from tests.support.people import add_member, make_session, make_user, run_sql

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDTHS = (320, 390, 768, 1280, 1440)
LONG = "W" * 80
TITLE = "T" * 120
SMALL = {"width": 64, "height": 64}
ADMIN = (
    *("", "/work", "/figures", "/money", "/people", "/plans", "/plans/pro", "/orders", "/announcements", "/audit"),
    *("/rules", "/reports", "/attempts?period=7d"),
)
TABLE_IN_SIGHT = """() => {
  const table = document.querySelector('.admin-table')
  return table.scrollWidth <= table.clientWidth
}"""
NAMES_IN_ONE_LINE = """() => [...document.querySelectorAll('.compare__settings th[scope="row"]')].every((each) => {
  const words = document.createRange()
  words.selectNodeContents(each.firstChild)
  return words.getClientRects().length === 1
})"""
# What of the page is out of sight to the right, but for boxes that are pushed sideways.
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture(scope="module")
async def shop(database_url, emulator, tmp_path_factory):
    """A product with payments and mail."""
    async with shops.running(
        tmp_path_factory.mktemp("looks"),
        database_url,
        emulator.url,
        TIMING="payment_poll=3",
        SMTP_URL="smtp://127.0.0.1:1",
        MAIL_FROM="pictures@example.org",
    ) as product:
        yield product


async def look(page: Page, where: str, *, new: bool = True) -> list[str]:
    """What is wrong with a state of a page: the widths at which it can be pushed sideways, and axe's complaints where it
    is `new` to axe.

    LOOKS_SHOTS names a folder for pictures of it.
    """
    found = await complaints_about(page, where) if new else []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        if wide := await page.evaluate(SIDEWAYS):
            found.append(f"{where}: {wide} px too wide at {width} px")
    await shoot(page, where)
    return found


async def shoot(page: Page, where: str) -> None:
    if folder := os.environ.get("LOOKS_SHOTS"):
        name = where.strip("/").replace("/", "-").replace("?", "-") or "start"
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
            await page.emulate_media(color_scheme=scheme)
            await page.set_viewport_size({"width": width, "height": 800})
            await page.wait_for_timeout(150)
            await page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
        await page.emulate_media(color_scheme="light")
        await page.set_viewport_size({"width": 1280, "height": 800})


async def visit(page: Page, path: str, where: str = "", *, new: bool = True) -> list[str]:
    await page.goto(urljoin(page.url, path))
    return await look(page, where or path, new=new)


@pytest.fixture(scope="module")
async def ada(shop):
    return await named(shop, LONG)


@pytest.fixture(scope="module")
async def made(shop, database, ada):
    """A session of the longest title and four pictures of the longest word."""
    session = {"id": await make_session(database, ada.id, "pro")}
    await ada.call("PATCH", f"/sessions/{session['id']}", {"title": TITLE})
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates(WORD, count=4, **SMALL))
    await chat.leaves()
    return session, [generation["assets"][0] for generation in message["generations"]]


async def test_pages_with_nothing_on_them_yet(shop, browser) -> None:
    bob = await named(shop, LONG)
    found: list[str] = []
    async with signed_in(browser, bob) as visitor:
        page = await visitor.open("/sessions")
        for path in (
            "/gallery",
            "/gallery?q=boat",
            "/gallery?show=uploads",
            "/albums",
            "/shares",
            "/orders",
            "/history",
        ):
            found += await visit(page, path, f"{path}, empty")
        album = (await bob.call("POST", "/albums", {"name": TITLE[:80]}))["album"]["id"]
        found += await visit(page, f"/albums/{album}", "an empty album")
    async with visiting(shop, browser) as stranger:
        page = await stranger.open("/forgot")
        found += await look(page, "/forgot", new=False)
        await page.fill("[name=email]", f"{LONG[:50]}@example.org")
        await page.click("main button[type=submit]")
        found += await look(page, "/forgot, sent")
        found += await visit(page, "/verify", new=False)
    assert not found, "\n".join(found)


async def test_the_gallery_its_albums_and_what_a_stranger_sees_of_them(shop, browser, ada, made) -> None:
    session, pictures = made
    assets = [picture["id"] for picture in pictures]
    album = (await ada.call("POST", "/albums", {"name": LONG, "description": WORD[:400], "asset_ids": assets}))[
        "album"
    ]["id"]
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/gallery")
        shots = page.locator("gallery-picture")
        for index in (0, 1):
            await shots.nth(index).locator(".shot__select").click()
        found += await look(page, "the gallery, two selected", new=False)
        await page.emulate_media(forced_colors="active")
        found += [f"the gallery with forced colours: {each}" for each in await walk(page, set())]
        seen, alike = await choices_of(page)
        found += [f"with forced colours it is not seen that this is chosen: {each}" for each in alike]
        assert seen >= {"shot__select", "tabs__tab", "chip"}, seen
        await page.emulate_media(forced_colors="none")
        await page.click('.selection [data-action="album"]')
        await expect(page.locator("album-dialog dialog")).to_be_visible()
        found += await look(page, "add to album", new=False)
        await page.keyboard.press("Escape")
        await page.click('.selection [data-action="share"]')
        dialog = page.locator("share-dialog dialog")
        await expect(dialog).to_be_visible()
        await dialog.locator("#share-password").fill("between us")
        found += await look(page, "share", new=False)
        await dialog.get_by_role("button", name="Make the link").click()
        await expect(dialog.get_by_label("Link", exact=True)).to_be_visible()
        link = await dialog.get_by_label("Link", exact=True).input_value()
        found += await look(page, "a link that was made", new=False)
        await page.keyboard.press("Escape")
        found += await visit(page, f"/gallery/compare?first={assets[0]}&second={assets[1]}", "compare", new=False)
        assert await page.evaluate(NAMES_IN_ONE_LINE), "the names of settings beside a prompt of one word"
        await page.get_by_role("radio", name="Side by side").click()
        found += await look(page, "compare, side by side")
        for path in ("/albums", f"/albums/{album}", "/shares"):
            found += await visit(page, path, path.replace(album, "one"), new=False)
        await page.goto(f"{shop.url}/sessions/{session['id']}")
        await page.click('.composer__mode[data-mode="image"]')
        await page.click('[data-setting="source"]')
        await expect(page.locator("source-chooser .sources")).to_be_visible()
        found += await look(page, "sources")
    file = (await ada.fetch(pictures[0]["download_url"]))[2]
    async with visiting(shop, browser) as stranger:
        page = await stranger.open(link.removeprefix(shop.url))
        found += await look(page, "a link with a password", new=False)
        await page.fill("[type=password]", "between us")
        await page.click("main button[type=submit]")
        await expect(page.locator("main img").first).to_be_visible()
        found += await look(page, "what was shared", new=False)
        await page.locator("main a:has(img)").first.click()
        found += await look(page, "a picture that was shared", new=False)
        await page.goto(f"{shop.url}/verify")
        for data, where in ((file, "made here"), (samples.picture("PNG", (64, 64)), "unknown")):
            payload: FilePayload = {"name": "x.png", "mimeType": "image/png", "buffer": data}
            await page.set_input_files("input[type=file]", payload)
            await page.click("main button[type=submit]")
            await expect(page.locator(".verdict")).to_be_visible()
            found += await look(page, f"/verify, {where}")
    assert not found, "\n".join(found)


async def test_switches_and_the_slider_of_two_pictures_are_seen_in_the_dark_and_with_forced_colours(
    shop, browser, ada, made
) -> None:
    first, second, *_ = [picture["id"] for picture in made[1]]
    async with signed_in(browser, ada, color_scheme="dark", reduced_motion="reduce") as visitor:
        page = await visitor.open(f"/gallery/compare?first={first}&second={second}")
        track = await pixels(page.locator(".compare__range input"))
        assert sum(track.getpixel((track.width - 8, track.height // 2))) < 384, "a white track in the dark"
        await page.emulate_media(forced_colors="active", color_scheme="dark", reduced_motion="reduce")
        stage = await pixels(page.locator(".compare__stage"))
        middle = stage.crop((stage.width // 2 - 1, 0, stage.width // 2 + 1, stage.height))
        assert {colour for _, colour in middle.getcolors()} == {(255, 255, 255)}, "the line between the two pictures"
        await page.goto(f"{shop.url}/gallery")
        await page.locator(".shot__select").first.click()
        await page.click('.selection [data-action="share"]')
        switch = page.locator("share-dialog").get_by_role("switch").first
        on = await pixels(switch)
        await switch.click()
        off = await pixels(switch)
        assert len(on.getcolors(10_000)) > 1
        assert len(off.getcolors(10_000)) > 1
        assert on.tobytes() != off.tobytes()


async def pixels(part: Locator) -> Image.Image:
    return Image.open(io.BytesIO(await part.screenshot())).convert("RGB")


async def test_what_operators_decide_with_many_rows_and_the_longest_words(shop, database, browser, ada) -> None:
    session = {"id": await make_session(database, ada.id, "pro")}
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates(WORD, count=4, **SMALL))
    await chat.leaves()
    pictures = [generation["assets"][0]["id"] for generation in message["generations"]]
    grace = await named(shop, "G" * 80)
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    await report_and_decide(
        database, Actor(id=grace.id, name=grace.name, address="2001:db8::1"), session["id"], pictures
    )
    found: list[str] = []
    async with signed_in(browser, grace) as operator:
        page = await operator.open("/admin")
        for path in ("/reports", "/reports?state=decided", "/rules", "/audit"):
            found += await visit(page, f"/admin{path}", f"/admin{path}, full")
    assert not found, "\n".join(found)


async def report_and_decide(database: Database, operator: Actor, session_id: str, pictures: list[str]) -> None:
    """Twelve people report three pictures in long words, of which one is hidden; twelve rules; and what comes of both."""
    for number in range(12):
        reporter = await make_user(database, f"{LONG[:78]}{number:02}")
        await add_member(database, session_id, reporter)
        for picture in pictures[:3]:
            wanted = ("picture", picture, KINDS[number % len(KINDS)], f"{WORD[:300]} {number}", reporter)
            await database.run_as(reporter, reports.report, *wanted, Config().hours_by_report_kind)
    await database.run_system(reports.decide, operator, pictures[0], "hide", WORD[:400], "")
    for number in range(12):
        wish = RuleWish(terms=[f"{WORD[:60]}{number}", "red boat", "kite", "sea"], plans=["pro"], message=WORD[:290])
        await database.run_system(rules.add, operator, wish)
    await run_sql(
        database,
        """UPDATE prompt_rules SET enabled = true, tried_at = now(), tried_since = now() - interval '30 days',
                  tried_all = true, tried_prompts = 123456, tried_refused = 1234 WHERE terms[1] LIKE '%1'""",
    )


async def test_purchases_and_the_operators_pages(shop, emulator, database, browser, ada) -> None:
    grace = await named(shop, "G" * 80)
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    found: list[str] = []
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/plans")
        await page.get_by_role("button", name="Pay with Stripe for Pro").click()
        await page.wait_for_url(f"{emulator.url}/pay/*")
        [order] = await run_sql(database, "SELECT id, gateway_id FROM orders")
        await page.goto(f"{shop.url}/orders/{order['id']}")
        found += await look(page, "an order that awaits its payment")
        await page.goto(f"{shop.url}/plans")
        await page.get_by_role("button", name="Pay with Razorpay for Flash", exact=True).click()
        await page.wait_for_url(f"{emulator.url}/pay/*")
        await page.get_by_role("button", name="Pay", exact=True).click()
        await page.wait_for_url(f"{shop.url}/sessions/*", timeout=30_000)
        [paid] = await run_sql(database, "SELECT id, gateway_id FROM orders WHERE gateway = 'razorpay'")
        found += await visit(page, "/orders", new=False)
        found += await visit(page, f"/orders/{paid['id']}", "a receipt", new=False)
    async with signed_in(browser, grace) as operator:
        page = await operator.open("/admin")
        await page.goto(f"{shop.url}/admin/orders")
        for path in ADMIN:
            found += await visit(page, f"/admin{path}", new=False)
            if path == "/people":
                await page.set_viewport_size({"width": 1280, "height": 800})
                assert await page.evaluate(TABLE_IN_SIGHT), "the columns beside a long name"
        found += await visit(page, f"/admin/people/{ada.id}", "a person")
    assert not found, "\n".join(found)
