"""The same behaviour behind a server without the product's protocol classes, through plain ASGI."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from chatserver.realtime.limits import SocketLimits
from chatserver.realtime.transport import AsgiTransport, TransportListener
from tests.realtime.raw import open_raw
from tests.support.hub_server import HubServer


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[HubServer]:
    bounds = SocketLimits(sockets_per_user=100, sockets_per_address=1000, send_seconds=2.0)
    plain = {"http": "httptools", "ws": "websockets-sansio", "ws_ping_interval": 20, "ws_ping_timeout": 20}
    async with HubServer(bounds, **plain) as opened:
        yield opened


async def test_events_and_replies_come_in_order(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    async with server.joins("ada", session) as ada, server.joins("bob", session) as bob:
        assert (await ada.asks("message.create", client_id="c", text="hello"))["ok"]
        await server.say(session, *map(str, range(100)))
        await bob.hears("message", seq=101)
        assert bob.seqs == list(range(1, 102))


async def test_close_codes_are_the_same(server: HubServer) -> None:
    session = await server.session("ada")
    assert await (await server.dial("", session)).closes() == (4501, "not signed in")
    assert await (await server.dial("eve", session)).closes() == (4504, "no such session")
    for frame in ("[]", b"\x00"):
        async with server.joins("ada", session) as ada:
            await ada.sends(frame)
            assert (await ada.closes())[0] == 4400


async def test_a_client_that_does_not_read_is_given_up(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    stalled = await open_raw(server, session, receive_bytes=4096)
    await server.until(lambda: server.hub.connections(session) == 1)
    async with server.joins("bob", session) as bob:
        number = 0
        async with asyncio.timeout(15):
            while await server.do(lambda: server.hub.connections(session)) == 2:
                number += 1
                await server.say(session, "x" * 20_000)
                await bob.hears("message", seq=number)
    stalled.close()


async def test_leaving_is_noticed(server: HubServer) -> None:
    session = await server.session("ada")
    async with server.joins("ada", session) as ada:
        await ada.sends(json.dumps({"type": "ping", "ref": "1"}))
        await ada.hears("reply")
    await server.until(lambda: not server.hub.admission.connections())


async def test_a_server_that_fails_to_receive_has_lost_the_socket() -> None:
    lost = asyncio.Event()

    class Listener:
        def connection_lost(self) -> None:
            lost.set()

    async def receive() -> Any:
        raise RuntimeError

    async def send(_: Any) -> None: ...

    with capture_logs() as lines:
        AsgiTransport(receive, send).attach(cast(TransportListener, Listener()))
        async with asyncio.timeout(20):
            await lost.wait()
    assert [line["event"] for line in lines] == ["transport.read_failed"]
