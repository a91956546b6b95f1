"""The membership of this process in the cluster: reports its presence and usage, and applies limits over all nodes.

    cluster = ClusterMembership(hub.publish, admission, presence_changed, readiness)    # or SingleNode()

Nothing here is ever waited for. While the broker is away, each process applies the limits to its own sockets only.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog

from chatserver.events import Announcement, Event, session_channel
from chatserver.realtime.admission import Admission
from chatserver.realtime.cluster.peers import LIVENESS_SECONDS, Heartbeat, NodePresence, NodeUsage, Peers
from chatserver.realtime.cluster.readiness import Readiness
from chatserver.realtime.events import PresentUser
from chatserver.realtime.protocol import Close, retry_reason

NODES_CHANNEL = "nodes"
HEARTBEAT_SECONDS = 1.0
# Every report is repeated after so many ticks, spread over them by session and holder.
REPEAT_TICKS = 10
# So many reports of a session that was just opened ask for an answer: the first may precede the subscription.
PRESENCE_QUERIES = 3

log = structlog.get_logger(__name__)

Publish = Callable[[Iterable[Announcement]], None]
# hub.Hub.listen: (channel, listener) → a function that ends it.
Listen = Callable[[str, Callable[[Any], None]], Callable[[], None]]


class Cluster(Protocol):
    """What the hub and its channels need of the other processes."""

    def start(self, listen: Listen) -> None:
        """Begins to send heartbeats and to receive those of the others."""

    def close(self) -> None:
        """Leaves the cluster."""

    def users(self, session_id: str) -> list[PresentUser]:
        """The users of a session at the other processes."""

    def report_users(self, session_id: str, users: tuple[PresentUser, ...]) -> None:
        """Reports the users of a session at this process; none when its channel is closed."""

    def sockets(self, holder: str) -> int:
        """The number of sockets of a user or an address, named by its channel, at the other processes."""

    def receive(self, event: NodePresence | NodeUsage) -> None:
        """Takes a report of a process, this one included."""


class SingleNode:
    """The cluster of a single process."""

    def start(self, listen: Listen) -> None: ...

    def close(self) -> None: ...

    def users(self, session_id: str) -> list[PresentUser]:  # noqa: ARG002
        return []

    def report_users(self, session_id: str, users: tuple[PresentUser, ...]) -> None: ...

    def sockets(self, holder: str) -> int:  # noqa: ARG002
        return 0

    def receive(self, event: NodePresence | NodeUsage) -> None: ...


class ClusterMembership:
    """The cluster over a broker. `changed(session_id)` is called when the users of a session at other nodes change."""

    def __init__(
        self, publish: Publish, admission: Admission, changed: Callable[[str], None], readiness: Readiness
    ) -> None:
        self._publish, self._admission, self._changed, self._readiness = publish, admission, changed, readiness
        self._peers = Peers(time.monotonic)
        self._reported_users: dict[str, tuple[PresentUser, ...]] = {}
        self._queries: dict[str, int] = {}
        self._reported_sockets: dict[str, tuple[str, ...]] = {}
        self._ticks = 0
        self._task: asyncio.Task[None] | None = None

    # Life cycle ---------------------------------------------------------------------------------------------------

    def start(self, listen: Listen) -> None:
        listen(NODES_CHANNEL, self._receive_heartbeat)
        self._task = asyncio.create_task(self._run())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._publish_to(NODES_CHANNEL, Heartbeat(node=self._peers.node, leaving=True))

    async def _run(self) -> None:
        while True:
            try:
                self._tick()
            except Exception:
                # Without heartbeats the others would take this process for dead.
                log.exception("cluster.tick_failed")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _tick(self) -> None:
        self._ticks += 1
        self._publish_to(NODES_CHANNEL, Heartbeat(node=self._peers.node, fit=self._readiness.tick()))
        if self._readiness.is_partitioned and self._peers.is_any_ready():
            self._close_all()
        for session_id in list(self._reported_users):
            if session_id in self._queries or self._is_due(session_id):
                self._send_presence(session_id)
        self._send_usage_changes()
        for session_id in self._peers.changed_sessions():
            self._changed(session_id)

    def _close_all(self) -> None:
        """Only this process does not reach the database: its clients reconnect to another one."""
        connections = self._admission.connections()
        if connections:
            log.warning("cluster.partitioned", connections=len(connections))
        for connection in connections:
            connection.close(Close.RESTARTING, "restarting")

    def _is_due(self, name: str) -> bool:
        return (hash(name) + self._ticks) % REPEAT_TICKS == 0

    def _publish_to(self, channel: str, event: Event) -> None:
        self._publish([Announcement(channel, event)])

    # Presence -----------------------------------------------------------------------------------------------------

    def users(self, session_id: str) -> list[PresentUser]:
        return self._peers.users(session_id)

    def report_users(self, session_id: str, users: tuple[PresentUser, ...]) -> None:
        if users == self._reported_users.get(session_id, ()):
            return
        if session_id not in self._reported_users:
            self._queries[session_id] = PRESENCE_QUERIES
        self._reported_users[session_id] = users
        self._send_presence(session_id)
        if not users:
            self._forget_session(session_id)

    def _send_presence(self, session_id: str) -> None:
        asks = self._queries.pop(session_id, 0)
        if asks > 1:
            self._queries[session_id] = asks - 1
        presence = NodePresence(
            node=self._peers.node, session_id=session_id, users=self._reported_users[session_id], asks=asks > 0
        )
        self._publish_to(session_channel(session_id), presence)

    def _forget_session(self, session_id: str) -> None:
        del self._reported_users[session_id]
        self._queries.pop(session_id, None)
        self._peers.forget_session(session_id)

    # Usage --------------------------------------------------------------------------------------------------------

    def sockets(self, holder: str) -> int:
        return len(self._peers.sockets(holder))

    def _send_usage_changes(self) -> None:
        holders = self._admission.holders()
        for holder in holders | self._reported_sockets.keys():
            sockets, commands = self._local_sockets(holder), self._admission.collect_unreported(holder)
            if commands or sockets != self._reported_sockets.get(holder) or self._is_due(holder):
                self._send_usage(holder, sockets, commands)
        self._peers.retain_holders(holders)

    def _local_sockets(self, holder: str) -> tuple[str, ...]:
        return tuple(connection.id for connection in self._admission.connections_of(holder))

    def _send_usage(self, holder: str, sockets: tuple[str, ...], commands: int = 0) -> None:
        is_new = holder not in self._reported_sockets
        self._reported_sockets[holder] = sockets
        if not sockets:
            del self._reported_sockets[holder]
        usage = NodeUsage(node=self._peers.node, holder=holder, sockets=sockets, commands=commands, asks=is_new)
        self._publish_to(holder, usage)

    # Receiving ----------------------------------------------------------------------------------------------------

    def _receive_heartbeat(self, heartbeat: Heartbeat) -> None:
        if heartbeat.node != self._peers.node:
            self._peers.record_heartbeat(heartbeat)

    def receive(self, event: NodePresence | NodeUsage) -> None:
        if event.node == self._peers.node:
            return
        if isinstance(event, NodePresence):
            self._receive_presence(event)
        else:
            self._receive_usage(event)

    def _receive_presence(self, presence: NodePresence) -> None:
        if presence.session_id not in self._reported_users:
            return
        if self._peers.record_presence(presence):
            self._changed(presence.session_id)
        if presence.asks:
            self._send_presence(presence.session_id)

    def _receive_usage(self, usage: NodeUsage) -> None:
        if not self._admission.has_holder(usage.holder):
            return
        self._peers.record_usage(usage)
        if usage.commands:
            self._admission.rate_limit(usage.holder).add_remote(usage.commands, asyncio.get_running_loop().time())
        self._close_excess(usage.holder)
        if usage.asks:
            self._send_usage(usage.holder, self._local_sockets(usage.holder))

    def _close_excess(self, holder: str) -> None:
        """Two processes may each have admitted a last socket: the newest of all are closed, at whichever process."""
        for connection in self._admission.excess(holder, self._peers.sockets(holder)):
            connection.close(Close.FLOODING, retry_reason(LIVENESS_SECONDS))
