"""A TCP proxy on the loopback address that can be told to misbehave: to swallow what comes, or to cut every line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal


class Proxy:
    """Carries bytes to `target_port` and back, as long as `mode` is "carry"."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.mode: Literal["carry", "swallow", "cut"] = "carry"
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            # A line that breaks, or is cut on purpose, just ends: that is what this proxy is for.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection("127.0.0.1", self.target_port)
                await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))
        finally:
            self._lines.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if self.mode == "cut":
                raise ConnectionResetError
            if self.mode == "carry":
                writer.write(piece)
                await writer.drain()
        writer.close()

    def end_lines(self) -> None:
        for line in self._lines:
            line.cancel()


@contextlib.asynccontextmanager
async def running_proxy(target_port: int) -> AsyncIterator[Proxy]:
    """A proxy for as long as the block runs."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.end_lines()
