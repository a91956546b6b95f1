"""Keeps the lists of sessions beside the stream current, for the users who have a socket in this process.

Every tick one query finds, for all of them, which of their sessions have changed; a second one reads the summaries of those
that have. Nothing is published for it where something is written: a busy session costs its members' lists one read a tick,
however many messages come, and a lost event cannot leave a list behind.
"""

from collections import defaultdict

from chatserver import sessions
from chatserver.database import Database, Row
from chatserver.realtime.connection import Connection
from chatserver.realtime.hub import Hub
from chatserver.sessions.events import SummariesChanged

Marks = dict[str, Row]


class SummaryFeed:
    """The ticker calls `send_changes`."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database, self._hub = database, hub
        self._marks: dict[str, Marks] = {}
        self._informed: dict[str, set[Connection]] = {}

    async def send_changes(self) -> None:
        """Sends each user's sockets what changed in the list since the last tick, and a new socket all of it."""
        sockets = _by_user(self._hub.open_connections())
        if not sockets:
            self._marks, self._informed = {}, {}
            return
        marks = await self._database.run_system(sessions.marks, list(sockets))
        changed = {user_id: self._changed(user_id, marks[user_id], open_) for user_id, open_ in sockets.items()}
        await self._send({user_id: ids for user_id, ids in changed.items() if ids}, sockets)
        self._marks = {user_id: marks[user_id] for user_id in sockets}
        self._informed = {user_id: set(open_) for user_id, open_ in sockets.items()}

    def _changed(self, user_id: str, marks: Marks, open_: list[Connection]) -> set[str]:
        """The sessions whose summaries differ; a session that is all that a user has open shows itself."""
        before = self._marks.get(user_id, {}) if self._informed.get(user_id, set()) >= set(open_) else {}
        changed = {session_id for session_id, row in marks.items() if before.get(session_id) != row}
        here = {connection.request.session_id for connection in open_}
        return (changed | (before.keys() - marks.keys())) - (here if len(here) == 1 else set())

    async def _send(self, changed: dict[str, set[str]], sockets: dict[str, list[Connection]]) -> None:
        if not changed:
            return
        found = await self._database.run_system(
            sessions.summaries_of, list(changed), list(set().union(*changed.values()))
        )
        for user_id, session_ids in changed.items():
            own = found.get(user_id, {})
            event = SummariesChanged(
                summaries=tuple(own[session_id] for session_id in sorted(session_ids) if session_id in own),
                removed=tuple(sorted(session_ids - own.keys())),
            )
            for connection in sockets[user_id]:
                if not connection.is_closed:
                    connection.send(connection.encoder(event))


def _by_user(connections: list[Connection]) -> dict[str, list[Connection]]:
    sockets: dict[str, list[Connection]] = defaultdict(list)
    for connection in connections:
        sockets[connection.request.viewer.id].append(connection)
    return sockets
