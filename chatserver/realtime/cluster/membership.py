"""This process among the others: tells them who is here, hears who is there, and keeps bounds that hold over all of them.

    others = Neighbourhood(hub.publish, admission, changed, fitness)     # or Alone(), where no broker reaches others

Nothing here is ever waited for, and with the broker away each process keeps its own bounds, as if it were alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog

from chatserver.events import Announcement, Event, session_channel
from chatserver.realtime.admission import Admission
from chatserver.realtime.cluster.peers import SILENT_SECONDS, Beat, Here, InUse, Neighbours
from chatserver.realtime.cluster.readiness import Fitness
from chatserver.realtime.events import PresentUser
from chatserver.realtime.protocol import Close, retry_reason

NODES_CHANNEL = "nodes"
BEAT_SECONDS = 1.0
# Everything is told again after so many beats, each session and holder at a beat of its own.
REPEAT_BEATS = 10
# So many tellings of a session that was just opened ask for an answer: the first may be ahead of the subscription.
QUESTIONS = 3

log = structlog.get_logger(__name__)

Publish = Callable[[Iterable[Announcement]], None]
# Calls the second on each event of the channel; its result ends that.
Listen = Callable[[str, Callable[[Any], None]], Callable[[], None]]


class Others(Protocol):
    """What the hub and its channels need of the other processes."""

    def start(self, listen: Listen) -> None:
        """Begins to beat, and to hear the others' beats."""

    def close(self) -> None:
        """Says goodbye."""

    def users(self, session_id: str) -> list[PresentUser]:
        """Those whom the others have in a session."""

    def tell(self, session_id: str, users: tuple[PresentUser, ...]) -> None:
        """Those whom this process has there; nobody, when it closes the session."""

    def sockets(self, holder: str) -> int:
        """How many sockets a user or an address, by its channel, has at the others."""

    def hear(self, event: Here | InUse) -> None:
        """Takes what a process said of people."""


class Alone:
    """There are no others."""

    def start(self, listen: Listen) -> None: ...

    def close(self) -> None: ...

    def users(self, session_id: str) -> list[PresentUser]:  # noqa: ARG002
        return []

    def tell(self, session_id: str, users: tuple[PresentUser, ...]) -> None: ...

    def sockets(self, holder: str) -> int:  # noqa: ARG002
        return 0

    def hear(self, event: Here | InUse) -> None: ...


