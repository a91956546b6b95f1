"""The history of what one has made, live, and the way from it to a picture."""

import pytest
from playwright.async_api import expect

from tests.emulators.huggingface import Queue
from tests.support.browser import signed_in
from tests.support.late_answers import end_periods, hold_undo_periods
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

SMALL = {"width": 256, "height": 256}


async def test_a_row_ends_while_one_looks_and_leads_to_its_picture(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    # Both: the second is begun as soon as the first is cancelled.
    emulator.script("text-to-image", [Queue(steps=10_000) for _ in range(2)])
    made = await chat.generates("a quiet lake", count=2, **SMALL)
    async with signed_in(browser, ada) as visitor:
        page = await visitor.open("/history")
        rows = page.locator(".history-batch > li")
        await expect(rows).to_have_count(2)
        # What is being deleted is not replaced: its Undo would go with it.
        await hold_undo_periods(page)
        await rows.first.locator('[data-action="delete"]').click()
        for generation in made["generations"]:
            await chat.asks("generation.cancel", generation_id=generation["id"])
        await expect(rows.last).to_have_attribute("data-status", "cancelled")
        await rows.first.locator('[data-action="undo"]').click()
        await expect(page.locator('.history-batch > li[data-status="cancelled"]')).to_have_count(2)
        emulator.reset()
        await chat.sees_ended(await chat.generates("a red kite", **SMALL))
        await page.reload()
        await page.click("text=a red kite")
        await expect(page.locator("dialog.viewer")).to_be_visible()
        await expect(page.locator("dialog.viewer")).to_contain_text("a red kite")
    await chat.leaves()


async def test_what_another_tab_has_deleted_goes_without_a_complaint(product, browser) -> None:
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    made = await chat.sees_ended(await chat.generates("two lakes", count=2, **SMALL))
    await chat.leaves()
    first, second = made["generations"]
    async with signed_in(browser, ada) as visitor:
        visitor.announce("404")  # the second deletion, and pictures that a page is just about to load
        page = await visitor.open("/history")
        await hold_undo_periods(page)
        row = page.locator(f"#row_generation_{first['id']}")
        await row.locator('[data-action="delete"]').click()
        await ada.call("DELETE", f"/generations/{first['id']}")
        await end_periods(page)
        await expect(row).to_have_count(0)

        page = await visitor.open_session(session)
        await hold_undo_periods(page)
        card = page.locator(f"#generation_{second['id']}")
        await card.hover()
        await card.locator('[data-action="menu"]').click()
        await page.locator('.picture-menu [data-action="remove"]').click()
        await expect(card.locator('[data-action="keep"]')).to_be_visible()
        await ada.call("DELETE", f"/generations/{second['id']}")
        await expect(card).to_have_count(0)
        assert await end_periods(page) == 0
