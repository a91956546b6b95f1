"""This process among the others: tells them who is here, hears who is there, and keeps bounds that hold over all of them.

    others = Neighbourhood(hub.publish, admission, channels, bounds)     # or Alone(), where no broker reaches others

Nothing here is ever waited for, and with the broker away each process keeps its own bounds, as if it were alone.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from chatserver.events import Announcement, Event, session_channel, user_channel
from chatserver.realtime.admission import Admission
from chatserver.realtime.events import PresentUser
from chatserver.realtime.limits import Bounds
from chatserver.realtime.neighbours import SILENT_SECONDS, Beat, Here, InUse, Neighbours
from chatserver.realtime.protocol import Close, retry_reason

NODES_CHANNEL = "nodes"
BEAT_SECONDS = 1.0
# Everything is told again after so many beats, each session and user at a beat of its own.
REPEAT_BEATS = 10
# So many tellings of a session that was just opened ask for an answer: the first may be ahead of the subscription.
QUESTIONS = 3

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

    def sockets(self, user_id: str) -> int:
        """How many sockets a user has at the others."""

    def hear(self, event: Here | InUse) -> None:
        """Takes what a process said of people."""


class Alone:
    """There are no others."""

    def start(self, listen: Listen) -> None: ...

    def close(self) -> None: ...

    def users(self, session_id: str) -> list[PresentUser]:  # noqa: ARG002
        return []

    def tell(self, session_id: str, users: tuple[PresentUser, ...]) -> None: ...

    def sockets(self, user_id: str) -> int:  # noqa: ARG002
        return 0

    def hear(self, event: Here | InUse) -> None: ...


class Neighbourhood:
    """`changed(session_id)` asks for the session's presence to be told anew to its sockets here."""

    def __init__(self, publish: Publish, admission: Admission, changed: Callable[[str], None], bounds: Bounds) -> None:
        self._publish, self._admission, self._changed, self._bounds = publish, admission, changed, bounds
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
        self._say(NODES_CHANNEL, Beat(node=self._neighbours.node))
        for session_id in list(self._told):
            if session_id in self._questions or self._is_due(session_id):
                self._say_presence(session_id)
        self._tell_uses()
        for session_id in self._neighbours.changed_sessions():
            self._changed(session_id)

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

    # What users use -----------------------------------------------------------------------------------------------

    def sockets(self, user_id: str) -> int:
        return len(self._neighbours.sockets(user_id))

    def _tell_uses(self) -> None:
        users = self._admission.users()
        for user_id in users | self._told_sockets.keys():
            sockets = tuple(connection.id for connection in self._admission.of_user(user_id))
            commands = self._admission.budget(user_id).take_untold()
            if commands or sockets != self._told_sockets.get(user_id) or self._is_due(user_id):
                self._say_use(user_id, sockets, commands)
        self._neighbours.keep_users(users)

    def _say_use(self, user_id: str, sockets: tuple[str, ...], commands: int) -> None:
        is_new = user_id not in self._told_sockets
        self._told_sockets[user_id] = sockets
        if not sockets:
            del self._told_sockets[user_id]
        use = InUse(node=self._neighbours.node, user_id=user_id, sockets=sockets, commands=commands, asks=is_new)
        self._say(user_channel(user_id), use)

    def _refuse_excess(self, user_id: str) -> None:
        """Two processes may each have let the last socket in: the newest of all go, wherever they are."""
        own = {connection.id: connection for connection in self._admission.of_user(user_id)}
        oldest_first = sorted([*own, *self._neighbours.sockets(user_id)])
        for socket in oldest_first[self._bounds.sockets_per_user :]:
            if socket in own:
                own[socket].close(Close.FLOODING, retry_reason(SILENT_SECONDS))

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
        if use.user_id not in self._admission.users():
            return
        self._neighbours.hear_use(use)
        self._admission.budget(use.user_id).note(use.commands, asyncio.get_running_loop().time())
        self._refuse_excess(use.user_id)
        if use.asks:
            sockets = tuple(connection.id for connection in self._admission.of_user(use.user_id))
            self._say_use(use.user_id, sockets, 0)
