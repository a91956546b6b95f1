"""A TCP proxy on the loopback address that can be told to misbehave: to keep back or swallow what comes, or to cut.

`mode` "hold" is a network that is parted: nothing passes, nothing is refused, and what was sent arrives late, when it
is whole again. "swallow" loses it for good; "cut" breaks each line at its next word.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

# A port of the loopback address, or the path of a socket.
Target = int | str


class Proxy:
    """Carries bytes to `target` and back, as long as `mode` is "carry"."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.port = 0
        self._mode = "carry"
        self._passable = asyncio.Event()
        self._passable.set()
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> int:
        """How many connections are open through it."""
        return len(self._lines)

    @property
    def mode(self) -> str:
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode
        if mode == "hold":
            self._passable.clear()
        else:
            self._passable.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            # A line that breaks, or is cut on purpose, just ends: that is what this proxy is for.
            with contextlib.suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
                await self._passable.wait()
                await self._connect(reader, writer)
        finally:
            self._lines.discard(task)
            writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await _open(self.target)
        ways = [
            asyncio.create_task(self._carry_there(reader, there[1], writer)),
            asyncio.create_task(self._carry_back(there[0], writer)),
        ]
        try:
            await asyncio.gather(*ways)
        finally:
            for way in ways:
                way.cancel()
            there[1].close()

    async def _carry_there(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, _back: asyncio.StreamWriter
    ) -> None:
        await self._carry(reader, there)

    async def _carry_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._carry(reader, writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            await self._passable.wait()
            if self.mode == "cut":
                raise ConnectionResetError
            if self.mode == "carry":
                writer.write(piece)
                await writer.drain()
        writer.close()

    def end_lines(self) -> None:
        for line in self._lines:
            line.cancel()


async def _open(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(target, int):
        return await asyncio.open_connection("127.0.0.1", target)
    return await asyncio.open_unix_connection(target)


P = TypeVar("P", bound=Proxy)


@contextlib.asynccontextmanager
async def running(proxy: P) -> AsyncIterator[P]:
    """This proxy for as long as the block runs."""
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.end_lines()


@contextlib.asynccontextmanager
async def running_proxy(target: Target) -> AsyncIterator[Proxy]:
    """A proxy for as long as the block runs."""
    async with running(Proxy(target)) as proxy:
        yield proxy
