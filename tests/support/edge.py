"""The edge before a store: a proxy that knows where a request of HTTP begins, and can be told to mistreat requests."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

from tests.support import proxy
from tests.support.proxy import Proxy, Target

# One byte in so many seconds: often enough that nobody who waits for the next one alone grows impatient.
DRIP_SECONDS = 0.2

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
_CODES = {"500": ("Internal Server Error", "InternalError"), "503": ("Slow Down", "SlowDown")}


class Edge(Proxy):
    """`mode` "withhold" never says "100 Continue"; "drip" lets bodies and answers through byte by byte; "500" and
    "503" (slow down) answer in the store's place. `withheld` and `refused` count the requests that this has met."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.withheld = 0
        self.refused = 0

    async def _carry_there(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if self.mode == "withhold" and _EXPECTS.search(head):
                await self._withhold(reader)
            if self.mode in _CODES:
                return await self._refuse(head, reader, back)
            there.write(head)
            await self._carry_body(head, reader, there)

    async def _withhold(self, reader: asyncio.StreamReader) -> None:
        self.withheld += 1
        while self.mode == "withhold":
            if reader.at_eof() or reader.exception():
                raise ConnectionResetError
            await asyncio.sleep(0.02)

    async def _refuse(self, head: bytes, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self.refused += 1
        if not _EXPECTS.search(head):
            await reader.readexactly(_length(head))
        back.write(_refusal(self.mode, has_body=not head.startswith(b"HEAD ")))
        await back.drain()
        raise ConnectionResetError

    async def _carry_body(self, head: bytes, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        left = _length(head)
        while left:
            piece = await reader.read(min(left, 65536))
            if not piece:
                raise ConnectionResetError
            left -= len(piece)
            await self._write(piece, there)

    async def _carry_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            await self._write(piece, writer)
        writer.close()

    async def _write(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        while piece and self.mode == "drip":
            writer.write(piece[:1])
            await writer.drain()
            piece = piece[1:]
            await asyncio.sleep(DRIP_SECONDS)
        writer.write(piece)
        await writer.drain()


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def _refusal(status: str, *, has_body: bool) -> bytes:
    reason, code = _CODES[status]
    body = f"<Error><Code>{code}</Code><Message>Not now.</Message></Error>"
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body if has_body else ''}".encode()


@contextlib.asynccontextmanager
async def running_edge(target: Target) -> AsyncIterator[Edge]:
    """An edge for as long as the block runs."""
    async with proxy.running(Edge(target)) as edge:
        yield edge
