"""One drawing: a page that was open all the time, one that hears everything twice, and a fresh one show the same.

The services are emulated, so that a picture stays in a stage for as long as a test looks at it.
"""

import asyncio
import contextlib
import difflib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.emulators.huggingface import Emulator, Fail, Hang, Queue, Stream
from tests.support.browser import LIVE, Visitor, say, signed_in
from tests.support.story import SessionSocket, sign_up

pytestmark = pytest.mark.browser

MARKDOWN = (
    "A **list** & <b>more</b>:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |"
)
SMALL = {"width": 64, "height": 64}
ENDLESS_SECONDS = 60.0

HEAR_TWICE = """
  const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage')
  const frames = window.heard = []
  Object.defineProperty(WebSocket.prototype, 'onmessage', { set(listener) {
    set.call(this, (event) => { listener(event); listener(event); frames.push(() => listener(event)) })
  } })"""
HEAR_ALL_AGAIN = "() => { for (const again of [...heard, ...[...heard].reverse()]) again() }"

# The stream as an outline, without what differs in time or by the window: seconds and places, numbers that are patched,
# the way in of an image, sizes.
OUTLINE = """() => {
  const PATCHED = ['data-eta', 'data-position', 'data-fraction', 'data-step', 'data-steps', 'value']
  const OWN = ['data-local-loaded', 'data-local-answered', 'data-local-far', 'style']
  const MOVING = ['preview', 'words', 'stage', 'bar'].map((name) => `[data-slot="${name}"]`).join()
  const outline = (node, depth) => {
    const pad = '  '.repeat(depth)
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.data.replace(/\\s+/g, ' ').trim()
      return text ? [pad + text] : []
    }
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(MOVING)) return []
    const own = [...OWN, ...(node.hasAttribute('data-local') ? ['aria-pressed'] : [])] // a person's own mark
    const attributes = [...node.attributes].filter(({ name }) => !PATCHED.includes(name) && !own.includes(name))
    const words = attributes.map(({ name, value }) => ` ${name}="${value}"`).sort().join('')
    return [`${pad}<${node.localName}${words}>`, ...[...node.childNodes].flatMap((each) => outline(each, depth + 1))]
  }
  const accent = `accent ${document.documentElement.dataset.accent}\\n`
  return accent + outline(document.querySelector('[data-slot="messages"]'), 0).join('\\n')
}"""
# What the sidebar counts; not the clocks.
NUMBERS = """() => [...document.querySelectorAll('#details credit-balance, #details session-stats strong')]
  .map((each) => each.textContent.replace(/next in .*/, '').replace(/\\s+/g, ' '))"""

STREAMING = 'chat-message[data-status="streaming"] [data-slot="text"]'


class Stage:
    """A session, its owner's tabs and both people's sockets."""

    def __init__(
        self,
        visitor: Visitor,
        emulator: Emulator,
        chat: SessionSocket,
        guest: SessionSocket,
        live: Page,
        doubled: Page,
        fresh: Page,
    ) -> None:
        self.visitor, self.emulator, self.chat, self.guest = visitor, emulator, chat, guest
        self.live, self.doubled, self.fresh = live, doubled, fresh

    async def paint(self, prompt: str, **fields: Any) -> dict[str, Any]:
        wanted = {"client_id": str(uuid.uuid4()), "kind": "image", "prompt": prompt, **SMALL, **fields}
        message: dict[str, Any] = (await self.chat.asks("generation.create", **wanted))["message"]
        return message

    async def paint_without_end(self, prompt: str) -> dict[str, Any]:
        """A picture that the service was asked for, and of which it says nothing until it is cancelled."""
        self.emulator.script("text-to-image", [Hang(ENDLESS_SECONDS)])
        message = await self.paint(prompt)
        await self.reaches(message, "model-loading")
        await self.emulator.has_given("text-to-image")
        return message

    async def cancel(self, message: dict[str, Any]) -> None:
        for generation in message["generations"]:
            await self.chat.asks("generation.cancel", generation_id=generation["id"])
        await self.chat.sees_ended(message)

    async def reaches(self, message: dict[str, Any], status: str) -> None:
        def there(each: dict[str, Any]) -> bool:
            return each["id"] == message["id"] and each["generations"][0]["status"] == status

        await self.chat.sees(there)

    async def is_settled(self) -> None:
        """Both tabs have heard the last durable change."""
        for page in (self.live, self.doubled):
            await page.wait_for_function(
                "(seq) => [...document.querySelectorAll('chat-message')].some((m) => Number(m.dataset.seq) >= seq)",
                arg=self.chat.seq,
            )

    async def compare(self) -> None:
        await self.is_settled()
        await self.fresh.reload()
        await self.fresh.wait_for_selector(LIVE, state="attached")
        await load_all(self.fresh)
        await expect(self.fresh.locator("[data-local-measuring]")).to_have_count(0)
        fresh = await self.fresh.evaluate(OUTLINE)
        for name, page in (("live", self.live), ("doubled", self.doubled)):
            assert_same(name, await page.evaluate(OUTLINE), fresh)


