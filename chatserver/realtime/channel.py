"""The channel of one session in this process: its connections, and the events on their way to them.

Events are ordered, throttled, collected during one iteration of the loop, and sent as one frame to all connections.
Replies to single sockets are sent in the same iteration, after the events that were announced before them.
"""

import asyncio
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from chatserver.brokers.base import Envelope
from chatserver.events import Event, encode, session_channel
from chatserver.realtime import presence
from chatserver.realtime.cluster.membership import Cluster
from chatserver.realtime.connection import Connection, Encoder
from chatserver.realtime.events import Presence
from chatserver.realtime.protocol import Close
from chatserver.realtime.reorder_buffer import ReorderBuffer
from chatserver.realtime.subscribers import Subscribers
from chatserver.realtime.throttle import Throttle


class Channel:
    """`schedule_flush` asks the hub to call `flush` at the end of this iteration, `report_gap` to read what is missing.

    `cluster` knows the users that the other processes have in the session.
    """

    __slots__ = (
        "_cluster",
        "_connections",
        "_in_use",
        "_is_ending",
        "_loop",
        "_presence_at",
        "_presence_timer",
        "_queue",
        "_replies",
        "_report_gap",
        "_roster",
        "_schedule_flush",
        "_subscribers",
        "_throttle",
        "_timer",
        "is_scheduled",
        "name",
        "reorder_buffer",
        "session_id",
    )

    def __init__(
        self,
        session_id: str,
        encoders: Mapping[str, Encoder],
        schedule_flush: Callable[["Channel"], None],
        report_gap: Callable[["Channel"], None],
        cluster: Cluster,
    ) -> None:
        self._cluster = cluster
        self.session_id, self.name = session_id, session_channel(session_id)
        self.reorder_buffer = ReorderBuffer()
        self.is_scheduled = False
        self._is_ending = False
        self._subscribers = {form: Subscribers(encoder) for form, encoder in encoders.items()}
        # Those of the forms that somebody has: what is not touched for an event costs it no memory.
        self._in_use: tuple[Subscribers, ...] = ()
        self._connections: dict[Connection, None] = {}
        self._roster = presence.Roster()
        self._loop = asyncio.get_running_loop()
        self._throttle = Throttle()
        self._queue: list[Envelope] = []
        self._replies: list[tuple[Connection, bytes]] = []
        self._schedule_flush, self._report_gap = schedule_flush, report_gap
        self._timer: asyncio.TimerHandle | None = None
        self._presence_timer: asyncio.TimerHandle | None = None
        self._presence_at = 0.0

    def __len__(self) -> int:
        return len(self._connections)

    # Connections and presence -------------------------------------------------------------------------------------

    def add(self, connection: Connection) -> None:
        """Adds a connection. From now on events wait in its outbox, until it is live."""
        connection.channel = self
        self._connections[connection] = None
        self._subscribers[connection.request.subprotocol].update(connection)
        self._find_forms_in_use()

    def mark_present(self, connection: Connection, name: str) -> None:
        """From now on presence lists its user, under the name of the membership, which is unique in the session."""
        request = connection.request
        connection.request = replace(request, viewer=replace(request.viewer, name=name))
        # It may have left while its session was read.
        if connection in self._connections:
            connection.is_present = True
            self._roster.arrive(connection.request.viewer)
            self._schedule_presence(presence.JOIN_DELAY_SECONDS)

    def remove(self, connection: Connection) -> None:
        if connection in self._connections:
            del self._connections[connection]
            self._subscribers[connection.request.subprotocol].discard(connection)
            self._find_forms_in_use()
            if connection.is_present:
                self._roster.depart(connection.request.viewer)
                self._schedule_presence(presence.LEAVE_DELAY_SECONDS)

    def _find_forms_in_use(self) -> None:
        self._in_use = tuple(filter(None, self._subscribers.values()))

    def readiness_changed(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        if (
            connection.is_open
            and self._has_caught_up(connection)
            and not connection.outbox
            and not connection.transport.is_paused
        ):
            connection.outbox = None
        self._subscribers[connection.request.subprotocol].update(connection)

    def _has_caught_up(self, connection: Connection) -> bool:
        # Ahead of the channel, it would get events again that its snapshot had; so it would those that wait for the flush.
        position = self.reorder_buffer.position
        return position is not None and position >= connection.position and not self._queue

    def presence(self) -> Presence:
        """The users of the session, in this process and in the others."""
        return Presence(users=self._roster.users(self._cluster.users(self.session_id)))

    def remote_users_changed(self) -> None:
        """The users that another process has in the session have changed."""
        self._schedule_presence(presence.JOIN_DELAY_SECONDS)

    def _schedule_presence(self, delay: float) -> None:
        if self._presence_timer is None:
            interval = presence.interval(len(self._connections))
            at = max(self._loop.time() + delay, self._presence_at + interval)
            self._presence_timer = self._loop.call_at(at, self._send_presence)

    def _send_presence(self) -> None:
        self._presence_timer, self._presence_at = None, self._loop.time()
        if self._connections:
            self.broadcast(self.presence())
            self._cluster.report_users(self.session_id, self._roster.users())

    # Events -------------------------------------------------------------------------------------------------------

    def broadcast(self, event: Event) -> None:
        """Sends an event to the connections of this process only."""
        self.receive(Envelope(self.name, encode(event), event))

    def receive(self, envelope: Envelope) -> None:
        """Takes an event as the broker delivered it; the envelope holds the decoded event."""
        event = envelope.event
        assert event is not None
        seq = event.durable_seq()
        if seq is None:
            key = event.merge_key()
            if key is not None and not self._throttle.admit(key, envelope, self._loop.time()):
                self._arm_timer()
                return
        self._append(self.reorder_buffer.push(seq, envelope))
        if event.ends_channel():
            self._is_ending = True
            self._schedule_flush(self)
        if seq is not None and self.reorder_buffer.has_gap:
            self._report_gap(self)

    def send_to(self, connection: Connection, data: bytes) -> None:
        self._replies.append((connection, data))
        self._schedule_flush(self)

    def start_at(self, seq: int) -> None:
        """A socket has everything up to `seq`: the first one sets where the order starts."""
        self._append(self.reorder_buffer.start_at(seq))
        if self.reorder_buffer.has_gap:
            self._report_gap(self)

    def expect(self, seq: int) -> None:
        """The session's stream is known to have reached `seq`."""
        self.reorder_buffer.expect(seq)
        if self.reorder_buffer.has_gap:
            self._report_gap(self)

    def fill(self, changes: list[Event], known: int) -> None:
        """Takes the events of a gap as read from the database, which are complete up to the seq `known`."""
        envelopes = [Envelope(self.name, encode(event), event) for event in changes]
        self._append(self.reorder_buffer.fill(envelopes, known))

    def _append(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            # There is a timer as long as the throttle keeps something.
            if self._timer is not None and envelope.event is not None and envelope.event.durable_seq() is not None:
                self._queue += self._throttle.pop_all(self._loop.time())
            self._queue.append(envelope)
        if envelopes:
            self._schedule_flush(self)

    def flush(self) -> None:
        """Sends the events and replies that were collected during this iteration."""
        self.is_scheduled = False
        batch, self._queue = self._queue, []
        replies, self._replies = self._replies, []
        if batch:
            for subscribers in self._in_use:
                subscribers.broadcast(batch)
        for connection, data in replies:
            if not connection.is_closed:
                connection.send(data)
        if self._is_ending:
            self._close_all()

    def _close_all(self) -> None:
        """Closes all connections after the event that ends the channel, those that are being opened too."""
        self._is_ending = False
        for connection in tuple(self._connections):
            connection.close(Close.NO_SESSION, "the session was deleted")

    # Throttling ---------------------------------------------------------------------------------------------------

    def _arm_timer(self) -> None:
        at = self._throttle.next_at()
        if self._timer is None and at is not None:
            self._timer = self._loop.call_at(at, self._release_throttled)

    def _release_throttled(self) -> None:
        self._timer = None
        for envelope in self._throttle.due(self._loop.time()):
            self._append(self.reorder_buffer.push(None, envelope))
        self._arm_timer()

    def close(self) -> None:
        """The last connection has left."""
        self._cluster.report_users(self.session_id, ())
        for timer in (self._timer, self._presence_timer):
            if timer is not None:
                timer.cancel()
