"""A picture is reported by a guest, hidden by an operator while everybody looks on, and restored."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_admin import as_worker
from tests.support import product as products
from tests.support.axe import complaints_about
from tests.support.browser import PAINTING_MS, PHONE, TEXT, say, signed_in, visiting
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

WITHIN = 5_000  # milliseconds: what is hidden is gone everywhere by then
REASON = "Somebody else made this."


@pytest.fixture(scope="module")
async def database_url(postgres_server):
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="module")
async def reported_product(database_url, tmp_path_factory):
    """A product of its own, with the operator's database."""
    async with products.running(tmp_path_factory.mktemp("reports"), DATABASE_URL=database_url) as running:
        yield running


async def shot(page: Page, name: str) -> None:
    """A picture of the page for whoever looks at it: REPORT_SHOTS names their folder."""
    if folder := os.environ.get("REPORT_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def decide(operator: Page, label: str, reason: str) -> None:
    button = operator.get_by_role("button", name=label, exact=True).first
    question = await button.get_attribute("popovertarget")
    await button.click()
    await operator.locator(f"#{question}").get_by_label("Reason").fill(reason)
    await shot(operator, f"admin-{label.lower()}")
    await operator.locator(f"#{question} button[type=submit]").click()


async def open_report(page: Page) -> None:
    await page.locator("generation-card").hover()
    await page.locator('[data-action="menu"]').first.click()
    await page.locator("picture-menu").get_by_text("Report", exact=True).click()


async def test_a_guest_reports_a_picture_and_it_is_gone_for_everybody_until_it_is_restored(
    reported_product, database_url, browser
) -> None:
    grace, ada, bob = [await sign_up(reported_product, name) for name in ("Grace", "Ada", "Bob")]
    await as_worker(database_url, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a red boat", width=256, height=256))
    await chat.leaves()
    asset = message["generations"][0]["assets"][0]["id"]
    link = (await ada.call("POST", "/shares", {"kind": "picture", "asset_ids": [asset]}))["share"]["path"]
    found: list[str] = []
    async with (
        signed_in(browser, grace, viewport=PHONE) as operator,
        signed_in(browser, ada) as first,
        signed_in(browser, bob) as second,
        visiting(reported_product, browser, "404") as stranger,
    ):
        overview, queue = await operator.open("/admin"), await operator.open("/admin/reports")
        await expect(queue.get_by_role("heading", name="Nothing waits for you")).to_be_visible()
        tabs = [await first.open_session(session), await second.open_session(session)]
        await tabs[0].locator('[data-action="menu"]').first.click()
        await expect(tabs[0].locator("picture-menu").get_by_text("Report", exact=True)).to_be_hidden()
        await tabs[0].keyboard.press("Escape")

        # The guest reports it, twice: the second press says so. What was typed is there again after Esc, until it was sent.
        dialog = tabs[1].locator("report-dialog dialog")
        words = dialog.get_by_label("In your words")
        for told in ("Thank you.", "You have reported it already."):
            await open_report(tabs[1])
            await expect(words).to_have_value("")
            await words.fill("This is my boat.")
            await tabs[1].keyboard.press("Escape")
            await open_report(tabs[1])
            await expect(words).to_have_value("This is my boat.")
            await dialog.get_by_label("What is wrong with it?").select_option("illegal")
            found += await complaints_about(tabs[1], "report")
            await shot(tabs[1], "dialog")
            await dialog.get_by_role("button", name="Report", exact=True).click()
            await expect(dialog.get_by_role("status")).to_contain_text(told)
            await dialog.locator(".dialog__form").get_by_role("button", name="Close").click()

        # The operator's pages follow by themselves; the picture is blurred until it is wanted.
        await expect(overview.locator("#todo")).to_contain_text("Decide on 1 reported thing")
        await expect(queue.get_by_text("This is my boat.")).to_be_visible()
        picture = queue.get_by_alt_text("The reported picture")
        await expect(picture).to_have_css("filter", "blur(20px) grayscale(1)")
        await shot(queue, "admin-blurred")
        found += await complaints_about(queue, "the queue")
        await queue.get_by_text("Show", exact=True).click()
        await expect(picture).to_have_css("filter", "none")

        # Hidden: gone from both tabs, for the guest in the open lightbox too, and from the public link.
        shared = await stranger.open(link)
        await expect(shared.locator("main img").first).to_be_visible()
        await tabs[1].locator('[data-action="open"]').first.click()
        await expect(tabs[1].locator("dialog.viewer")).to_be_visible()
        await decide(queue, "Hide", REASON)
        for tab in tabs:
            await expect(tab.locator("generation-card")).to_contain_text(REASON, timeout=WITHIN)
            await expect(tab.locator("img.tile__picture")).to_have_count(0)
        await expect(tabs[1].locator("dialog.viewer")).to_be_hidden()
        await shot(tabs[0], "hidden")
        found += await complaints_about(tabs[0], "a hidden picture")
        await shared.reload()
        await expect(shared.locator("main")).to_contain_text("Nothing here, or not any more")
        for person in (ada, bob):
            assert (await person.fetch(f"/files/{asset}/thumbnail.webp"))[0] == 404
        told = await first.open("/settings/decisions")
        await expect(told.locator("main")).to_contain_text(REASON)
        await shot(told, "told")

        # Restored where it was.
        await queue.goto(f"{reported_product.url}/admin/reports?state=decided")
        await decide(queue, "Restore", "It was hers after all.")
        for tab in tabs:
            await expect(tab.locator("img.tile__picture")).to_have_count(1, timeout=WITHIN)
        await shared.reload()
        await expect(shared.locator("main img").first).to_be_visible()
    assert found == []


async def test_a_prompt_that_a_rule_refuses_stays_in_the_composer_costs_nothing_and_says_why(
    reported_product, database_url, browser
) -> None:
    why = "No dragons on this site."
    await as_worker(
        database_url,
        """INSERT INTO prompt_rules (id, terms, message, enabled, tried_at)
           VALUES (gen_random_uuid(), '{dragon*}', $1, true, now())""",
        why,
    )
    cyd = await sign_up(reported_product, "Cyd")
    session = await cyd.buys("flash")
    async with signed_in(browser, cyd, announced="403") as visitor:
        page = await visitor.open_session(session)
        await page.click('.composer__mode[data-mode="image"]')
        send = page.locator(".composer__send")
        await expect(send).to_have_text("Create 1 · 1 of 8 credits")
        await say(page, "two Dragons over a harbour")
        problem = page.get_by_role("alert").filter(has_text=why)
        await expect(problem).to_be_visible()
        await expect(page.locator(TEXT)).to_have_value("two Dragons over a harbour")
        await expect(page.locator(TEXT)).to_be_focused()
        await expect(page.locator("generation-card")).to_have_count(0)
        await page.reload()
        await expect(page.locator(TEXT)).to_have_value("two Dragons over a harbour")
        await expect(send).to_have_text("Create 1 · 1 of 8 credits")
        # Put in other words, it is made.
        await say(page, "two kites over a harbour")
        await expect(page.locator("generation-card .tile__open")).to_be_visible(timeout=PAINTING_MS)
        await expect(problem).to_be_hidden()
        await expect(page.locator(TEXT)).to_have_value("")
