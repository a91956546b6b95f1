"""The sockets of this process, by channel: what is announced reaches them here, in order, once.

    hub = Hub(broker, EVENTS, {protocol.HTML: drawing.encode})
    database = Database(…, publisher=hub)
    await hub.start(rooms)

An announcement is encoded once and handed to the broker; what the broker brings, from here or from another process,
is taken by its channel and flushed at the end of the tick. What a broker lost is found by `seq` and read.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import msgspec
import structlog

from chatserver.brokers.base import Broker, Envelope
from chatserver.errors import ChatserverError
from chatserver.events import Announcement, Event, encode, session_channel, user_channel
from chatserver.realtime.admission import Admission
from chatserver.realtime.channel import Channel
from chatserver.realtime.cluster.membership import Cluster, ClusterMembership, SingleNode
from chatserver.realtime.cluster.peers import Heartbeat, NodePresence, NodeUsage
from chatserver.realtime.cluster.readiness import Readiness
from chatserver.realtime.connection import Connection, ConnectRequest, Encoder
from chatserver.realtime.events import Presence, Typing
from chatserver.realtime.initial_sync import SyncSemaphores, synchronize
from chatserver.realtime.limits import GAP_RETRY_SECONDS, OVERTAKING_SECONDS, SocketLimits
from chatserver.realtime.maintenance import Maintenance
from chatserver.realtime.ports import Revocation, SessionSource
from chatserver.realtime.protocol import JSON, Close

log = structlog.get_logger(__name__)

EventListener = Callable[[Any], None]


class Hub:
    """`events` are the types that other processes may send; `forms` the encoders of subprotocols beside JSON.

    `secret_key` hides addresses from whoever reads what the broker carries; it is the same at all processes.
    """

    def __init__(
        self,
        broker: Broker,
        events: Sequence[type[Event]] = (),
        forms: Mapping[str, Encoder] | None = None,
        limits: SocketLimits | None = None,
        secret_key: str = "",
    ) -> None:
        self.limits = limits or SocketLimits()
        self.admission = Admission(self.limits)
        self.draining = False
        self.secret_key = secret_key
        self.encoders: dict[str, Encoder] = {JSON: encode, **(forms or {})}
        self._broker = broker
        self._decoder = msgspec.json.Decoder(
            reduce(or_, {*events, Heartbeat, NodePresence, NodeUsage, Presence, Typing})
        )
        self._channels: dict[str, Channel] = {}
        self._listeners: dict[str, list[EventListener]] = {}
        self._scheduled: list[Channel] = []
        self._gap_tasks: dict[Channel, asyncio.Task[None]] = {}
        self._unlisten: dict[Connection, list[Callable[[], None]]] = {}
        self._maintenance: asyncio.Task[None] | None = None
        self._semaphores = SyncSemaphores()
        self.readiness = Readiness(time.monotonic)
        self._cluster: Cluster = SingleNode()
        if broker.spans_processes:
            self._cluster = ClusterMembership(self.publish, self.admission, self._remote_users_changed, self.readiness)

    # The process's life -------------------------------------------------------------------------------------------

    async def start(self, source: SessionSource) -> None:
        """Begins to deliver. `rooms` reads sessions."""
        self.source = source
        self._loop = asyncio.get_running_loop()
        await self._broker.start(self._receive, self._check_for_gap)
        self._cluster.start(self.listen)
        maintenance = Maintenance(self.admission, self.channels, source, self.limits, self.readiness)
        self._maintenance = asyncio.create_task(maintenance.run())

    async def drain(self, seconds: float = 5.0) -> None:
        """Says 1012 to every socket, in jittered waves over so many seconds; new ones are sent elsewhere."""
        self.draining, self.readiness.accepts_users = True, False
        await self.admission.drain(seconds)

    async def close(self) -> None:
        """Ends delivery. The broker is closed by whoever made it."""
        self.draining = True
        for connection in self.admission.connections():
            connection.close(Close.RESTARTING, "restarting")
        if self._maintenance is not None:
            self._maintenance.cancel()
        for task in self._gap_tasks.values():
            task.cancel()
        for channel in list(self._channels.values()):
            self._close_channel(channel)
        self._cluster.close()

    # Announcing ---------------------------------------------------------------------------------------------------

    def publish(self, announcements: Iterable[Announcement]) -> None:
        """Sends events on their way to every process that listens. Never waits, never fails."""
        envelopes = [
            Envelope(announcement.channel, encode(announcement.event), announcement.event)
            for announcement in announcements
        ]
        if envelopes:
            self._broker.publish(envelopes)

    def publish_local(self, channel: str, event: Event) -> None:
        """Sends an event to this process's sockets of a channel alone."""
        found = self._channels.get(channel)
        if found is not None:
            found.broadcast(event)

    def listen(self, channel: str, listener: EventListener) -> Callable[[], None]:
        """Calls `hear(event)` for each event of a channel that is no session's. Call the result to end that."""
        listeners = self._listeners.setdefault(channel, [])
        listeners.append(listener)
        if len(listeners) == 1:
            self._broker.subscribe(channel)

        def unlisten() -> None:
            listeners.remove(listener)
            if not listeners and self._listeners.get(channel) is listeners:
                del self._listeners[channel]
                self._broker.unsubscribe(channel)

        return unlisten

    # Receiving ----------------------------------------------------------------------------------------------------

    def _receive(self, envelope: Envelope) -> None:
        channel = self._channels.get(envelope.channel)
        listeners = self._listeners.get(envelope.channel)
        if channel is None and listeners is None:
            return
        if envelope.event is None:
            event = self._decode(envelope)
            if event is None:
                return
            envelope = Envelope(envelope.channel, envelope.data, event)
        if isinstance(envelope.event, NodePresence | NodeUsage):
            self._cluster.receive(envelope.event)
            return
        if channel is not None:
            channel.receive(envelope)
        for listener in tuple(listeners or ()):
            listener(envelope.event)

    def _decode(self, envelope: Envelope) -> Event | None:
        try:
            event: Event = self._decoder.decode(envelope.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # A newer node may say what this one does not know; durable changes are read by their seq anyway.
            log.warning("hub.unknown_event", channel=envelope.channel, error=type(error).__name__)
            return None
        return event

    def _check_for_gap(self, name: str) -> None:
        channel = self._channels.get(name)
        if channel is not None:
            self._report_gap(channel, check=True)

    def _schedule(self, channel: Channel) -> None:
        if channel.is_scheduled:
            return
        channel.is_scheduled = True
        if not self._scheduled:
            self._loop.call_soon(self._flush)
        self._scheduled.append(channel)

    def _flush(self) -> None:
        scheduled, self._scheduled = self._scheduled, []
        for channel in scheduled:
            try:
                channel.flush()
            except Exception:
                log.exception("hub.flush_failed", channel=channel.name)

    # Gaps ---------------------------------------------------------------------------------------------------------

    def _report_gap(self, channel: Channel, check: bool = False) -> None:
        if channel not in self._gap_tasks:
            self._gap_tasks[channel] = asyncio.create_task(self._fill_gap(channel, check))

    async def _fill_gap(self, channel: Channel, check: bool) -> None:
        """Reads what did not come, once it is clear that it was not only overtaken."""
        try:
            await asyncio.sleep(OVERTAKING_SECONDS)
            while len(channel) and (check or channel.reorder_buffer.has_gap):
                try:
                    await self._read_gap(channel, check)
                    check = False
                except ChatserverError as error:
                    log.warning("hub.gap_unread", channel=channel.name, error=error.code)
                    await asyncio.sleep(GAP_RETRY_SECONDS)
        finally:
            del self._gap_tasks[channel]

    async def _read_gap(self, channel: Channel, check: bool) -> None:
        if check:
            newest = await self.source.sequences([channel.session_id])
            channel.reorder_buffer.expect(newest.get(channel.session_id, 0))
        if channel.reorder_buffer.has_gap:
            known, position = channel.reorder_buffer.expected, channel.reorder_buffer.position or 0
            log.info("hub.gap", channel=channel.name, position=position, known=known)
            changes = await self.source.changes(channel.session_id, position)
            # Where it was only a part, what is still missing is read next.
            channel.fill(changes, max((event.durable_seq() or 0 for event in changes), default=known))

    # Sockets ------------------------------------------------------------------------------------------------------

    def sessions(self) -> list[str]:
        """The sessions that are open here."""
        return [channel.session_id for channel in self._channels.values()]

    def channels(self) -> list[Channel]:
        """Their channels."""
        return list(self._channels.values())

    def connections(self, session_id: str) -> int:
        """How many sockets of a session are open, here and at the other processes."""
        channel = self._channels.get(session_channel(session_id))
        here = len(channel) if channel is not None else 0
        return here + sum(user.connections for user in self._cluster.users(session_id))

    def accepts(self, request: ConnectRequest) -> bool:
        """Whether one more socket is within the bounds, those at other processes counted."""
        return self.admission.admits(request, self._cluster.sockets)

    def _remote_users_changed(self, session_id: str) -> None:
        channel = self._channels.get(session_channel(session_id))
        if channel is not None:
            channel.remote_users_changed()

    async def join(self, connection: Connection) -> None:
        """Opens a connection: all it should know, then live. Raises NotFound for strangers, connection.Lost."""
        channel = self._subscribe(connection)
        await synchronize(connection, channel, self.source, self._semaphores)
        self.readiness.database_answered()

    def _subscribe(self, connection: Connection) -> Channel:
        # Listening comes before reading: what is announced between the two waits in the connection's outbox.
        name = session_channel(connection.request.session_id)
        channel = self._channels.get(name)
        if channel is None:
            channel = Channel(
                connection.request.session_id, self.encoders, self._schedule, self._report_gap, self._cluster
            )
            self._channels[name] = channel
            self._broker.subscribe(name)
        channel.add(connection)
        # Of what the others' sockets use, `_receive` tells them that count it.
        listeners = {connection.request.user_channel: self._revoke, connection.request.address_channel: _ignore}
        self._unlisten[connection] = [self.listen(name, listener) for name, listener in listeners.items()]
        return channel

    def leave(self, connection: Connection) -> None:
        """A connection is over; the last one of a session closes its channel."""
        for unlisten in self._unlisten.pop(connection, []):
            unlisten()
        channel = self._channels.get(session_channel(connection.request.session_id))
        if channel is None:
            return
        channel.remove(connection)
        if not len(channel):
            self._close_channel(channel)

    def _close_channel(self, channel: Channel) -> None:
        channel.close()
        if self._channels.pop(channel.name, None) is not None:
            self._broker.unsubscribe(channel.name)

    def _revoke(self, event: Any) -> None:
        if not isinstance(event, Revocation):
            return
        for connection in self.admission.connections_of(user_channel(event.user_id)):
            if event.account_closed:
                connection.close(Close.ACCOUNT_CLOSED, "account closed")
            elif connection.request.viewer.credential_id in event.credential_ids:
                connection.close(Close.NOT_SIGNED_IN, "signed out")


def _ignore(event: Any) -> None:
    """An ear for a channel that is listened to for the others' sake."""
