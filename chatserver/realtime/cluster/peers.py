"""What the nodes report to each other: the users of each session, and the sockets and commands of each user and address.

The reports are events like all others: the broker carries them on channels that the other nodes are subscribed to anyway;
they never reach a socket. Each node sends a `Heartbeat` once a second, and its reports count only while it does: a node
that died is ignored within seconds, and while Redis is away each node knows only itself. Everything is reported again from
time to time, which makes good for lost reports.
"""

import secrets
from collections.abc import Callable
from typing import TypeVar

from chatserver.events import Event
from chatserver.realtime.events import PresentUser

T = TypeVar("T")
# A node without a sign of life for this long counts as dead. An event loop is not blocked for so long.
LIVENESS_SECONDS = 3.0
# Its reports are kept so much longer, in case that only Redis was away.
FORGET_SECONDS = 120.0
# Further nodes are ignored, which bounds the memory.
MAX_NODES = 64


class Heartbeat(Event, frozen=True, kw_only=True, tag="beat"):
    """A sign of life, or with `leaving` the end of a node. `fit`: it can serve users (`readiness`)."""

    node: str
    leaving: bool = False
    fit: bool = False


class NodePresence(Event, frozen=True, kw_only=True, tag="here"):
    """The users whom one node has in a session. `asks`: the other nodes should report theirs."""

    node: str
    session_id: str
    users: tuple[PresentUser, ...]
    asks: bool = False


class NodeUsage(Event, frozen=True, kw_only=True, tag="in-use"):
    """The ids of a holder's sockets at one node, and the number of commands it has allowed since its last report.

    A holder is a user or an address, named by its channel. `asks`: the other nodes should report theirs.
    """

    node: str
    holder: str
    sockets: tuple[str, ...]
    commands: int = 0
    asks: bool = False


class Peers:
    """The reports of the other nodes, by session and by holder. Without I/O; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.node = secrets.token_hex(8)
        self._now = now
        self._last_seen: dict[str, float] = {}
        self._ready: set[str] = set()
        self._alive: frozenset[str] = frozenset()
        self._users: dict[str, dict[str, tuple[PresentUser, ...]]] = {}
        self._sockets: dict[str, dict[str, tuple[str, ...]]] = {}

    # Recording ----------------------------------------------------------------------------------------------------

    def record_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Records that a node is alive, and ready or not; or that it has left."""
        if heartbeat.leaving:
            self._last_seen.pop(heartbeat.node, None)
        else:
            self._mark_alive(heartbeat.node)
        if heartbeat.fit and heartbeat.node in self._last_seen:
            self._ready.add(heartbeat.node)
        else:
            self._ready.discard(heartbeat.node)

    def _mark_alive(self, node: str) -> None:
        if node in self._last_seen or len(self._last_seen) < MAX_NODES:
            self._last_seen[node] = self._now()

    def record_presence(self, presence: NodePresence) -> bool:
        """Records the users of a session at a node. Returns whether they have changed."""
        return self._record(self._users.setdefault(presence.session_id, {}), presence.node, presence.users)

    def record_usage(self, usage: NodeUsage) -> None:
        """Records the sockets of a holder at a node."""
        self._record(self._sockets.setdefault(usage.holder, {}), usage.node, usage.sockets)

    def _record(self, reported: dict[str, tuple[T, ...]], node: str, items: tuple[T, ...]) -> bool:
        # A report is a sign of life too: the first heartbeat may still be on its way.
        self._mark_alive(node)
        if node not in self._last_seen or reported.get(node, ()) == items:
            return False
        reported[node] = items
        if not items:
            del reported[node]
        return True

    # Reading ------------------------------------------------------------------------------------------------------

    def users(self, session_id: str) -> list[PresentUser]:
        """The users of a session at the other nodes that are alive."""
        return self._of_alive(self._users.get(session_id, {}))

    def sockets(self, holder: str) -> list[str]:
        """The ids of a holder's sockets at the other nodes that are alive."""
        return self._of_alive(self._sockets.get(holder, {}))

    def is_any_ready(self) -> bool:
        """Whether the last heartbeat of a node said that it is ready, even if none arrives at present."""
        return bool(self._ready)

    def _of_alive(self, reported: dict[str, tuple[T, ...]]) -> list[T]:
        return [each for node, items in reported.items() if self._is_alive(node) for each in items]

    def _is_alive(self, node: str) -> bool:
        return node in self._last_seen and self._now() - self._last_seen[node] < LIVENESS_SECONDS

    # Dropping -----------------------------------------------------------------------------------------------------

    def forget_session(self, session_id: str) -> None:
        """Drops the reports of a session that has no socket here any more."""
        self._users.pop(session_id, None)

    def retain_holders(self, holders: set[str]) -> None:
        """Drops the reports of all holders but these."""
        for holder in self._sockets.keys() - holders:
            del self._sockets[holder]

    def changed_sessions(self) -> list[str]:
        """The sessions whose users differ because a node died or came back since the last call. Drops what is too old."""
        alive = frozenset(node for node in self._last_seen if self._is_alive(node))
        changed, self._alive = alive ^ self._alive, alive
        self._forget_dead()
        return [session_id for session_id, reported in self._users.items() if changed & reported.keys()]

    def _forget_dead(self) -> None:
        for node in [node for node, at in self._last_seen.items() if self._now() - at > FORGET_SECONDS]:
            del self._last_seen[node]
            self._ready.discard(node)
            for users in self._users.values():
                users.pop(node, None)
            for sockets in self._sockets.values():
                sockets.pop(node, None)