async def load_all(page: Page) -> None:
    """A fresh page has the newest messages; here come the others."""
    stream = page.locator("message-list")
    while before := await stream.get_attribute("data-before"):
        # They may come by themselves in this moment; the button is hidden then, and pressing it changes nothing.
        await page.locator('[data-action="older"]').dispatch_event("click")
        await expect(stream).not_to_have_attribute("data-before", before)


def assert_same(name: str, outline: str, fresh: str) -> None:
    """Fails with the lines that differ, and their surroundings."""
    different = difflib.unified_diff(outline.split("\n"), fresh.split("\n"), name, "fresh", n=6)
    assert outline == fresh, "\n".join(different)


@pytest.fixture(scope="module")
async def stage(emulated_product, emulator, browser) -> AsyncIterator[Stage]:
    """A session with its people, on a product that makes one picture at a time."""
    ada, bob = await sign_up(emulated_product, "Ada"), await sign_up(emulated_product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    # What moves is drawn sixty times a second, on three pages, and no outline tells of it.
    async with signed_in(browser, ada, reduced_motion="reduce") as visitor:
        live, fresh = await visitor.open_session(session), await visitor.open_session(session)
        doubled = await visitor.context.new_page()
        await doubled.add_init_script(HEAR_TWICE)
        await doubled.goto(live.url)
        chat, guest = await ada.joins(session), await bob.joins(session)
        yield Stage(visitor, emulator, chat, guest, live, doubled, fresh)
        await chat.leaves()
        await guest.leaves()


# Every kind of durable change -------------------------------------------------------------------------------------

Change = Callable[[Stage], AbstractAsyncContextManager[None]]


def lasting(change: Callable[[Stage], Awaitable[None]]) -> Change:
    """A change after which nothing has to be put back."""

    @contextlib.asynccontextmanager
    async def happens(stage: Stage) -> AsyncIterator[None]:
        await change(stage)
        yield

    happens.__name__ = change.__name__
    return happens


@lasting
async def somebody_else_says_something(stage: Stage) -> None:
    await stage.chat.sees_text((await stage.guest.says(MARKDOWN))["text"])


@lasting
async def one_writes_on_the_page_itself(stage: Stage) -> None:
    for page, text in ((stage.live, "written on the page"), (stage.doubled, "written on the other page")):
        await say(page, text)
        await stage.chat.sees_text(text)
        await expect(page.locator("[data-local-pending]")).to_have_count(0)


@lasting
async def a_message_is_deleted(stage: Stage) -> None:
    said = await stage.chat.says("soon gone")
    await stage.chat.asks("message.delete", message_id=said["id"])
    await stage.chat.sees(lambda each: each["id"] == said["id"] and each["status"] == "deleted")


@contextlib.asynccontextmanager
async def the_assistant_is_writing(stage: Stage) -> AsyncIterator[None]:
    stage.emulator.script("chat", [Stream("One two three. " * 400, pause=0.05)])
    await stage.chat.says("@assistant tell me a long story")
    reply = await stage.chat.sees(lambda each: each["status"] == "streaming")
    tail = f"#message_{reply['id']} [data-slot='text']"
    for page in (stage.live, stage.doubled):
        await page.wait_for_function("(s) => document.querySelector(s)?.textContent.length > 60", arg=tail)
    try:
        yield
    finally:
        await stage.chat.asks("message.stop", message_id=reply["id"])
        await stage.chat.sees(lambda each: each["id"] == reply["id"] and each["status"] == "done")


@lasting
async def the_assistant_has_answered(stage: Stage) -> None:
    asked = await stage.chat.says("@assistant show me some Markdown")
    await stage.chat.sees(
        lambda each: each["author"]["kind"] == "assistant" and each["status"] == "done" and each["id"] > asked["id"]
    )


@contextlib.asynccontextmanager
async def a_picture_is_queued(stage: Stage) -> AsyncIterator[None]:
    first = await stage.paint_without_end("the one before")
    second = await stage.paint("the one that waits", count=2)
    try:
        yield
    finally:
        await stage.cancel(second)
        await stage.cancel(first)


@contextlib.asynccontextmanager
async def a_model_is_loading(stage: Stage) -> AsyncIterator[None]:
    message = await stage.paint_without_end("slow to begin")
    try:
        yield
    finally:
        await stage.cancel(message)


@contextlib.asynccontextmanager
async def a_picture_is_rendering(stage: Stage) -> AsyncIterator[None]:
    stage.emulator.script("text-to-image", [Queue(steps=10_000)])
    message = await stage.paint("slow to end")
    await stage.reaches(message, "rendering")
    try:
        yield
    finally:
        await stage.cancel(message)


@lasting
async def pictures_are_done(stage: Stage) -> None:
    await stage.chat.sees_ended(await stage.paint("two of them", count=2))


@lasting
async def a_picture_failed(stage: Stage) -> None:
    # Not by a directive of the prompt, which the assistant reads too.
    stage.emulator.script("text-to-image", [Fail(402)])
    ended = await stage.chat.sees_ended(await stage.paint("refused"))
    assert ended["generations"][0]["status"] == "failed"


@lasting
async def a_picture_was_cancelled(stage: Stage) -> None:
    message = await stage.paint_without_end("not after all")
    await stage.cancel(message)


@lasting
async def another_version_was_made(stage: Stage) -> None:
    done = await stage.chat.sees_ended(await stage.paint("first version"))
    await stage.chat.asks("generation.retry", generation_id=done["generations"][0]["id"])
    await stage.chat.sees(
        lambda each: each["id"] == done["id"] and [g["status"] for g in each["generations"]] == ["done", "done"]
    )


@lasting
async def one_of_several_pictures_is_deleted(stage: Stage) -> None:
    done = await stage.chat.sees_ended(await stage.paint("three of them", count=3))
    await stage.chat.asks("generation.retry", generation_id=done["generations"][0]["id"])
    done = await stage.chat.sees(
        lambda each: each["id"] == done["id"] and [g["status"] for g in each["generations"]] == ["done"] * 4
    )
    for gone in done["generations"][:2]:
        # A page may just be about to load it.
        stage.visitor.announce(rf"404.*/files/{gone['assets'][0]['id']}/")
        await stage.chat.asks("generation.delete", generation_id=gone["id"])
    await stage.chat.sees(lambda each: each["id"] == done["id"] and len(each["generations"]) == 2)


@lasting
async def a_picture_became_a_favourite(stage: Stage) -> None:
    done = await stage.chat.sees_ended(await stage.paint("the best one"))
    asset = done["generations"][0]["assets"][0]
    await stage.chat.asks("asset.favorite", asset_id=asset["id"], on=True)
    await stage.fresh.reload()
    for page in (stage.live, stage.doubled, stage.fresh):
        star = page.locator(f'[data-asset="{asset["id"]}"] .tile__favorite')
        await expect(star).to_have_attribute("aria-pressed", "true")


@lasting
async def a_clip_is_done(stage: Stage) -> None:
    ended = await stage.chat.sees_ended(await stage.paint("waves at dusk", kind="video"))
    assert ended["generations"][0]["status"] == "done"


CHANGES = (
    somebody_else_says_something,
    one_writes_on_the_page_itself,
    a_message_is_deleted,
    the_assistant_has_answered,
    a_picture_is_queued,
    a_model_is_loading,
    a_picture_is_rendering,
    pictures_are_done,
    a_picture_failed,
    a_picture_was_cancelled,
    another_version_was_made,
    one_of_several_pictures_is_deleted,
    a_picture_became_a_favourite,
    a_clip_is_done,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_the_page_before_and_the_events_are_the_page_after(stage: Stage, change: Change) -> None:
    async with change(stage):
        await stage.compare()


async def test_a_fresh_page_learns_the_places_in_the_queue(stage: Stage) -> None:
    async with a_picture_is_queued(stage):
        await stage.fresh.reload()
        for page in (stage.live, stage.doubled, stage.fresh):
            waiting = page.locator('generation-card[data-status="queued"] [data-slot="words"]')
            await expect(waiting).to_contain_text(["Next", "2nd"])
            foot = page.locator(".batch__words").last
            await expect(foot).to_contain_text("2 queued")


async def test_a_reply_in_the_middle_reads_the_same_on_every_page(stage: Stage) -> None:
    async with the_assistant_is_writing(stage):
        await stage.fresh.reload()
        # What was saved when it was drawn may be less than the others have heard by then.
        await stage.fresh.wait_for_function("(s) => document.querySelector(s)?.innerText.length > 60", arg=STREAMING)
        # Every half second a drawing puts right what deltas left wrong: one look could come just after it.
        for _ in range(8):
            pages = (stage.live, stage.doubled, stage.fresh)
            texts = await asyncio.gather(*(page.locator(STREAMING).inner_text() for page in pages))
            shared = min(len(text) for text in texts)
            assert shared > 60
            assert len({text[:shared] for text in texts}) == 1
    await stage.compare()


async def test_everything_once_more_forwards_and_backwards_changes_nothing(stage: Stage) -> None:
    async with a_message_is_deleted(stage), pictures_are_done(stage):
        await stage.is_settled()
        await stage.doubled.evaluate(HEAR_ALL_AGAIN)
        await stage.compare()


async def test_the_numbers_of_a_live_page_become_those_of_a_fresh_one(stage: Stage) -> None:
    await stage.chat.sees_ended(await stage.paint("one to be counted"))
    await stage.is_settled()
    await stage.fresh.reload()
    await stage.fresh.wait_for_selector(LIVE, state="attached")
    fresh = await stage.fresh.evaluate(NUMBERS)
    for page in (stage.live, stage.doubled):
        await page.wait_for_function(f"(fresh) => JSON.stringify(({NUMBERS})()) === JSON.stringify(fresh)", arg=fresh)
