"""Behind a server without our protocol class the same things hold, through plain ASGI."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from chatserver.realtime.limits import SocketLimits
from tests.realtime.house import House
from tests.realtime.raw import open_raw


@pytest.fixture(scope="module")
async def house() -> AsyncIterator[House]:
    bounds = SocketLimits(sockets_per_user=100, sockets_per_address=1000, send_seconds=2.0)
    async with House(bounds, ws="websockets-sansio", ws_ping_interval=20, ws_ping_timeout=20) as opened:
        yield opened


async def test_events_and_replies_come_in_order(house: House) -> None:
    session = await house.session("ada", "bob")
    async with house.joins("ada", session) as ada, house.joins("bob", session) as bob:
        assert (await ada.asks("message.create", client_id="c", text="hello"))["ok"]
        await house.say(session, *map(str, range(100)))
        await bob.hears("message", seq=101)
        assert bob.seqs == list(range(1, 102))


async def test_close_codes_are_the_same(house: House) -> None:
    session = await house.session("ada")
    assert await (await house.dial("", session)).closes() == (4501, "not signed in")
    assert await (await house.dial("eve", session)).closes() == (4504, "no such session")
    for frame in ("[]", b"\x00"):
        async with house.joins("ada", session) as ada:
            await ada.sends(frame)
            assert (await ada.closes())[0] == 4400


async def test_a_client_that_does_not_read_is_given_up(house: House) -> None:
    session = await house.session("ada", "bob")
    stalled = await open_raw(house, session, receive_bytes=4096)
    await house.until(lambda: house.hub.connections(session) == 1)
    async with house.joins("bob", session) as bob:
        number = 0
        async with asyncio.timeout(15):
            while await house.do(lambda: house.hub.connections(session)) == 2:
                number += 1
                await house.say(session, "x" * 20_000)
                await bob.hears("message", seq=number)
    stalled.close()


async def test_leaving_is_noticed(house: House) -> None:
    session = await house.session("ada")
    async with house.joins("ada", session) as ada:
        await ada.sends(json.dumps({"type": "ping", "ref": "1"}))
        await ada.hears("reply")
    await house.until(lambda: not house.hub.admission.connections())
