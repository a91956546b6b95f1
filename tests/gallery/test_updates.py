"""The live channel of the gallery: its owner hears of what comes and goes, and nobody else; for as long as they may."""

import asyncio

import aiohttp
import pytest
from yarl import URL

from chatserver.gallery.updates import MOST_SOCKETS, Reader
from tests.imaging import samples
from tests.support import page_sockets
from tests.support.page_sockets import close_code, next_events
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up

CHANGED = {"type": "gallery.changed"}
SMALL = {"width": 64, "height": 64}


@pytest.fixture
async def ada(product):
    return await sign_up(product, "Ada")


@pytest.fixture
async def bob(product):
    return await sign_up(product, "Bob")


def connect(browser, **headers):
    return page_sockets.connect(browser, "/ws/gallery", **headers)


async def hears_all_that(socket, *changes):
    """After each of these there is an event, and after its quiet end no other."""
    for change in changes:
        answer = await change
        assert await next_events(socket) == [CHANGED], answer
        await is_quiet(socket)


async def is_quiet(socket):
    """Passes over what is said for the same reason: one change may be announced twice."""
    while True:
        try:
            await asyncio.wait_for(socket.receive(), 0.6)
        except TimeoutError:
            return


async def test_one_hears_of_what_comes_and_goes_of_ones_own_and_of_nothing_else(product, ada, bob):
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat, guest = await ada.joins(session), await bob.joins(session)
    async with opened(ada) as browser, opened(bob) as other, connect(browser) as socket, connect(other) as bobs:
        for each in (socket, bobs):
            assert await next_events(each) == [CHANGED], "what happened before the socket was open"
        made = await chat.sees_ended(await chat.generates("a boat", **SMALL))
        assert await next_events(socket) == [CHANGED]
        await is_quiet(socket)
        asset = made["generations"][0]["assets"][0]["id"]
        album = (await ada.call("POST", "/albums", {"name": "Boats"}))["album"]["id"]
        upload = await ada.uploads(session, samples.picture("PNG", (64, 64)))
        assert await next_events(socket) == [CHANGED]
        await is_quiet(socket)
        await hears_all_that(
            socket,
            ada.call("PUT", f"/assets/{asset}/favorite"),
            ada.call("DELETE", f"/assets/{asset}/favorite"),
            ada.call("POST", f"/albums/{album}/pictures", {"asset_ids": [asset]}),
            ada.call("POST", f"/albums/{album}/pictures/remove", {"asset_ids": [asset]}),
            ada.call("DELETE", f"/assets/{upload['asset']['id']}"),
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(bobs.receive(), 0.6)
        # What another made and one has marked is a part of one's gallery, and is missed there.
        await bob.call("PUT", f"/assets/{asset}/favorite")
        assert await next_events(bobs) == [CHANGED]
        await is_quiet(bobs)
        await chat.asks("generation.delete", generation_id=made["generations"][0]["id"])
        assert await next_events(socket) == await next_events(bobs) == [CHANGED]
        await guest.sees_ended(await guest.generates("a kite", **SMALL))
        assert await next_events(bobs) == [CHANGED]
        await is_quiet(bobs)
        await ada.call("DELETE", f"/sessions/{session['id']}")
        assert await next_events(bobs) == [CHANGED], "a guest's pictures go with the session"
    for each in (chat, guest):
        await each.leaves()


class Frames:
    """Stands for a socket."""

    def __init__(self):
        self.events, self.more = [], asyncio.Event()

    def send(self, event):
        self.events.append(event)
        self.more.set()


async def test_many_changes_at_once_are_one_frame_now_and_one_later():
    reader, frames = Reader(), Frames()
    reader.sockets.add(frames)
    for _ in range(100):
        reader.tell()
    await frames.more.wait()
    frames.more.clear()
    for _ in range(100):
        reader.tell()
    assert frames.events == [CHANGED]
    await frames.more.wait()
    assert frames.events == [CHANGED, CHANGED]


async def test_it_ends_with_the_sign_in_and_with_the_account(product, database, ada, bob):
    async with opened(ada) as browser, connect(browser) as socket:
        await next_events(socket)
        await browser.fills("/settings", "/sign-out")
        assert await close_code(socket) == 4501
    async with opened(ada) as browser, connect(browser) as socket:
        await next_events(socket)
        # Nobody announces it: the process looks for itself.
        await run_sql(database, "UPDATE sign_ins SET ended_at = now() WHERE user_id = $1", ada.id)
        assert await close_code(socket) == 4501
    async with opened(bob) as browser, connect(browser) as socket:
        await next_events(socket)
        await browser.fills("/settings", "/settings/delete", delete_password=bob.password)
        assert await close_code(socket) == 4512


async def test_nobody_else_is_let_in(product, ada):
    async with opened(product) as browser, connect(browser) as socket:
        assert await close_code(socket) == 4501
    async with opened(ada) as browser, connect(browser, Origin="https://evil.example") as socket:
        assert await close_code(socket) == 4503
    token = {"Authorization": f"Bearer {ada.token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(URL(product.ws_url) / "ws/gallery", headers=token) as socket,
    ):
        assert await close_code(socket) == 4501


async def test_whoever_speaks_or_opens_too_many_is_closed(product, ada, bob):
    async with opened(ada) as browser, opened(bob) as other:
        async with connect(browser) as socket:
            await socket.send_str("hello")
            assert await close_code(socket) == 4400
        sockets = [await connect(browser) for _ in range(MOST_SOCKETS + 1)]
        assert await close_code(sockets[-1]) == 4429
        async with connect(other) as socket:
            assert await next_events(socket) == [CHANGED], "the bound is each person's own"
        for socket in sockets:
            await socket.close()
