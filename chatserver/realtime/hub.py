"""The hub: the channels and sockets of this process, to which announced events are delivered in order and once.

    hub = Hub(broker, events, {protocol.HTML: renderer.encode})
    database = Database(…, publisher=hub)
    await hub.start(source)

An announcement is encoded once and published to the broker. What the broker delivers, from this or another process, is
received by its channel, which is flushed at the end of the loop's iteration. Lost ones are found by `seq` and read.
"""

import asyncio
import contextvars
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any

import msgspec
import structlog

from chatserver.brokers.base import Broker, Envelope
from chatserver.errors import ChatserverError
from chatserver.events import Announcement, Event, UserEvent, encode, session_channel
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
# What other processes report of themselves.
_NODE_REPORTS = (NodePresence, NodeUsage)


class Hub:
    """`events` are the types that other processes may publish; `forms` the encoders of subprotocols besides JSON.

    `secret_key` is the key of the hashes by which processes name addresses; it is the same in all of them.
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
        self._missed_listeners: dict[str, list[Callable[[], None]]] = {}
        self._scheduled: list[Channel] = []
        self._gap_tasks: dict[Channel, asyncio.Task[None]] = {}
        self._unlisten: dict[Connection, list[Callable[[], None]]] = {}
        self._maintenance: asyncio.Task[None] | None = None
        self._semaphores = SyncSemaphores()
        self.readiness = Readiness(time.monotonic)
        self._cluster: Cluster = SingleNode()
        if broker.spans_processes:
            self._cluster = ClusterMembership(self.publish, self.admission, self._remote_users_changed, self.readiness)

    # Life cycle ---------------------------------------------------------------------------------------------------

    async def start(self, source: SessionSource) -> None:
        """Begins delivery. `source` reads sessions."""
        self.source = source
        self._loop = asyncio.get_running_loop()
        await self._broker.start(self._deliver, self._check_for_gap)
        self._cluster.start(self.listen)
        maintenance = Maintenance(self.admission, self.channels, source, self.limits, self.readiness)
        self._maintenance = asyncio.create_task(maintenance.run())

    async def drain(self, seconds: float = 5.0) -> None:
        """Closes every socket with 1012, in jittered waves over so many seconds; new sockets are refused with 1012."""
        self.draining, self.readiness.accepts_users = True, False
        await self.admission.drain(seconds)

    async def close(self) -> None:
        """Ends delivery and closes all sockets. Does not close the broker."""
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

    # Publishing ---------------------------------------------------------------------------------------------------

    def publish(self, announcements: Iterable[Announcement]) -> None:
        """Publishes events to every process that is subscribed to their channels. Never waits, never raises."""
        envelopes = [Envelope(each.channel, encode(each.event), each.event) for each in announcements]
        if envelopes:
            self._broker.publish(envelopes)

    def publish_local(self, channel: str, event: Event) -> None:
        """Sends an event to the sockets that this process has in a session's channel, and to no other process."""
        found = self._channels.get(channel)
        if found is not None:
            found.broadcast(event)

    def listen(
        self, channel: str, listener: EventListener, *, missed: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """Calls `listener(event)` for each event of a channel, and `missed()` where the broker may have lost some.

        Returns a function that ends that.
        """
        listeners = self._listeners.setdefault(channel, [])
        listeners.append(listener)
        if missed is not None:
            self._missed_listeners.setdefault(channel, []).append(missed)
        if len(listeners) == 1:
            self._broker.subscribe(channel)

        def unlisten() -> None:
            listeners.remove(listener)
            if missed is not None:
                self._missed_listeners[channel].remove(missed)
                if not self._missed_listeners[channel]:
                    del self._missed_listeners[channel]
            if not listeners and self._listeners.get(channel) is listeners:
                del self._listeners[channel]
                self._broker.unsubscribe(channel)

        return unlisten

    # Receiving ----------------------------------------------------------------------------------------------------

    def _deliver(self, envelope: Envelope) -> None:
        channel = self._channels.get(envelope.channel)
        listeners = self._listeners.get(envelope.channel)
        if channel is None and listeners is None:
            return
        if envelope.event is None:
            event = self._decode(envelope)
            if event is None:
                return
            envelope = Envelope(envelope.channel, envelope.data, event)
        if isinstance(envelope.event, _NODE_REPORTS):
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
            # A newer version may publish unknown events during an upgrade; durable changes are read by their seq.
            log.warning("hub.unknown_event", channel=envelope.channel, error=type(error).__name__)
            return None
        return event

    def _check_for_gap(self, name: str) -> None:
        for missed in tuple(self._missed_listeners.get(name, ())):
            missed()
        channel = self._channels.get(name)
        if channel is not None:
            self._report_gap(channel, check=True)

    def _schedule(self, channel: Channel) -> None:
        if channel.is_scheduled:
            return
        channel.is_scheduled = True
        if not self._scheduled:
            self._loop.call_soon(self._flush_channels)
        self._scheduled.append(channel)

    def _flush_channels(self) -> None:
        scheduled, self._scheduled = self._scheduled, []
        for channel in scheduled:
            try:
                channel.flush()
            except Exception:
                log.exception("hub.flush_failed", channel=channel.name)

    # Gaps ---------------------------------------------------------------------------------------------------------

    def _report_gap(self, channel: Channel, check: bool = False) -> None:
        if channel not in self._gap_tasks:
            # For everybody: not in the context of whoever came first, nor with their share of the database.
            self._gap_tasks[channel] = asyncio.create_task(
                self._fill_gap(channel, check), context=contextvars.Context()
            )

    async def _fill_gap(self, channel: Channel, check: bool) -> None:
        """Reads the missing events, after a delay in which events that were only overtaken arrive.

        `check` compares with the database first, where nothing shows yet that an event is missing.
        """
        try:
            await asyncio.sleep(OVERTAKING_SECONDS)
            while len(channel) and (check or channel.reorder_buffer.has_gap):
                try:
                    await self._read_gap(channel, check)
                    check = False
                except ChatserverError as error:
                    log.warning("hub.gap_unread", channel=channel.name, error=error.code)
                    await asyncio.sleep(GAP_RETRY_SECONDS)
                except Exception:
                    # Nothing else reads it: what comes after the gap would wait for the next change.
                    log.exception("hub.gap_unread", channel=channel.name)
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
            # Where these are only a part of the missing events, the loop in `_fill_gap` reads the next.
            channel.fill(changes, max((event.durable_seq() or 0 for event in changes), default=known))

    # Sockets ------------------------------------------------------------------------------------------------------

    def sessions(self) -> list[str]:
        """The ids of the sessions that have a socket here."""
        return [channel.session_id for channel in self._channels.values()]

    def channels(self) -> list[Channel]:
        """The channels of the sessions that have a socket here."""
        return list(self._channels.values())

    def connections(self, session_id: str) -> int:
        """The number of sockets of a session, at all processes."""
        channel = self._channels.get(session_channel(session_id))
        here = len(channel) if channel is not None else 0
        return here + sum(user.connections for user in self._cluster.users(session_id))

    def open_connections(self) -> list[Connection]:
        """The sockets here whose users are known to be members and whose snapshots were sent."""
        return [each for each in self.admission.connections() if each.is_open and not each.is_closed]

    def accepts(self, request: ConnectRequest) -> bool:
        """Whether one more socket is within the limits of its user and address, over all processes."""
        return self.admission.admits(request, self._cluster.sockets)

    def _remote_users_changed(self, session_id: str) -> None:
        channel = self._channels.get(session_channel(session_id))
        if channel is not None:
            channel.remote_users_changed()

    async def join(self, connection: Connection) -> None:
        """Subscribes a connection and synchronizes it. Raises NotFound for strangers, and connection.Disconnected."""
        channel = self._subscribe_connection(connection)
        await synchronize(connection, channel, self.source, self._semaphores)
        self.readiness.database_answered()

    def _subscribe_connection(self, connection: Connection) -> Channel:
        # Subscribed before the session is read: events between the two wait in the outbox of the connection.
        name = session_channel(connection.request.session_id)
        channel = self._channels.get(name)
        if channel is None:
            channel = Channel(
                connection.request.session_id, self.encoders, self._schedule, self._report_gap, self._cluster
            )
            self._channels[name] = channel
            self._broker.subscribe(name)
        channel.add(connection)
        # NodeUsage events on the channel of an address go to the cluster in `_deliver`; the subscription needs a listener.
        listeners: dict[str, EventListener] = {
            connection.request.user_channel: partial(_receive_of_user, connection),
            connection.request.address_channel: _ignore,
        }
        self._unlisten[connection] = [self.listen(name, listener) for name, listener in listeners.items()]
        return channel

    def leave(self, connection: Connection) -> None:
        """Unsubscribes a closed connection; the last one of a session closes its channel."""
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


def _receive_of_user(connection: Connection, event: Any) -> None:
    """The listener of one connection on the channel of its user."""
    if isinstance(event, Revocation):
        _revoke(connection, event)
    elif isinstance(event, UserEvent) and connection.channel is not None:
        connection.channel.send_to(connection, connection.encoder(event))


def _revoke(connection: Connection, event: Revocation) -> None:
    if event.account_closed:
        connection.close(Close.ACCOUNT_CLOSED, "account closed")
    elif connection.request.viewer.credential_id in event.credential_ids:
        connection.close(Close.NOT_SIGNED_IN, "signed out")


def _ignore(event: Any) -> None:
    """The listener of a channel whose events are handled in `_deliver`."""
