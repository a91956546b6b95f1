"""Clients that misbehave: each is closed, costs little, and does not slow the others."""

import asyncio
import os
import random
import select
import time

import pytest

from chatserver.edge.limits import HttpLimits
from chatserver.realtime import limits
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import SocketLimits
from tests.realtime.raw import RawClient, masked, open_raw
from tests.support.hub_server import HubServer, Level

PING, PONG, TEXT, CONTINUATION, CLOSE = 9, 10, 1, 0, 8


@pytest.fixture(scope="module")
async def server():
    async with HubServer(SocketLimits(sockets_per_user=100, sockets_per_address=1000, send_seconds=2.0)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def patient():
    """A server that closes nobody while a test looks at what a paused socket has."""
    async with HubServer(SocketLimits(sockets_per_user=100, sockets_per_address=1000, send_seconds=60.0)) as opened:
        yield opened


async def open_pair(server: HubServer, session: str, **options: int) -> tuple[RawClient, Connection]:
    """A raw client and its connection in the server."""
    before = set(await server.do(lambda: server.hub.admission.connections()))
    client = await open_raw(server, session, **options)
    await server.until(lambda: any(each.is_open for each in set(server.hub.admission.connections()) - before))
    (connection,) = set(await server.do(lambda: server.hub.admission.connections())) - before
    return client, connection


async def test_p9_a_client_that_does_not_read_is_bounded_cut_off_and_not_felt(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    stalled, connection = await open_pair(server, session, receive_bytes=4096)
    most = 0
    async with server.joins("bob", session) as bob:
        started = time.monotonic()
        number = 0
        while not connection.is_closed:
            number += 1
            await server.say(session, "x" * 900)
            await bob.hears("message", seq=number)
            most = max(most, await server.do(lambda: _kept(connection)))
            assert time.monotonic() - started < 60
        assert most + 2 * limits.KERNEL_BYTES <= 512 * 1024
        assert most > limits.BUFFER_BYTES, "it was stalled indeed"
        await server.until(lambda: server.hub.connections(session) == 1)
        await server.say(session, "on and on")
        await bob.hears("message", seq=number + 1)
        assert bob.seqs == list(range(1, number + 2))
    stalled.close()


def _kept(connection: Connection) -> int:
    """Bytes that the process buffers for a socket."""
    outbox = connection.outbox.size if connection.outbox else 0
    return connection.transport.transport.get_write_buffer_size() + outbox  # type: ignore[attr-defined]


async def test_a_client_that_stalls_while_little_is_said_is_cut_off_too(server: HubServer) -> None:
    session = await server.session("ada")
    stalled, connection = await open_pair(server, session, receive_bytes=4096)
    await server.say(session, *["x" * 20_000] * 20)
    await server.until(lambda: connection.transport.is_paused)
    assert not connection.is_closed
    await server.until(lambda: connection.is_closed, 30)
    assert await stalled.close_code() is None, "aborted: a close would wait behind the full buffer"


async def test_p17_a_client_that_stalls_is_gone_too_when_its_sign_in_ends() -> None:
    # With such a deadline for sends it would otherwise stay for a minute.
    async with HubServer(SocketLimits(sockets_per_user=100, send_seconds=60.0)) as server:
        session = await server.session("ada")
        stalled, connection = await open_pair(server, session, receive_bytes=4096)
        await server.say(session, *["x" * 20_000] * 18)
        await server.until(lambda: connection.transport.is_paused)
        await server.revoke("ada", account_closed=True)
        await server.until(lambda: connection.is_closed)
        began = time.monotonic()
        await server.until(lambda: is_cut(stalled), 30)
        assert time.monotonic() - began < 30
        stalled.close()


def is_cut(client: RawClient) -> bool:
    """Whether the server has reset the connection, as the kernel reports without a read."""
    watch = select.poll()
    watch.register(client.socket, 0)
    return bool(watch.poll(0))


async def test_a_client_that_reads_again_gets_what_waited_with_numbers_merged(patient: HubServer) -> None:
    session = await patient.session("ada")
    slow, connection = await open_pair(patient, session, receive_bytes=4096)
    await patient.say(session, *["x" * 20_000] * 18)
    await patient.until(lambda: connection.transport.is_paused)
    for value in range(5):
        await patient.publish(session, Level(name="n", value=value))
        await asyncio.sleep(limits.EPHEMERAL_SECONDS)
    await patient.say(session, "last")
    assert connection.outbox is not None
    reading = asyncio.create_task(slow.read_to_end())
    await patient.until(lambda: connection.outbox is None)
    await patient.say(session, "live")
    await patient.until(lambda: b'"live"' in slow.received)
    slow.close()
    reading.cancel()
    assert slow.received.count(b'"name":"n"') == 1
    assert b'"value":4' in slow.received
    order = [slow.received.index(f'"seq":{seq},"message"'.encode()) for seq in range(1, 21)]
    assert order == sorted(order)


async def test_a_client_that_is_too_slow_for_much_is_told_to_come_back(patient: HubServer) -> None:
    session = await patient.session("ada")
    slow, connection = await open_pair(patient, session, receive_bytes=4096)
    for _ in range(60):
        await patient.say(session, "x" * 20_000)
    assert connection.is_closed
    assert await slow.close_code() == 4408


@pytest.mark.parametrize(
    ("flood", "what"),
    [
        (masked(PING, b"x" * 125) * 2000, "pings"),
        (masked(PONG) * 30_000, "30,000 frames in one write"),
        (masked(TEXT, b"{", final=False) + masked(CONTINUATION, final=False) * 30_000, "empty fragments"),
        (masked(TEXT, b'{"type":"ping"}') * 3000, "commands"),
    ],
)
async def test_a_flood_is_closed_and_costs_little(server: HubServer, flood: bytes, what: str) -> None:
    session = await server.session("ada")
    client, connection = await open_pair(server, session)
    before = await server.do(time.thread_time)
    sending = asyncio.create_task(client.send(flood))
    assert await client.close_code() == 4429
    await sending
    async with asyncio.timeout(30):
        while not connection.is_closed:
            await asyncio.sleep(0.01)
    assert await server.do(time.thread_time) - before < 0.25, what
    client.close()


@pytest.mark.parametrize("size", [limits.FRAME_BYTES + 1, 10**9])
async def test_a_frame_too_big_is_refused_by_its_length(server: HubServer, size: int) -> None:
    session = await server.session("ada")
    client, connection = await open_pair(server, session)
    await client.send(bytes([0x81, 0xFF]) + size.to_bytes(8) + b"\0\0\0\0" + b"x" * 1000)
    assert await client.close_code() == 1009
    assert connection.is_closed


async def test_a_message_too_big_in_fragments_is_refused(server: HubServer) -> None:
    session = await server.session("ada")
    client, _ = await open_pair(server, session)
    await client.send(masked(TEXT, b"x" * 40_000, final=False) + masked(CONTINUATION, b"x" * 40_000))
    assert await client.close_code() == 1009


async def test_a_message_in_fragments_is_read(server: HubServer) -> None:
    session = await server.session("ada")
    client, _ = await open_pair(server, session)
    reading = asyncio.create_task(client.read_to_end())
    for index, byte in enumerate(b'{"type":"ping","ref":"pieces"}'):
        await client.send(masked(CONTINUATION if index else TEXT, bytes([byte]), final=False))
    await client.send(masked(CONTINUATION))
    await server.until(lambda: b'"pieces"' in client.received)
    await client.send(masked(CLOSE, b"\x03\xe8"))
    await reading


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked(TEXT, b"\xff\xfe"), 1007),
        (masked(3), 1002),
        (b"\x81\x02hi", 1002),
        (masked(CONTINUATION, b"x"), 1002),
        (masked(PING, b"x" * 126), 1002),
        (bytes([0xC1, 0x80, 0, 0, 0, 0]), 1002),
    ],
)
async def test_a_frame_against_the_protocol_closes_the_socket(server: HubServer, frame: bytes, code: int) -> None:
    client, _ = await open_pair(server, await server.session("ada"))
    await client.send(frame)
    assert await client.close_code() == code


