"""What the processes tell each other of people: who is in which session, and what each user, and each
address, has open and asks for.

Carried by the broker like every announcement, on the channels that the others listen on anyway, and never handed to a
socket. Each process says `Beat` once a second; what it told counts only while it beats, so a process that died is
forgotten within seconds, and with Redis away everybody falls back to what they know themselves. All of it is told again
from time to time: a message that was lost is made good by the next one.
"""

import secrets
from collections.abc import Callable
from typing import TypeVar

from chatserver.events import Event
from chatserver.realtime.events import PresentUser

T = TypeVar("T")
# A process that was not heard for this long is taken for dead; a frozen loop comes back sooner.
LIVENESS_SECONDS = 3.0
# What it told is kept so much longer, for when Redis comes back and it still lives.
FORGET_SECONDS = 120.0
# More processes than this share no session; beyond it, newer ones are not counted.
MAX_NODES = 64


class Heartbeat(Event, frozen=True, kw_only=True, tag="beat"):
    """I live; or, with `leaving`, not any more. `fit`: people are welcome here."""

    node: str
    leaving: bool = False
    fit: bool = False


class NodePresence(Event, frozen=True, kw_only=True, tag="here"):
    """Those whom one process has in a session; `asks` wants the same of the others."""

    node: str
    session_id: str
    users: tuple[PresentUser, ...]
    asks: bool = False


class NodeUsage(Event, frozen=True, kw_only=True, tag="in-use"):
    """A holder's sockets at one process, by their ids, and a user's commands taken there since the last telling.

    A holder is a user or an address, named by its channel.
    """

    node: str
    holder: str
    sockets: tuple[str, ...]
    commands: int = 0
    asks: bool = False


class Peers:
    """What the others told, by session and by holder. Without I/O; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.node = secrets.token_hex(8)
        self._now = now
        self._last_seen: dict[str, float] = {}
        self._ready: set[str] = set()
        self._alive: frozenset[str] = frozenset()
        self._users: dict[str, dict[str, tuple[PresentUser, ...]]] = {}
        self._sockets: dict[str, dict[str, tuple[str, ...]]] = {}

    # Hearing ------------------------------------------------------------------------------------------------------

    def record_heartbeat(self, heartbeat: Heartbeat) -> None:
        """A process lives, or says goodbye."""
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
        """Whether what is known of the session has changed."""
        return self._record(self._users.setdefault(presence.session_id, {}), presence.node, presence.users)

    def record_usage(self, usage: NodeUsage) -> None:
        """Who has which sockets open there."""
        self._record(self._sockets.setdefault(usage.holder, {}), usage.node, usage.sockets)

    def _record(self, reported: dict[str, tuple[T, ...]], node: str, items: tuple[T, ...]) -> bool:
        # A process that speaks lives, even where its beat is still on its way.
        self._mark_alive(node)
        if node not in self._last_seen or reported.get(node, ()) == items:
            return False
        reported[node] = items
        if not items:
            del reported[node]
        return True

    # Asking -------------------------------------------------------------------------------------------------------

    def users(self, session_id: str) -> list[PresentUser]:
        """Those whom the living others have in a session."""
        return self._of_alive(self._users.get(session_id, {}))

    def sockets(self, holder: str) -> list[str]:
        """The ids of a holder's sockets at the living others."""
        return self._of_alive(self._sockets.get(holder, {}))

    def is_any_ready(self) -> bool:
        """Whether somebody's last word was that people are welcome there, even if nobody can be heard now."""
        return bool(self._ready)

    def _of_alive(self, reported: dict[str, tuple[T, ...]]) -> list[T]:
        return [each for node, items in reported.items() if self._is_alive(node) for each in items]

    def _is_alive(self, node: str) -> bool:
        return node in self._last_seen and self._now() - self._last_seen[node] < LIVENESS_SECONDS

    # Forgetting ---------------------------------------------------------------------------------------------------

    def forget_session(self, session_id: str) -> None:
        """Nobody here is in it any more."""
        self._users.pop(session_id, None)

    def retain_holders(self, holders: set[str]) -> None:
        """Forgets all but these."""
        for holder in self._sockets.keys() - holders:
            del self._sockets[holder]

    def changed_sessions(self) -> list[str]:
        """The sessions that look different because a process died or came back since the last call."""
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
