"""Replies that break off, are stopped, or are asked for again, and words that are sent again: as people see them."""

import threading

import pytest
from playwright.async_api import expect

from tests.emulators.huggingface import Stream
from tests.support.axe import complaints_about
from tests.support.browser import PHONE, signed_in
from tests.support.story import sign_up

pytestmark = pytest.mark.browser

REPLY = 'chat-message[data-author-kind="assistant"]'
MINE = 'chat-message[data-author-kind="user"]'


async def say(page, text):
    await page.fill("#composer-text", text)
    await page.press("#composer-text", "Enter")


async def test_a_broken_reply_is_tried_again_and_every_version_is_kept_for_everyone(
    emulated_product, emulator, browser
) -> None:
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    emulator.script(
        "chat",
        [
            Stream("Half an answer to this", ending="cut"),
            Stream("A whole answer"),
            Stream("An answer to the other words"),
            Stream("And a better one"),
        ],
    )
    async with signed_in(browser, ada) as seat, signed_in(browser, bob) as other:
        page, watching = await seat.open_session(session), await other.open_session(session)
        await say(page, "@assistant hello")
        card = page.locator(f"{REPLY} .message__card")
        await expect(card).to_contain_text("broke in the middle")
        await expect(page.locator(f"{REPLY} .message__text")).to_have_text("Half an answer")
        await expect(page.locator(REPLY)).not_to_contain_text("Ask again")
        assert await complaints_about(page, "a reply") == []
        # Bob was not answered, and is not the owner.
        await expect(watching.locator(f'{REPLY} [data-action="regenerate"]').first).to_be_hidden()
        await card.get_by_role("button", name="Try again").click()
        for each in (page, watching):
            await expect(each.locator(f"{REPLY} .message__text")).to_have_text("A whole answer")
            await expect(each.locator(f"{REPLY} .message__versions")).to_have_text("2 of 2")
        back = page.locator(f'{REPLY} [aria-label="Version before"]')
        await back.focus()
        await page.keyboard.press("Enter")
        for each in (page, watching):
            await expect(each.locator(f"{REPLY} .message__text")).to_have_text("Half an answer")
        assert await page.evaluate("document.activeElement.closest('.message__versions') !== null")
        await page.locator(f'{REPLY} [aria-label="Next version"]').click()
        await expect(watching.locator(f"{REPLY} .message__text")).to_have_text("A whole answer")
        # Screen readers say what others write, and each end of a reply once; not that another version is shown.
        ends = ["The answer of Assistant broke off.", "Assistant answered."]
        await expect(page.locator("live-region p")).to_have_text(ends)
        await expect(watching.locator("live-region p")).to_have_text(["Ada: @assistant hello", *ends])
        # Words sent again, after Escape has left them as they were.
        await page.locator(MINE).hover()
        await page.locator(f'{MINE} [data-action="edit"]').click()
        await expect(page.locator(".message__edit textarea")).to_be_focused()
        await page.keyboard.press("Escape")
        # Enter sends from the text; on the button that cancels it cancels.
        await page.locator(f'{MINE} [data-action="edit"]').click()
        await page.locator('.message__edit [data-action="cancel-edit"]').focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(f'{MINE} [data-action="edit"]')).to_be_focused()
        await page.locator(f'{MINE} [data-action="edit"]').click()
        field = page.locator(".message__edit textarea")
        await expect(field).to_have_value("@assistant hello")
        await field.fill("@assistant *other* words")
        assert await complaints_about(page, "a reply") == []
        # What was changed in them is there again after a reload.
        await page.reload()
        await page.locator(MINE).hover()
        await page.locator(f'{MINE} [data-action="edit"]').click()
        await expect(field).to_have_value("@assistant *other* words")
        # Enter twice before the answer sends them once.
        await field.evaluate("({ form }) => { form.requestSubmit(); form.requestSubmit() }")
        for each in (page, watching):
            await expect(each.locator(f"{MINE} .message__text")).to_have_text("@assistant other words")
            await expect(each.locator(f"{MINE} .message__versions")).to_have_text("2 of 2")
            await expect(each.locator(f"{REPLY} .message__text")).to_have_text("An answer to the other words")
        await page.locator(REPLY).hover()
        await page.locator(f'{REPLY} [data-action="regenerate"]').click()
        await expect(watching.locator(f"{REPLY} .message__text")).to_have_text("And a better one")
        await watching.reload()
        await expect(watching.locator(f"{REPLY} .message__text")).to_have_text("And a better one")
        await watching.locator(f'{MINE} [aria-label="Version before"]').click()
        for each in (page, watching):
            await expect(each.locator(f"{REPLY} .message__text")).to_have_text("A whole answer")
            await expect(each.locator("chat-message")).to_have_count(2)


