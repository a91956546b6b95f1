"""The second half of a picture's life: found, compared, varied, made larger, put into an album, shown, taken back."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Page, expect

from chatserver.runtime import clock
from tests.gallery.pictures import id_at
from tests.support.browser import LIVE, PAINTING_MS, PHONE, TEXT, signed_in, visiting
from tests.support.late_answers import hold_undo_periods
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

# Ids tell when something was made: the one picture that exists is given others.
MAKE_OLDER = """
SET session_replication_role = replica;
UPDATE generations SET id = '{generation}', created_at = created_at - interval '35 days' WHERE id = '{old_generation}';
UPDATE prompts SET generation_id = '{generation}' WHERE generation_id = '{old_generation}';
UPDATE pictures SET asset_id = '{asset}', generation_id = '{generation}' WHERE asset_id = '{old_asset}';
UPDATE assets SET id = '{asset}', generation_id = '{generation}' WHERE id = '{old_asset}';
"""


async def make_older(url: str, generation: dict[str, Any]) -> str:
    """Moves a finished picture into the month before last; its file's id."""
    long_ago = clock.now() - timedelta(days=35)
    asset = id_at(long_ago)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            MAKE_OLDER.format(
                generation=id_at(long_ago),
                old_generation=generation["id"],
                asset=asset,
                old_asset=generation["assets"][0]["id"],
            )
        )
    finally:
        await connection.close()
    return asset


def tile(page: Page, asset: str) -> Any:
    return page.locator(f"#picture_{asset}")


async def test_from_last_months_picture_to_a_stranger_on_a_phone_and_gone(product, browser, postgres_server) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro", "Sea pictures")
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a lighthouse by the sea", width=512, height=512))
    await chat.sees_ended(await chat.generates("a fox in the snow", width=256, height=256))
    await chat.leaves()
    url = postgres_server.admin_url_of(product.environment["DATABASE_URL"])
    old = await make_older(url, message["generations"][0])
    async with signed_in(browser, ada, service_workers="allow") as visitor:
        # Found by words, under the heading of its own day.
        page = await visitor.open("/gallery")
        await expect(page.locator("gallery-picture")).to_have_count(2)
        await page.get_by_role("searchbox").fill("light sea")
        await page.keyboard.press("Enter")
        await expect(page.locator("gallery-picture")).to_have_count(1)
        await expect(tile(page, old)).to_be_visible()

        # Compared with today's.
        await page.get_by_role("searchbox").fill("")
        await page.keyboard.press("Enter")
        await expect(page.locator("gallery-picture")).to_have_count(2)
        await page.wait_for_load_state()  # its script hears of presses
        for each in await page.locator("gallery-picture .shot__select").all():
            await each.click()
        await page.get_by_role("button", name="Compare").click()
        await expect(page.locator("tr[data-differs]").first).to_be_visible()

        # Varied, in the session that is said.
        await page.goto(f"{product.url}/gallery?q=light")
        await tile(page, old).locator("a").click()
        await page.locator("dialog.viewer").get_by_role("link", name="Vary").click()
        await page.wait_for_selector(LIVE, state="attached")
        await expect(page.locator(TEXT)).to_have_value("a lighthouse by the sea")
        await page.press(TEXT, "Enter")
        varied = page.locator(".batch:has(.batch__source) generation-card")
        await expect(varied).to_have_attribute("data-status", "done", timeout=PAINTING_MS)

        # Made larger: a version beside it, in its size.
        await varied.hover()
        await varied.locator('[data-action="menu"]').click()
        await page.locator('.picture-menu [data-action="enlarge"]:visible').first.click()
        await expect(page.locator(".batch:has(.batch__source) .strip__size")).to_have_count(1)
        newest = page.locator(".batch:has(.batch__source) generation-card:not([data-local-behind])")
        await expect(newest).to_have_attribute("data-status", "done", timeout=PAINTING_MS)
        larger = await newest.get_attribute("data-asset")
        assert larger is not None

        # Both into an album, and the album to whoever has the link.
        await page.goto(f"{product.url}/gallery?q=light")
        for asset in (old, larger):
            await tile(page, asset).locator(".shot__select").click()
        await page.get_by_role("button", name="Add to album").click()
        await page.locator("album-dialog dialog").get_by_label("Name of a new album").fill("Lights")
        await page.keyboard.press("Enter")
        await expect(page.locator("album-dialog dialog").get_by_role("status")).to_have_text("Added to “Lights”.")
        page = await visitor.open("/albums")
        await page.get_by_role("link", name="Lights").click()
        await page.wait_for_load_state()
        await page.get_by_role("button", name="Share").click()
        dialog = page.locator("share-dialog dialog")
        await dialog.get_by_role("button", name="Make the link").click()
        field = dialog.get_by_label("Link", exact=True)
        await expect(field).to_have_value(re.compile("/s/"))
        link = (await field.input_value()).removeprefix(product.url)

        async with visiting(product, browser, "404", viewport=PHONE, has_touch=True, is_mobile=True) as stranger:
            phone = await stranger.open(link)
            await expect(phone.locator(".shared-tile img")).to_have_count(2)
            await phone.locator(".shared-tile").first.tap()
            await expect(phone.get_by_text("Picture 1 of 2")).to_be_visible()
            picture = phone.url.removeprefix(product.url)
            page = await visitor.open("/shares")
            await hold_undo_periods(page)  # the second press counts for five seconds
            await page.get_by_role("button", name="Revoke").click()
            await page.get_by_role("button", name="Revoke for good").click()
            await expect(page.locator("share-row .badge")).to_have_text("Revoked")
            for path in (link, picture):
                async with asyncio.timeout(30):
                    while (answer := await phone.goto(product.url + path)) is None or answer.status != 404:
                        pass
