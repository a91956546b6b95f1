"""HTTP clients that misbehave, over raw sockets: each is limited, costs little, and does not slow the others."""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatserver.edge import connection_limits, limits
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import HttpLimits
from tests.support.hub_server import HubServer

CHUNK = b"x" * 65536
BIG_CHUNKS = 64
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


class Application:
    """The application: `/echo` returns the body, `/big` four megabytes, `/wait` waits for `release`, `/nothing` is a 404."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.running = self.most = self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.running, self.asked = self.running + 1, self.asked + 1
        self.most = max(self.most, self.running)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.running -= 1

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/big":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(BIG_CHUNKS):
                await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        if path == "/broken":
            raise RuntimeError("a secret detail")
        if path == "/wait":
            await self.release.wait()
        body = await _body(receive) if path == "/echo" else b""
        names = b",".join(name for name, _ in scope["headers"])
        await _say(send, 404 if path == "/nothing" else 200, b"%s %d %s" % (path.encode(), len(body), names))


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _say(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(**bounds: Any) -> AsyncIterator[tuple[HubServer, Application]]:
    """A server with these limits."""
    application = Application()
    async with HubServer(http_limits=HttpLimits(**bounds), app=application) as server:
        application.release = asyncio.Event()
        yield server, application
        await server.do(lambda: application.release.set())


async def call(server: HubServer, *, receive_bytes: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection; `receive_bytes` limits the receive buffer of its kernel."""
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    # What is not read must stay in the kernel.
    return await asyncio.open_connection(sock=sock, limit=max(receive_bytes, 2) if receive_bytes else 65536)


