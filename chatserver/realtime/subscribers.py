"""The connections of one channel with one subprotocol. A batch is encoded once; the same frame is written to all."""

from collections.abc import Callable, Sequence

from chatserver.brokers.base import Envelope
from chatserver.events import encode
from chatserver.realtime import protocol
from chatserver.realtime.connection import Connection, Encoder
from chatserver.realtime.limits import BATCH_BYTES

Write = Callable[[bytes], None]


class Subscribers:
    """Ready connections are written to directly; `buffered` ones are being opened or paused, and have an outbox."""

    __slots__ = ("_direct", "_encoder", "_writes", "buffered")

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._direct: dict[Connection, Write] = {}
        self._writes: tuple[Write, ...] | None = None
        self.buffered: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._direct) + len(self.buffered)

    def update(self, connection: Connection) -> None:
        """Adds a connection, or moves it to the group that fits its state."""
        self.discard(connection)
        if connection.outbox is None:
            self._direct[connection] = connection.transport.write
            self._writes = None
        else:
            self.buffered[connection] = None

    def discard(self, connection: Connection) -> None:
        """Removes a connection, if it is here."""
        self.buffered.pop(connection, None)
        if self._direct.pop(connection, None) is not None:
            self._writes = None

    def broadcast(self, batch: Sequence[Envelope]) -> None:
        """Sends a batch of events to all connections: in one frame, or in several where it exceeds BATCH_BYTES."""
        parts = self._encode(batch)
        if len(parts) == 1 or sum(map(len, parts)) <= BATCH_BYTES:
            self._broadcast_frame(batch, parts)
            return
        for cut in protocol.batches([len(part) for part in parts]):
            self._broadcast_frame(batch[cut], parts[cut])

    def _encode(self, batch: Sequence[Envelope]) -> list[bytes]:
        if self._encoder is encode:
            return [_for_programs(envelope) for envelope in batch]
        return [self._encoder(envelope.event) for envelope in batch if envelope.event]

    def _broadcast_frame(self, batch: Sequence[Envelope], parts: Sequence[bytes]) -> None:
        # A write may pause its transport, which moves the connection to `buffered`; so both groups are copied first.
        buffered = tuple(self.buffered)
        if self._direct:
            frame = protocol.array_frame(parts)
            if self._writes is None:
                self._writes = tuple(self._direct.values())
            for write in self._writes:
                write(frame)
        for connection in buffered:
            connection.enqueue(batch, parts)


def _for_programs(envelope: Envelope) -> bytes:
    """What the broker carried, where programs get all of it."""
    assert envelope.event is not None
    event = envelope.event.for_programs()
    return envelope.data if event is envelope.event else encode(event)
