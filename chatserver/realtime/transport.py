"""What a connection needs of its transport, and an implementation over plain ASGI for other servers."""

import asyncio
import contextlib
from typing import Protocol

import structlog
from starlette.types import Receive, Send

from chatserver.realtime.limits import BUFFER_BYTES, CLOSE_SECONDS
from chatserver.realtime.protocol import payload_of

# The key in `scope["extensions"]` under which edge/websocket_protocol.py publishes the socket's Transport.
EXTENSION = "chatserver.transport"

log = structlog.get_logger(__name__)


class TransportListener(Protocol):
    """Receives the callbacks of a transport, in the order of the events. None of them may block."""

    def text_received(self, text: str) -> None:
        """A text message arrived."""

    def binary_received(self) -> None:
        """A binary message arrived."""

    def pause_writing(self) -> None:
        """The write buffer is full: write no more."""

    def resume_writing(self) -> None:
        """The write buffer has drained."""

    def connection_lost(self) -> None:
        """The socket is closed."""


class Transport(Protocol):
    """One accepted websocket. Nothing but `wait_closed` waits."""

    @property
    def is_paused(self) -> bool:
        """Whether the write buffer is full."""

    @property
    def paused_at(self) -> float:
        """When the write buffer last became full (loop time)."""

    @property
    def received_at(self) -> float:
        """When input last arrived (loop time)."""

    def attach(self, listener: TransportListener) -> None:
        """Calls `listener` from now on."""

    def write(self, frame: bytes, /) -> None:
        """Writes a frame made by `protocol.text_frame`."""

    def ping(self) -> None:
        """Sends a ping; the answer updates `received_at`."""

    def close(self, code: int, reason: str) -> None:
        """Sends a close frame; the socket ends within CLOSE_SECONDS, whatever the client does."""

    def abort(self) -> None:
        """Ends the socket at once and drops unsent output."""

    async def wait_closed(self) -> None:
        """Waits until the close frame is sent, where that needs the application's task."""


class AsgiTransport:
    """A transport over ASGI's `receive` and `send`. A task sends, and exists only while output is queued."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.is_paused = False
        self.paused_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._receive, self._send = receive, send
        self._frames: list[bytes] = []
        self._bytes = 0
        self._sender: asyncio.Task[None] | None = None
        self._closing: tuple[int, str] | None = None
        self._lost = False
        self._listener: TransportListener | None = None
        self._reader = asyncio.create_task(self._read())

    @property
    def received_at(self) -> float:
        """Now: the server itself pings and closes dead sockets."""
        return self._loop.time()

    def attach(self, listener: TransportListener) -> None:
        self._listener = listener

    def ping(self) -> None:
        """Nothing: ASGI has no pings."""

    def write(self, frame: bytes, /) -> None:
        if self._lost or self._closing is not None:
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if self._bytes > BUFFER_BYTES and not self.is_paused:
            self.is_paused, self.paused_at = True, self._loop.time()
            if self._listener is not None:
                self._listener.pause_writing()
        self._wake()

    def close(self, code: int, reason: str) -> None:
        if self._closing is None:
            self._closing = (code, reason)
            self._wake()

    def abort(self) -> None:
        self._disconnect()

    async def wait_closed(self) -> None:
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=CLOSE_SECONDS)
        self._reader.cancel()

    def _wake(self) -> None:
        if self._sender is None and not self._lost:
            self._sender = asyncio.create_task(self._send_queued())

    async def _send_queued(self) -> None:
        # Servers raise various errors for a closed socket; `_read` ends on it too.
        with contextlib.suppress(Exception):
            while self._frames:
                await self._send_one(self._frames.pop(0))
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
                self._disconnect()
        self._sender = None

    async def _send_one(self, frame: bytes) -> None:
        await self._send({"type": "websocket.send", "text": payload_of(frame).decode()})
        self._bytes -= len(frame)
        if self.is_paused and not self._frames:
            self.is_paused = False
            if self._listener is not None:
                self._listener.resume_writing()

    async def _read(self) -> None:
        try:
            while (message := await self._receive())["type"] == "websocket.receive":
                if self._listener is not None and (text := message.get("text")) is not None:
                    self._listener.text_received(text)
                elif self._listener is not None:
                    self._listener.binary_received()
        except Exception:
            log.exception("transport.read_failed")
        self._disconnect()

    def _disconnect(self) -> None:
        if self._lost:
            return
        self._lost = True
        if self._reader is not asyncio.current_task():
            self._reader.cancel()
        if self._sender is not None and self._sender is not asyncio.current_task():
            self._sender.cancel()
        if self._listener is not None:
            self._listener.connection_lost()