class Neighbourhood:
    """`changed(session_id)` asks for the session's presence to be told anew to its sockets here."""

    def __init__(
        self, publish: Publish, admission: Admission, changed: Callable[[str], None], fitness: Fitness
    ) -> None:
        self._publish, self._admission, self._changed, self._fitness = publish, admission, changed, fitness
        self._neighbours = Neighbours(time.monotonic)
        self._told: dict[str, tuple[PresentUser, ...]] = {}
        self._questions: dict[str, int] = {}
        self._told_sockets: dict[str, tuple[str, ...]] = {}
        self._beats = 0
        self._task: asyncio.Task[None] | None = None

    # The process's life -------------------------------------------------------------------------------------------

    def start(self, listen: Listen) -> None:
        listen(NODES_CHANNEL, self._hear_beat)
        self._task = asyncio.create_task(self._beat_for_ever())

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._say(NODES_CHANNEL, Beat(node=self._neighbours.node, leaving=True))

    async def _beat_for_ever(self) -> None:
        while True:
            self._beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _beat(self) -> None:
        self._beats += 1
        self._say(NODES_CHANNEL, Beat(node=self._neighbours.node, fit=self._fitness.beat()))
        if self._fitness.is_parted and self._neighbours.is_anybody_fit():
            self._send_away()
        for session_id in list(self._told):
            if session_id in self._questions or self._is_due(session_id):
                self._say_presence(session_id)
        self._tell_uses()
        for session_id in self._neighbours.changed_sessions():
            self._changed(session_id)

    def _send_away(self) -> None:
        """The database is away from here, and not from everybody: people are better off with the others."""
        connections = self._admission.connections()
        if connections:
            log.warning("hub.parted", connections=len(connections))
        for connection in connections:
            connection.close(Close.RESTARTING, "restarting")

    def _is_due(self, name: str) -> bool:
        return (hash(name) + self._beats) % REPEAT_BEATS == 0

    def _say(self, channel: str, event: Event) -> None:
        self._publish([Announcement(channel, event)])

    # Who is here --------------------------------------------------------------------------------------------------

    def users(self, session_id: str) -> list[PresentUser]:
        return self._neighbours.users(session_id)

    def tell(self, session_id: str, users: tuple[PresentUser, ...]) -> None:
        if users == self._told.get(session_id, ()):
            return
        if session_id not in self._told:
            self._questions[session_id] = QUESTIONS
        self._told[session_id] = users
        self._say_presence(session_id)
        if not users:
            self._forget(session_id)

    def _say_presence(self, session_id: str) -> None:
        asks = self._questions.pop(session_id, 0)
        if asks > 1:
            self._questions[session_id] = asks - 1
        here = Here(node=self._neighbours.node, session_id=session_id, users=self._told[session_id], asks=asks > 0)
        self._say(session_channel(session_id), here)

    def _forget(self, session_id: str) -> None:
        del self._told[session_id]
        self._questions.pop(session_id, None)
        self._neighbours.forget_session(session_id)

    # What users and addresses use ---------------------------------------------------------------------------------

    def sockets(self, holder: str) -> int:
        return len(self._neighbours.sockets(holder))

    def _tell_uses(self) -> None:
        holders = self._admission.holders()
        for holder in holders | self._told_sockets.keys():
            sockets, commands = self._own_sockets(holder), self._admission.take_untold(holder)
            if commands or sockets != self._told_sockets.get(holder) or self._is_due(holder):
                self._say_use(holder, sockets, commands)
        self._neighbours.keep_holders(holders)

    def _own_sockets(self, holder: str) -> tuple[str, ...]:
        return tuple(connection.id for connection in self._admission.of(holder))

    def _say_use(self, holder: str, sockets: tuple[str, ...], commands: int = 0) -> None:
        is_new = holder not in self._told_sockets
        self._told_sockets[holder] = sockets
        if not sockets:
            del self._told_sockets[holder]
        use = InUse(node=self._neighbours.node, holder=holder, sockets=sockets, commands=commands, asks=is_new)
        self._say(holder, use)

    # Hearing ------------------------------------------------------------------------------------------------------

    def _hear_beat(self, beat: Beat) -> None:
        if beat.node != self._neighbours.node:
            self._neighbours.hear_beat(beat)

    def hear(self, event: Here | InUse) -> None:
        if event.node == self._neighbours.node:
            return
        if isinstance(event, Here):
            self._hear_presence(event)
        else:
            self._hear_use(event)

    def _hear_presence(self, here: Here) -> None:
        if here.session_id not in self._told:
            return
        if self._neighbours.hear_presence(here):
            self._changed(here.session_id)
        if here.asks:
            self._say_presence(here.session_id)

    def _hear_use(self, use: InUse) -> None:
        if not self._admission.is_here(use.holder):
            return
        self._neighbours.hear_use(use)
        if use.commands:
            self._admission.budget(use.holder).note(use.commands, asyncio.get_running_loop().time())
        self._refuse_excess(use.holder)
        if use.asks:
            self._say_use(use.holder, self._own_sockets(use.holder))

    def _refuse_excess(self, holder: str) -> None:
        """Two processes may each have let the last socket in: the newest of all go, wherever they are."""
        for connection in self._admission.excess(holder, self._neighbours.sockets(holder)):
            connection.close(Close.FLOODING, retry_reason(SILENT_SECONDS))
