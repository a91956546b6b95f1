"""One open websocket and its state.

While its wire takes everything, a channel writes shared frames straight to it and nothing is kept here. While it is
being opened, or its wire is full, what it should hear waits in an `Outbox`; over its bound the socket is closed with
4408 and the client comes back with `after`.
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
from chatserver.realtime.events import Reply
from chatserver.realtime.inbox import Inbox
from chatserver.realtime.limits import BATCH_BYTES, OPENING_EVENTS
from chatserver.realtime.outbox import Outbox
from chatserver.realtime.ports import BoundCommand, Caller
from chatserver.realtime.protocol import GOODBYES, Close
from chatserver.realtime.rate_limit import CommandBudget
from chatserver.realtime.transport import Wire

Encoder = Callable[[Event], bytes]


class Visit(Struct, frozen=True):
    """Who comes, to which session, known up to which seq, from which address, and in which form they want to hear it.

    `address` is hidden (identity/addresses.py).
    """

    viewer: Viewer
    session_id: str
    after: int | None
    address: str
    form: str

    @property
    def user_channel(self) -> str:
        return user_channel(self.viewer.id)

    @property
    def address_channel(self) -> str:
        return address_channel(self.address)


class Lost(Exception):
    """The socket went away while it was being told something."""


class Room(Protocol):
    """What a connection needs of its channel."""

    def answer(self, connection: "Connection", data: bytes) -> None:
        """Sends to this connection alone, after what was announced before."""

    def sort(self, connection: "Connection") -> None:
        """The connection became ready, or is so no more."""

    def leave(self, connection: "Connection") -> None:
        """The connection is gone."""


class Connection:
    """`position` is the seq up to which it was told; `outbox` is None where frames go straight to the wire."""

    __slots__ = (
        "_writable",
        "encoder",
        "id",
        "inbox",
        "is_open",
        "is_over",
        "outbox",
        "over",
        "pinged_at",
        "position",
        "room",
        "visit",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        visit: Visit,
        encoder: Encoder,
        commands: Mapping[str, BoundCommand],
        budget: CommandBudget,
    ) -> None:
        self.id = ids.new()
        self.wire, self.visit, self.encoder = wire, visit, encoder
        self.position = 0
        self.pinged_at = 0.0
        self.outbox: Outbox | None = Outbox()
        self.is_open = False
        self.is_over = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.room: Room | None = None
        self._writable: asyncio.Future[None] | None = None
        caller = Caller(viewer=visit.viewer, session_id=visit.session_id, connection_id=self.id)
        self.inbox = Inbox(caller, commands, budget, self._reply, self._flooding)

    # Opening ------------------------------------------------------------------------------------------------------

    async def tell(self, events: Iterable[Event], turns: asyncio.Semaphore) -> None:
        """Writes events past the outbox, as fast as they are taken: the opening. A batch takes one of the turns that all
        openings share. Raises Lost."""
        waiting = deque(events)
        while waiting:
            await self._until_writable()
            async with turns:
                # The socket may have gone while it waited; a wire that is full in between takes this one batch more.
                if self.is_over:
                    raise Lost
                self.wire.write(protocol.array_frame(self._encode_some(waiting)))
                await asyncio.sleep(0)  # drawing a long history would hold up everybody else

    def _encode_some(self, waiting: deque[Event]) -> list[bytes]:
        parts: list[bytes] = []
        size = 0
        while waiting and len(parts) < OPENING_EVENTS and size <= BATCH_BYTES:
            parts.append(self.encoder(waiting.popleft()))
            size += len(parts[-1])
        return parts

    async def _until_writable(self) -> None:
        if self.wire.is_paused and not self.is_over:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable
        if self.is_over:
            raise Lost

    def open(self, position: int) -> None:
        """Everything up to `position` was told; what waited since follows, and commands may run."""
        self.position, self.is_open = position, True
        self._drain()
        self.inbox.open()

    # To the client ------------------------------------------------------------------------------------------------

    def offer(self, batch: Sequence[Envelope], parts: Sequence[bytes]) -> None:
        """Takes a channel's events, with their encoded form, while this connection is not ready."""
        if self.outbox is None:
            self.wire.write(protocol.array_frame(parts))
            return
        for envelope, data in zip(batch, parts, strict=True):
            assert envelope.event is not None
            seq = envelope.event.durable_seq()
            if seq is None or seq > self.position or not self.is_open:
                self._keep(envelope.event.merge_key(), seq, data)
        self._drain()

    def answer(self, data: bytes) -> None:
        """Sends one encoded event to this connection alone."""
        if self.outbox is None:
            self.wire.write(protocol.array_frame([data]))
        else:
            self._keep(None, None, data)
            self._drain()

    def _keep(self, key: str | None, seq: int | None, data: bytes) -> None:
        if self.outbox is not None and not self.outbox.put(key, seq, data):
            self.close(Close.TOO_SLOW, "come back with after")

    def _drain(self) -> None:
        if not self.is_open or self.outbox is None:
            return
        while self.outbox and not self.wire.is_paused and not self.is_over:
            if parts := self.outbox.take(self.position):
                self.wire.write(protocol.array_frame(parts))
        if self.room is not None:
            self.room.sort(self)

    # Commands -----------------------------------------------------------------------------------------------------

    def _reply(self, reply: Reply) -> None:
        if self.room is not None and not self.is_over:
            self.room.answer(self, encode(reply))

    def _flooding(self, seconds: float) -> None:
        self.close(Close.FLOODING, protocol.retry_reason(seconds))

    # The wire tells -----------------------------------------------------------------------------------------------

    def received(self, text: str) -> None:
        if self.is_over:
            return
        try:
            self.inbox.take(text)
        except protocol.BadFrame:
            self.close(Close.BAD_FRAME, "a frame is one JSON object")

    def received_binary(self) -> None:
        self.close(Close.BAD_FRAME, "frames are text")

    def paused(self) -> None:
        if self.outbox is None and not self.is_over:
            self.outbox = Outbox()
            assert self.room is not None
            self.room.sort(self)

    def resumed(self) -> None:
        self._release()
        self._drain()

    def lost(self) -> None:
        self._end()

    def _release(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # The end ------------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Says goodbye. Nothing is sent or run after that."""
        if self.is_over:
            return
        # A goodbye waits behind a full buffer until somebody reads; whose welcome has ended is not waited for.
        if self.wire.is_paused and code in GOODBYES:
            self.wire.abort()
        else:
            self.wire.close(code, reason)
        self._end()

    def abort(self) -> None:
        """Cuts the socket: nobody reads at its other end."""
        self.wire.abort()
        self._end()

    def _end(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.outbox = Outbox()
        self.inbox.close()
        self._release()
        if self.room is not None:
            self.room.leave(self)
        if not self.over.done():
            self.over.set_result(None)
