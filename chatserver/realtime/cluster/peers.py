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
SILENT_SECONDS = 3.0
# What it told is kept so much longer, for when Redis comes back and it still lives.
FORGET_SECONDS = 120.0
# More processes than this share no session; beyond it, newer ones are not counted.
MOST_NODES = 64


class Beat(Event, frozen=True, kw_only=True, tag="beat"):
    """I live; or, with `leaving`, not any more. `fit`: people are welcome here."""

    node: str
    leaving: bool = False
    fit: bool = False


class Here(Event, frozen=True, kw_only=True, tag="here"):
    """Those whom one process has in a session; `asks` wants the same of the others."""

    node: str
    session_id: str
    users: tuple[PresentUser, ...]
    asks: bool = False


class InUse(Event, frozen=True, kw_only=True, tag="in-use"):
    """A holder's sockets at one process, by their ids, and a user's commands taken there since the last telling.

    A holder is a user or an address, named by its channel.
    """

    node: str
    holder: str
    sockets: tuple[str, ...]
    commands: int = 0
    asks: bool = False


class Neighbours:
    """What the others told, by session and by holder. Without I/O; `now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.node = secrets.token_hex(8)
        self._now = now
        self._heard: dict[str, float] = {}
        self._fit: set[str] = set()
        self._living: frozenset[str] = frozenset()
        self._present: dict[str, dict[str, tuple[PresentUser, ...]]] = {}
        self._sockets: dict[str, dict[str, tuple[str, ...]]] = {}

    # Hearing ------------------------------------------------------------------------------------------------------

    def hear_beat(self, beat: Beat) -> None:
        """A process lives, or says goodbye."""
        if beat.leaving:
            self._heard.pop(beat.node, None)
        else:
            self._hear_life(beat.node)
        if beat.fit and beat.node in self._heard:
            self._fit.add(beat.node)
        else:
            self._fit.discard(beat.node)

    def _hear_life(self, node: str) -> None:
        if node in self._heard or len(self._heard) < MOST_NODES:
            self._heard[node] = self._now()

    def hear_presence(self, here: Here) -> bool:
        """Whether what is known of the session has changed."""
        return self._note(self._present.setdefault(here.session_id, {}), here.node, here.users)

    def hear_use(self, use: InUse) -> None:
        """Who has which sockets open there."""
        self._note(self._sockets.setdefault(use.holder, {}), use.node, use.sockets)

    def _note(self, told: dict[str, tuple[T, ...]], node: str, what: tuple[T, ...]) -> bool:
        # A process that speaks lives, even where its beat is still on its way.
        self._hear_life(node)
        if node not in self._heard or told.get(node, ()) == what:
            return False
        told[node] = what
        if not what:
            del told[node]
        return True

    # Asking -------------------------------------------------------------------------------------------------------

    def users(self, session_id: str) -> list[PresentUser]:
        """Those whom the living others have in a session."""
        return self._of_living(self._present.get(session_id, {}))

    def sockets(self, holder: str) -> list[str]:
        """The ids of a holder's sockets at the living others."""
        return self._of_living(self._sockets.get(holder, {}))

    def is_anybody_fit(self) -> bool:
        """Whether somebody's last word was that people are welcome there, even if nobody can be heard now."""
        return bool(self._fit)

    def _of_living(self, told: dict[str, tuple[T, ...]]) -> list[T]:
        return [each for node, what in told.items() if self._is_alive(node) for each in what]

    def _is_alive(self, node: str) -> bool:
        return node in self._heard and self._now() - self._heard[node] < SILENT_SECONDS

    # Forgetting ---------------------------------------------------------------------------------------------------

    def forget_session(self, session_id: str) -> None:
        """Nobody here is in it any more."""
        self._present.pop(session_id, None)

    def keep_holders(self, holders: set[str]) -> None:
        """Forgets all but these."""
        for holder in self._sockets.keys() - holders:
            del self._sockets[holder]

    def changed_sessions(self) -> list[str]:
        """The sessions that look different because a process died or came back since the last call."""
        living = frozenset(node for node in self._heard if self._is_alive(node))
        changed, self._living = living ^ self._living, living
        self._forget_the_dead()
        return [session_id for session_id, told in self._present.items() if changed & told.keys()]

    def _forget_the_dead(self) -> None:
        for node in [node for node, at in self._heard.items() if self._now() - at > FORGET_SECONDS]:
            del self._heard[node]
            self._fit.discard(node)
            for present in self._present.values():
                present.pop(node, None)
            for sockets in self._sockets.values():
                sockets.pop(node, None)
