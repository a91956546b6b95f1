"""One open websocket and its state.

While its transport takes everything, the channel writes shared frames straight to it and nothing is buffered here. While
it is being opened or its transport is paused, events wait in an `Outbox`; beyond its limit the socket is closed with 4408
and the client reconnects with `after`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from chatserver import ids
from chatserver.brokers.base import Envelope
from chatserver.events import Event, address_channel, encode, user_channel
from chatserver.identity.viewer import Viewer
from chatserver.realtime import protocol
from chatserver.realtime.events import CommandReply
from chatserver.realtime.inbox import Inbox
from chatserver.realtime.limits import BATCH_BYTES, SNAPSHOT_EVENTS
from chatserver.realtime.outbox import Outbox
from chatserver.realtime.ports import BoundCommand, Caller, SharedEvent
from chatserver.realtime.protocol import CLOSE_REASONS, Close
from chatserver.realtime.rate_limit import CommandRateLimit
from chatserver.realtime.transport import Transport

Encoder = Callable[[Event], bytes]


class ConnectRequest(Struct, frozen=True):
    """A request to open a socket: the viewer, the session, the last seq the client has, and the subprotocol.

    `address` is a keyed hash (`identity.addresses.hidden`).
    """

    viewer: Viewer
    session_id: str
    after: int | None
    address: str
    subprotocol: str

    @property
    def user_channel(self) -> str:
        return user_channel(self.viewer.id)

    @property
    def address_channel(self) -> str:
        return address_channel(self.address)


class Disconnected(Exception):
    """The socket was closed while its snapshot was being sent."""


class ChannelPort(Protocol):
    """What a connection needs of its channel."""

    def send_to(self, connection: "Connection", data: bytes) -> None:
        """Sends encoded data to this connection alone, after the events that were announced before."""

    def readiness_changed(self, connection: "Connection") -> None:
        """The connection can be written to directly, or no longer."""

    def remove(self, connection: "Connection") -> None:
        """The connection is closed."""


class Connection:
    """`position` is the seq up to which the snapshot went; `outbox` is None while frames are written directly.

    `closed` is done when the connection is.
    """

    __slots__ = (
        "_writable",
        "channel",
        "closed",
        "encoder",
        "id",
        "inbox",
        "is_closed",
        "is_open",
        "is_present",
        "outbox",
        "pinged_at",
        "position",
        "request",
        "transport",
    )

    def __init__(
        self,
        transport: Transport,
        request: ConnectRequest,
        encoder: Encoder,
        commands: Mapping[str, BoundCommand],
        rate_limit: CommandRateLimit,
    ) -> None:
        self.id = ids.new()
        self.transport, self.request, self.encoder = transport, request, encoder
        self.position = 0
        self.pinged_at = 0.0
        self.outbox: Outbox | None = Outbox()
        self.is_open = False
        self.is_closed = False
        self.is_present = False  # until the session is read: before that this may be a stranger
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.channel: ChannelPort | None = None
        self._writable: asyncio.Future[None] | None = None
        caller = Caller(viewer=request.viewer, session_id=request.session_id, connection_id=self.id)
        self.inbox = Inbox(caller, commands, rate_limit, self._send_reply, self._close_flooding)

    # Initial synchronization --------------------------------------------------------------------------------------

    async def send_events(self, events: Iterable[Event | SharedEvent], semaphore: asyncio.Semaphore) -> None:
        """Writes the events of a snapshot, past the outbox, as fast as the transport takes them. Raises Disconnected.

        The encoding of each batch holds `semaphore`, which all initial synchronizations share.
        """
        waiting = deque(events)
        while waiting:
            await self._until_writable()
            async with semaphore:
                # The socket may have closed meanwhile. A transport that was paused meanwhile takes this one batch more.
                if self.is_closed:
                    raise Disconnected
                self.transport.write(protocol.array_frame(self._encode_some(waiting)))
                await asyncio.sleep(0)  # rendering a long history would block all other work

    def _encode_some(self, waiting: deque[Event | SharedEvent]) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        while waiting and len(parts) < SNAPSHOT_EVENTS and size <= BATCH_BYTES:
            event = waiting.popleft()
            parts.append(event.encoded(self.encoder) if isinstance(event, SharedEvent) else self.encoder(event))
            size += len(parts[-1])
        return parts

    async def _until_writable(self) -> None:
        if self.transport.is_paused and not self.is_closed:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable
        if self.is_closed:
            raise Disconnected

    def go_live(self, position: int) -> None:
        """The snapshot up to `position` was sent: sends the outbox, and lets commands run."""
        self.position, self.is_open = position, True
        self._flush_outbox()
        self.inbox.start()

    # To the client ------------------------------------------------------------------------------------------------

    def enqueue(self, batch: Sequence[Envelope], parts: Sequence[bytes]) -> None:
        """Takes a batch of the channel, with its encoded form, while this connection is buffered."""
        if self.outbox is None:
            self.transport.write(protocol.array_frame(parts))
            return
        for envelope, data in zip(batch, parts, strict=True):
            assert envelope.event is not None
            seq = envelope.event.durable_seq()
            if seq is None or seq > self.position or not self.is_open:
                self._buffer(envelope.event.merge_key(), seq, data)
        self._flush_outbox()

    def send(self, data: bytes) -> None:
        """Sends one encoded event to this connection alone."""
        if self.outbox is None:
            self.transport.write(protocol.array_frame([data]))
        else:
            self._buffer(None, None, data)
            self._flush_outbox()

    def _buffer(self, key: str | None, seq: int | None, data: bytes) -> None:
        if self.outbox is not None and not self.outbox.append(key, seq, data):
            self.close(Close.TOO_SLOW, "come back with after")

    def _flush_outbox(self) -> None:
        if not self.is_open or self.outbox is None:
            return
        while self.outbox and not self.transport.is_paused and not self.is_closed:
            if parts := self.outbox.pop_batch(self.position):
                self.transport.write(protocol.array_frame(parts))
        if self.channel is not None:
            self.channel.readiness_changed(self)

    # Commands -----------------------------------------------------------------------------------------------------

    def _send_reply(self, reply: CommandReply) -> None:
        if self.channel is not None and not self.is_closed:
            self.channel.send_to(self, encode(reply))

    def _close_flooding(self, seconds: float) -> None:
        self.close(Close.FLOODING, protocol.retry_reason(seconds))

    # Callbacks of the transport -----------------------------------------------------------------------------------

    def text_received(self, text: str) -> None:
        if self.is_closed:
            return
        try:
            self.inbox.accept(text)
        except protocol.BadFrame:
            self.close(Close.BAD_FRAME, "a frame is one JSON object")

    def binary_received(self) -> None:
        self.close(Close.BAD_FRAME, "frames are text")

    def pause_writing(self) -> None:
        if self.outbox is None and not self.is_closed:
            self.outbox = Outbox()
            assert self.channel is not None
            self.channel.readiness_changed(self)

    def resume_writing(self) -> None:
        self._wake_writer()
        self._flush_outbox()

    def connection_lost(self) -> None:
        self._detach()

    def _wake_writer(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # Closing ------------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Sends a close frame. Nothing is sent and no command is run after that."""
        if self.is_closed:
            return
        # A close frame would wait behind a full buffer until the client reads; a revoked socket must end at once.
        if self.transport.is_paused and code in CLOSE_REASONS:
            self.transport.abort()
        else:
            self.transport.close(code, reason)
        self._detach()

    def abort(self) -> None:
        """Ends the socket without a close frame: its client does not read."""
        self.transport.abort()
        self._detach()

    def _detach(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.outbox = Outbox()
        self.inbox.close()
        self._wake_writer()
        if self.channel is not None:
            self.channel.remove(self)
        if not self.closed.done():
            self.closed.set_result(None)