async def read_all(reader: asyncio.StreamReader, seconds: float = 10) -> bytes:
    """Everything until the server disconnects."""
    async with asyncio.timeout(seconds):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def is_served(server: HubServer) -> None:
    """Another client gets its response at once."""
    reader, writer = await call(server)
    async with asyncio.timeout(20):
        writer.write(b"GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in await reader.read()
    writer.close()


async def send_endlessly(writer: asyncio.StreamWriter, piece: bytes, most: int) -> int:
    """Sends a piece repeatedly; returns the bytes that were sent before the server closed."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most and not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
    return sent


# Bodies -----------------------------------------------------------------------------------------------------------

ENDLESS = {
    "a trailer without end": (CHUNKED + b"2\r\nhi\r\n0\r\nX-Trailer: ", b"y" * 65536),
    "trailers without end": (CHUNKED + b"2\r\nhi\r\n0\r\n", b"X-Trailer: y\r\n" * 4000),
    "a chunk extension without end": (CHUNKED + b"2;x=", b"y" * 65536),
    "chunks with long extensions": (CHUNKED, (b"1;" + b"y" * 1000 + b"\r\nx\r\n") * 60),
    "chunks of one byte": (CHUNKED, b"1\r\nx\r\n" * 10_000),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_around_a_body_there_is_no_more_than_belongs_to_it(what: str) -> None:
    begin, piece = ENDLESS[what]
    async with serving() as (server, _):
        reader, writer = await call(server)
        writer.write(begin)
        assert await send_endlessly(writer, piece, 300_000_000) < 32_000_000
        assert (await read_all(reader)).startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")) or writer.is_closing()
        await is_served(server)
        await server.until(lambda: server.limiter.count == 0)


async def test_an_honest_body_in_chunks_is_read_and_its_trailers_are_no_headers() -> None:
    async with serving() as (server, _):
        reader, writer = await call(server)
        body = b"".join(b"%x;a=b\r\n%s\r\n" % (size, b"x" * size) for size in (1, 10, 5000, 70_000))
        writer.write(CHUNKED + body + b"0\r\nCookie: evil=1\r\nX-Trailer: y\r\n\r\n")
        await reader.readuntil(b"/echo 75011 host,transfer-encoding")
        writer.write(b"GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        rest = await read_all(reader)
        assert rest.endswith(b"/next 0 host,connection")
        assert b"cookie" not in rest


async def test_a_body_that_drips_is_cut_wherever_it_is_sent_to_and_a_slow_one_is_not() -> None:
    async with serving(body_seconds=1.0, body_bytes=1000, discard_seconds=1.0) as (server, _):
        for path in (b"echo", b"nothing"):
            reader, writer = await call(server)
            writer.write(b"POST /%s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" % path)
            dripping = asyncio.create_task(drip(writer, b"1\r\nx\r\n"))
            await read_all(reader)
            assert await dripping
        reader, writer = await call(server)
        writer.write(b"POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n")
        for _ in range(30):
            writer.write(b"x" * 2000)
            await asyncio.sleep(0.1)
        assert b"/echo 60000" in await read_all(reader)


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> bool:
    """Sends a piece every tenth of a second; True once the server has disconnected."""
    with contextlib.suppress(ConnectionError):
        for _ in range(150):
            writer.write(piece)
            await writer.drain()
            if writer.is_closing():
                return True
            await asyncio.sleep(0.1)
        return False
    return True


async def test_who_goes_on_sending_after_the_answer_is_heard_for_a_while_only() -> None:
    async with serving() as (server, _):
        reader, writer = await call(server)
        writer.write(b"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
        assert await send_endlessly(writer, CHUNK, 300_000_000) < 32_000_000
        await server.until(lambda: server.limiter.count == 0)
        # A small body is read, so that the response arrives and the connection stays open.
        reader, writer = await call(server)
        writer.write(b"POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        await reader.readuntil(b"/nothing 0 host,content-length")
        writer.write(b"GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert b"/next 0" in await read_all(reader)


async def test_empty_lines_between_requests_keep_no_connection_open() -> None:
    async with serving(header_seconds=1.0, idle_seconds=1.0) as (server, _):
        reader, writer = await call(server)
        writer.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        await reader.readuntil(b"/a 0 host")
        assert await drip(writer, b"\r\n")


# Responses --------------------------------------------------------------------------------------------------------


async def test_unread_answers_are_cut_with_all_that_was_asked_behind_them_and_not_felt() -> None:
    async with serving(answer_seconds=2.0) as (server, application):
        asking = b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n" * 40
        callers = [await call(server, receive_bytes=4096) for _ in range(100)]
        for _, writer in callers:
            writer.write(asking)
        await server.until(lambda: application.asked == 100)
        await is_served(server)
        assert application.asked == 101, "one request of a connection at a time"
        kept = await server.do(
            lambda: sum(each.transport.get_write_buffer_size() for each in server.limiter.connections())
        )
        assert kept < 100 * 2 * len(CHUNK)
        await server.until(lambda: server.limiter.count == 0 and application.running == 0, 10)
        assert application.asked == 101
        for _, writer in callers:
            writer.close()


async def test_an_answer_read_in_drips_is_cut_and_a_slow_line_gets_all_of_it() -> None:
    async with serving(answer_seconds=1.0, answer_bytes=20_000) as (server, _):
        dripping = await call(server, receive_bytes=4096)
        slow = await call(server, receive_bytes=16384)
        for _, writer in (dripping, slow):
            writer.write(b"GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        got, reading = 0, asyncio.create_task(read_in_drips(dripping[0]))
        async with asyncio.timeout(30):
            while data := await slow[0].read(65536):
                got += len(data)
                await asyncio.sleep(0.01)
        assert got > BIG_CHUNKS * len(CHUNK)
        await server.until(lambda: server.limiter.count == 0)
        reading.cancel()


async def read_in_drips(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(10):
            await asyncio.sleep(0.05)


async def test_requests_sent_together_are_answered_one_by_one_in_their_order() -> None:
    async with serving() as (server, application):
        reader, writer = await call(server)
        for number in range(60):
            body = b"x" * number
            writer.write(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s" % (number, body))
        async with asyncio.timeout(10):
            for number in range(60):
                await reader.readuntil(b"\r\n\r\n/echo %d host,content-length" % number)
        assert application.most == 1
        # The same in single bytes, across every boundary.
        for byte in b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        answers = await read_all(reader)
        assert answers.index(b"/a 0 host") < answers.index(b"/b 0 host")


async def test_a_refusal_instead_of_a_100_is_the_last_answer_on_its_connection() -> None:
    asking = b"POST /nothing HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    next_request = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
    async with serving() as (server, application):
        # The body follows, or a part of it, or none, as of a proxy that goes on with the next request.
        for body in (b"", bytes(100), bytes(200_000), bytes(1_000_000)):
            reader, writer = await call(server)
            writer.write(asking % 1_000_000)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 404") and b"connection: close" in head
            writer.write(body + next_request)
            assert await read_all(reader) == b"/nothing 0 host,expect,content-length"
            writer.close()
        await server.until(lambda: server.limiter.count == 0)
        assert application.asked == 4
        # With its body there already, one request follows another.
        reader, writer = await call(server)
        writer.write(asking % 2 + b"hi" + next_request)
        async with asyncio.timeout(10):
            await reader.readuntil(b"/echo 2 host,content-length")


async def test_a_client_that_ends_its_side_when_it_has_asked_reads_every_answer() -> None:
    async with serving() as (server, application):
        reader, writer = await call(server)
        writer.write(
            b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
        )
        writer.write_eof()
        await server.until(lambda: application.running == 1)
        await server.do(lambda: application.release.set())
        answers = await read_all(reader)
        assert answers.index(b"/wait 0 host") < answers.index(b"/echo 2 host")
        # One that ends in the middle of a request has asked nothing.
        reader, writer = await call(server)
        writer.write(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nh")
        writer.write_eof()
        assert await read_all(reader) == b""
        await server.until(lambda: server.limiter.count == 0)


async def test_a_client_of_http_1_0_hears_no_interim_response() -> None:
    async with serving() as (server, _):
        for version, interim in ((b"1.1", True), (b"1.0", False)):
            reader, writer = await call(server)
            writer.write(b"POST /echo HTTP/%s\r\nHost: h\r\nConnection: close\r\n" % version)
            writer.write(b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
            assert (await read_all(reader)).startswith(b"HTTP/1.1 100") is interim


async def test_thousands_of_requests_in_one_breath_wait_as_bytes() -> None:
    async with serving() as (server, application):
        for head in (b"", CHUNKED + b"0\r\n\r\n"):
            before = application.asked
            _, writer = await call(server)
            writer.write(head + b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n" * 5000)
            await server.until(lambda: application.asked > before)  # noqa: B023
            parsed = [len(each.pipeline) for each in await connections(server)]
            assert max(parsed) <= limits.PIPELINED
            await is_served(server)
            assert application.asked - before <= 3
            writer.close()


async def connections(server: HubServer) -> list[Any]:
    """The server's connections, as uvicorn counts them."""
    return await server.do(lambda: list(server.uvicorn.server_state.connections))


# Connections ------------------------------------------------------------------------------------------------------


async def test_an_address_with_too_many_connections_loses_its_stillest_and_is_served() -> None:
    async with serving(connections_per_address=20, header_seconds=60) as (server, application):
        busy = [await call(server) for _ in range(5)]
        for _, writer in busy:
            writer.write(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        await server.until(lambda: application.running == 5)
        idle = [await call(server) for _ in range(100)]
        for _, writer in idle:
            writer.write(b"GET /wait HTTP/1.1\r\nX-Slow: ")
        # New connections are not evicted at once.
        await asyncio.sleep(2 * connection_limits.GRACE_SECONDS)
        await is_served(server)
        assert len(await connections(server)) <= 21 + connection_limits.REFUSED_AT_ONCE
        await server.do(lambda: application.release.set())
        for reader, _ in busy:
            await reader.readuntil(b"/wait 0 host")
        for _, writer in (*busy, *idle):
            writer.close()


async def test_where_all_are_at_work_the_next_hears_why_not() -> None:
    async with serving(connections_per_address=10) as (server, application):
        busy = [await call(server) for _ in range(10)]
        for _, writer in busy:
            writer.write(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        await server.until(lambda: application.running == 10)
        reader, _ = await call(server)
        answer = await read_all(reader)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: " in answer
        assert b"X-Frame-Options: DENY" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "busy"
        for _, writer in busy:
            writer.close()
        # Who has left, or has ended their side at least, gives way although their request is under way.
        await server.until(lambda: len(_stillest(server)) == 10)
        await is_served(server)
        await server.do(lambda: application.release.set())
        await server.until(lambda: server.limiter.count == 0)


def _stillest(server: HubServer) -> list[float]:
    """Since when those connections are idle that may be cut for others."""
    latest = asyncio.get_running_loop().time() - connection_limits.GRACE_SECONDS
    since = [each.idle_since() for each in server.limiter.connections()]
    return [each for each in since if each is not None and each <= latest]


async def test_with_too_many_in_all_who_has_most_gives_way() -> None:
    limiter = ConnectionLimiter(HttpLimits(connections_per_address=100, connections=10))
    many = [Stuck(number) for number in range(9)]
    few = Stuck(-1)
    assert all(limiter.admit(each, "192.0.2.1") for each in many)
    assert limiter.admit(few, "192.0.2.2")
    assert limiter.admit(Stuck(20), "192.0.2.3")
    assert [each for each in (*many, few) if each.is_cut] == [many[0]]


async def test_a_proxy_that_is_trusted_may_have_more_and_a_network_counts_as_one() -> None:
    limiter = ConnectionLimiter(HttpLimits(connections_per_address=3), trusts=lambda address: address == "192.0.2.9")
    assert all(limiter.admit(Stuck(None), "192.0.2.9") for _ in range(50))
    subscriber = [limiter.admit(Stuck(None), f"2001:db8:1:2::{number}") for number in range(1, 6)]
    assert subscriber == [True] * 3 + [False] * 2
    assert limiter.admit(Stuck(None), "2001:db8:1:3::1")


class Stuck:
    """A connection that is idle since `since`; None: in use."""

    def __init__(self, since: float | None) -> None:
        self.since, self.is_cut = since, False

    def idle_since(self) -> float | None:
        return self.since

    def check_deadlines(self, now: float) -> None: ...

    def cut(self, reason: str) -> None:
        self.is_cut = True


async def test_sockets_that_are_let_in_are_counted_and_never_cut_for_others(server: HubServer) -> None:
    before = await server.do(lambda: server.limiter.count)
    async with server.joins("ada", await server.session("ada")) as ada:
        assert await server.do(lambda: server.limiter.count) == before + 1
        tracked = (await server.do(lambda: server.limiter.connections()))[-1]
        assert await server.do(lambda: tracked.idle_since()) is None
        assert (await ada.asks("ping"))["ok"]
    await server.until(lambda: server.limiter.count == before)


# Responses below the application ------------------------------------------------------------------------------------

WS = b"GET /ws/sessions/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
REFUSED = {
    b"no http\r\n\r\n": 400,
    b"GET / HTTP/1.1\nHost: h\n\n": 400,
    b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": 400,
    b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n": 414,
    b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a: b\r\n" * 500 + b"\r\n": 431,
    b"GET / HTTP/1.1\r\nHost: h\r\nCookie: " + b"y" * 40_000 + b"\r\n\r\n": 431,
    b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n": 400,
    CHUNKED.replace(b"chunked", b"gzip, chunked") + b"2\r\nhi\r\n0\r\n\r\n": 400,
    b"GET /broken HTTP/1.1\r\nHost: h\r\n\r\n": 500,
    WS + b"\r\n": 400,
    WS + b"Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n": 400,
    WS + b"Cookie: " + b"y" * 40_000 + b"\r\n\r\n": 431,
    WS.replace(b"/sessions/x", b"/sessions/" + b"y" * 8180) + b"\r\n": 414,
    WS.replace(b"GET", b"POST") + KEY + b"\r\n": 405,
    WS.replace(b"sessions/x", b"\xc3\xa9") + KEY + b"\r\n": 400,
    WS + KEY + b"Content-Length: 5\r\n\r\nhello": 400,
    WS + KEY + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    # A cookie that the pages are served with.
    WS.replace(b"/ws/", b"/no/") + KEY + b"Cookie: " + b"y" * 9000 + b"\r\n\r\n": 404,
}


@pytest.mark.parametrize("request_", REFUSED, ids=lambda request: request[:60].decode("latin-1"))
async def test_refusals_below_the_application_have_the_headers_of_every_answer(request_: bytes) -> None:
    async with serving() as (server, _):
        reader, writer = await call(server)
        writer.write(request_)
        head, _, body = (await read_all(reader)).partition(b"\r\n\r\n")
        assert head.split()[1].decode() == str(REFUSED[request_])
        assert head.lower().count(b"x-frame-options: deny") == 1
        assert body == b"Internal Server Error.\n" if REFUSED[request_] == 500 else json.loads(body)["error"]["code"]
        # What a client is to speak instead (RFC 6455, 4.2.2).
        assert b"sec-websocket-version: 13" in head.lower() or b"Sec-WebSocket-Version: 12" not in request_
        writer.close()
        await server.until(lambda: server.limiter.count == 0)


async def test_no_request_is_run_whose_headers_are_too_many(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (server, application):
        reader, writer = await call(server)
        many = b"".join(b"x-%d: y\r\n" % number for number in range(limits.HEADER_COUNT + 1))
        writer.write(b"POST /echo HTTP/1.1\r\nHost: h\r\n" + many + b"\r\n")
        answer = await read_all(reader)
        assert answer.startswith(b"HTTP/1.1 431")
        assert answer.count(b"HTTP/1.1") == 1
        assert application.asked == 0
        writer.close()
        await server.until(lambda: server.limiter.count == 0)
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


async def test_a_class_that_comes_all_at_once_is_served_or_hears_why_not() -> None:
    async with serving(connections_per_address=40) as (server, _):
        asked = [asyncio.create_task(_ask(server)) for _ in range(60)]
        statuses = [await each for each in asked]
        assert statuses.count(b"200") >= 40
        assert set(statuses) <= {b"200", b"503"}


async def _ask(server: HubServer) -> bytes:
    reader, writer = await call(server)
    writer.write(b"GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    answer = await read_all(reader)
    writer.close()
    return answer.split(b" ", 2)[1] if answer else b"cut"