async def test_garbage_of_any_kind_closes_the_socket_and_nothing_else(server: HubServer) -> None:
    session = await server.session("ada", "bob")
    chance = random.Random(7)
    async with server.joins("bob", session) as bob:
        clients = [await open_raw(server, session) for _ in range(30)]
        for client in clients:
            await client.send(chance.randbytes(chance.randrange(20, 5000)) + b"\xff" * 200)
        for client in clients:
            await client.read_to_end()
        await server.say(session, "unmoved")
        await bob.hears("message")
        await server.until(lambda: server.hub.connections(session) == 1)


async def test_a_dead_peer_is_found_by_its_silence() -> None:
    async with HubServer(SocketLimits(heartbeat_seconds=0.6)) as server:
        session = await server.session("ada", "bob")
        dead, connection = await open_pair(server, session, person="bob")
        async with server.joins("ada", session) as ada:
            await server.until(lambda: connection.is_closed)
            assert (await ada.asks("ping"))["ok"], "who answers pings lives on"
        dead.close()


async def test_two_hundred_slow_headers_are_cut_and_not_felt() -> None:
    async with HubServer(http_limits=HttpLimits(header_seconds=1.0)) as server:
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(200)]
        for _, writer in slow:
            writer.write(b"GET /ws/sessions/x HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        async with server.joins("ada", await server.session("ada")) as ada:
            drips = asyncio.create_task(_drip(slow))
            assert (await ada.asks("ping"))["ok"]
            async with asyncio.timeout(30):
                for reader, _ in slow:
                    assert await _read_all(reader) == b""
            assert (await ada.asks("ping"))["ok"]
            await drips
        assert await server.do(lambda: len(server.uvicorn.server_state.connections)) <= 1


async def _drip(slow: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    for _ in range(6):
        for _, writer in slow:
            if not writer.is_closing():
                writer.write(b"x")
        await asyncio.sleep(0.25)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_headers_without_end_are_cut_off() -> None:
    async with HubServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Long: " + b"y" * 100_000)
        async with asyncio.timeout(30):
            assert (await _read_all(reader)).startswith(b"HTTP/1.1 431")


async def test_one_connection_carries_many_requests() -> None:
    async with HubServer() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(2) == b"ok"
        writer.close()


async def test_opening_and_dropping_sockets_leaves_nothing(server: HubServer) -> None:
    session = await server.session("ada")
    for _ in range(5):
        clients = [await open_raw(server, session) for _ in range(20)]
        for client in clients:
            client.close()
    await server.until(lambda: not server.hub.admission.connections())
    assert await server.do(lambda: len(server.uvicorn.server_state.tasks)) == 0
    descriptors = len(os.listdir("/proc/self/fd"))
    clients = [await open_raw(server, session) for _ in range(20)]
    for client in clients:
        client.close()
    await server.until(lambda: not server.hub.admission.connections())
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 2
