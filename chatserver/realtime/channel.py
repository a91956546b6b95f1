"""Everyone of this process in one session, and what they are about to hear.

Events are put in order, paced, gathered for one tick of the loop, and go out as one frame that all listeners share.
Replies to single sockets take the same tick, after the events that were announced before them.
"""

import asyncio
from collections.abc import Callable, Mapping

from chatserver.brokers.base import Envelope
from chatserver.events import Event, encode, session_channel
from chatserver.realtime import presence
from chatserver.realtime.cluster.membership import Others
from chatserver.realtime.connection import Connection, Encoder
from chatserver.realtime.events import Presence
from chatserver.realtime.protocol import Close
from chatserver.realtime.reorder_buffer import Order
from chatserver.realtime.subscribers import Audience
from chatserver.realtime.throttle import Pace


class Channel:
    """Of one session. `schedule` asks the hub for a flush at the end of this tick; `missed` for a read of a gap.

    `others` are the processes that may have people in the same session.
    """

    __slots__ = (
        "_audiences",
        "_connections",
        "_is_ending",
        "_loop",
        "_missed",
        "_others",
        "_pace",
        "_presence_at",
        "_presence_timer",
        "_queue",
        "_replies",
        "_schedule",
        "_timer",
        "is_scheduled",
        "name",
        "order",
        "session_id",
    )

    def __init__(
        self,
        session_id: str,
        encoders: Mapping[str, Encoder],
        schedule: Callable[["Channel"], None],
        missed: Callable[["Channel"], None],
        others: Others,
    ) -> None:
        self._others = others
        self.session_id, self.name = session_id, session_channel(session_id)
        self.order = Order()
        self.is_scheduled = False
        self._is_ending = False
        self._audiences = {form: Audience(encoder) for form, encoder in encoders.items()}
        self._connections: dict[Connection, None] = {}
        self._loop = asyncio.get_running_loop()
        self._pace = Pace()
        self._queue: list[Envelope] = []
        self._replies: list[tuple[Connection, bytes]] = []
        self._schedule, self._missed = schedule, missed
        self._timer: asyncio.TimerHandle | None = None
        self._presence_timer: asyncio.TimerHandle | None = None
        self._presence_at = 0.0

    def __len__(self) -> int:
        return len(self._connections)

    # Who is here --------------------------------------------------------------------------------------------------

    def enter(self, connection: Connection) -> None:
        """From now on everything is kept for this connection; it hears it once it is open."""
        connection.room = self
        self._connections[connection] = None
        self._audiences[connection.visit.form].sort(connection)
        self._announce_presence(presence.ARRIVAL_SECONDS)

    def leave(self, connection: Connection) -> None:
        if connection in self._connections:
            del self._connections[connection]
            self._audiences[connection.visit.form].remove(connection)
            self._announce_presence(presence.DEPARTURE_SECONDS)

    def sort(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        if (
            connection.is_open
            and self._is_level(connection)
            and not connection.outbox
            and not connection.wire.is_paused
        ):
            connection.outbox = None
        self._audiences[connection.visit.form].sort(connection)

    def _is_level(self, connection: Connection) -> bool:
        # Ahead of the channel, a connection would hear again what its opening told; also what waits for the flush.
        position = self.order.position
        return position is not None and position >= connection.position and not self._queue

    def presence(self) -> Presence:
        """Who is here now, in this process and in the others."""
        return presence.of(self._connections, self._others.users(self.session_id))

    def people_elsewhere_changed(self) -> None:
        """Another process told who is there."""
        self._announce_presence(presence.ARRIVAL_SECONDS)

    def _announce_presence(self, delay: float) -> None:
        if self._presence_timer is None:
            pause = presence.pause(len(self._connections))
            at = max(self._loop.time() + delay, self._presence_at + pause)
            self._presence_timer = self._loop.call_at(at, self._send_presence)

    def _send_presence(self) -> None:
        self._presence_timer, self._presence_at = None, self._loop.time()
        if self._connections:
            self.tell(self.presence())
            self._others.tell(self.session_id, presence.of(self._connections).users)

    # What they hear -----------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """An event of this process alone."""
        self.take(Envelope(self.name, encode(event), event))

    def take(self, envelope: Envelope) -> None:
        """An event for everyone here, as it came."""
        event = envelope.event
        assert event is not None
        seq = event.durable_seq()
        if seq is None:
            key = event.merge_key()
            if key is not None and not self._pace.admits(key, envelope, self._loop.time()):
                self._arm()
                return
        self._append(self.order.offer(seq, envelope))
        if event.ends_channel():
            self._is_ending = True
            self._schedule(self)
        if seq is not None and self.order.missing:
            self._missed(self)

    def answer(self, connection: Connection, data: bytes) -> None:
        self._replies.append((connection, data))
        self._schedule(self)

    def begin(self, seq: int) -> None:
        """A socket was told everything up to `seq`: where nobody was before, the order starts there."""
        self._append(self.order.begin(seq))
        if self.order.missing:
            self._missed(self)

    def expect(self, seq: int) -> None:
        """The database has reached `seq`."""
        self.order.expect(seq)
        if self.order.missing:
            self._missed(self)

    def fill(self, changes: list[Event], known: int) -> None:
        """A gap was read; `known` was the newest seq expected before the read."""
        envelopes = [Envelope(self.name, encode(event), event) for event in changes]
        self._append(self.order.filled(envelopes, known))

    def _append(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.event is not None and envelope.event.durable_seq() is not None:
                self._queue += self._pace.hurry(self._loop.time())
            self._queue.append(envelope)
        if envelopes:
            self._schedule(self)

    def flush(self) -> None:
        """Sends what this tick gathered."""
        self.is_scheduled = False
        batch, self._queue = self._queue, []
        replies, self._replies = self._replies, []
        if batch:
            for audience in self._audiences.values():
                if audience:
                    audience.deliver(batch)
        for connection, data in replies:
            if not connection.is_over:
                connection.answer(data)
        if self._is_ending:
            self._part()

    def _part(self) -> None:
        """What they listened to is gone, for those too who are just coming in."""
        self._is_ending = False
        for connection in tuple(self._connections):
            connection.close(Close.NO_SESSION, "the session was deleted")

    # Pacing -------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        at = self._pace.next_at()
        if self._timer is None and at is not None:
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        for envelope in self._pace.due(self._loop.time()):
            self._append(self.order.offer(None, envelope))
        self._arm()

    def close(self) -> None:
        """Nobody is here any more."""
        self._others.tell(self.session_id, ())
        for timer in (self._timer, self._presence_timer):
            if timer is not None:
                timer.cancel()