@pytest.mark.parametrize("has_lost_blocks", [False, True])
async def test_an_ended_reply_is_whole_also_where_the_page_has_lost_blocks(
    emulated_product, emulator, browser, has_lost_blocks
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    looked = threading.Event()
    written = "First *block* of it.\n\nSecond one.\n\n" + "and so on " * 12 + "at last"
    emulator.script("chat", [Stream(written, pause=0.1, waits={"last": looked})])
    async with signed_in(browser, ada) as seat:
        page = await seat.open_session(session)
        await say(page, "tell me")
        text = page.locator(f"{REPLY} .message__text")
        await expect(text.locator(":scope > p")).to_have_count(2)
        if has_lost_blocks:
            await text.evaluate("(node) => { node.firstElementChild.remove(); node.dataset.closed = 1 }")
        looked.set()
        await expect(page.locator(REPLY)).to_have_attribute("data-status", "done", timeout=30_000)
        words = ["First block of it.", "Second one.", "and so on " * 12 + "at last"]
        await expect(text.locator(":scope > p")).to_have_text(words)
        assert await text.locator("em").all_inner_texts() == ["block"]


async def test_what_is_written_while_the_page_goes_to_the_newest_is_shown_too(
    emulated_product, emulator, browser
) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    emulator.script("chat", [Stream("three\n\n" * 100, pause=0)])
    async with signed_in(browser, ada, viewport=PHONE) as seat:
        page = await seat.open_session(session)
        await say(page, "count")
        await expect(page.locator(REPLY)).to_have_attribute("data-status", "done")
        scroller, newest = page.locator(".stream__scroll"), page.locator(".stream__new")
        await scroller.evaluate("(node) => node.scrollTo(0, 0)")
        await expect(newest).to_be_visible()
        # More comes once it is under way, in a frame of its own.
        await scroller.evaluate(
            """(node) => node.addEventListener("scroll", () => requestAnimationFrame(() => {
                 node.querySelector("chat-message:last-of-type .message__text").append(
                   ...Array.from({ length: 60 }, () => Object.assign(document.createElement("p"), { textContent: "more" })))
               }), { once: true })"""
        )
        await newest.click()
        await expect(scroller.get_by_text("more").last).to_be_in_viewport()
        await expect(newest).to_be_hidden()


# The stream grows faster than a busy machine draws it.
@pytest.mark.alone
async def test_a_stopped_reply_says_so_and_the_way_to_the_newest_is_there(emulated_product, emulator, browser) -> None:
    ada = await sign_up(emulated_product, "Ada")
    session = await ada.buys("pro")
    emulator.script("chat", [Stream("One, two,\n\n" + "three\n\n " * 3000, pause=0.01), Stream("and four.")])
    async with signed_in(browser, ada, viewport=PHONE) as seat:
        page = await seat.open_session(session)
        await say(page, "count")
        newest, reply = page.locator(".stream__new"), page.locator(REPLY)
        await page.wait_for_function("() => document.querySelector('.stream__scroll').scrollHeight > 2500")
        await expect(newest).to_be_hidden()
        await page.evaluate("document.querySelector('.stream__scroll').scrollTop = 0")
        await expect(newest).to_be_visible()
        await expect(newest).to_have_text("")
        box = await newest.bounding_box()
        assert box and box["width"] == box["height"] >= 40
        await newest.click()
        await expect(newest).to_be_hidden()
        await reply.locator('[data-action="stop"]').click()
        await expect(reply.locator(".message__ended")).to_contain_text("Stopped.")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.locator(REPLY).last.locator(".message__text")).to_have_text("and four.")
        sent = emulator.calls("chat")[-1].document["messages"]
        assert "topped" not in sent[-2]["content"]
