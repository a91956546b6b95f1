"""The pulse of a node: what changes with time alone is told to the sessions open here.

Every second: places in the queue, and credits that came free; every two: counts, and sessions whose time is up.
One query each, whatever the number of sessions; only what differs from the last telling is sent, and only on this node.
"""

import asyncio
from datetime import datetime

import msgspec
import structlog

from chatserver import credits, sessions
from chatserver.credits.events import CreditsChanged
from chatserver.database import Transaction
from chatserver.errors import Busy
from chatserver.events import Event, session_channel
from chatserver.generations import provider_limits, queue_positions
from chatserver.state import State

BEAT_SECONDS = 1.0
STATS_BEATS, EXPIRY_BEATS = 2, 2
# Waiting that stays the same is told again, to whoever came since.
REPEAT_BEATS = 2

log = structlog.get_logger(__name__)


class Pulse:
    """Runs until it is cancelled."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._chain = provider_limits.fallback_chain(state.config, state.providers.values())
        self._looked: datetime | None = None
        self._told: dict[str, Event] = {}  # the last telling of each key; emptied when nothing is open here

    async def run(self) -> None:
        """Beats once a second; a beat that fails is logged and the next one tries again."""
        beat = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beat += 1
            try:
                await self._beat(beat)
            except Busy:
                log.warning("pulse.database_busy")
            except Exception:
                log.exception("pulse.failed")

    async def _beat(self, beat: int) -> None:
        run, open_here = self._state.database.run_system, self._state.hub.sessions()
        if beat % EXPIRY_BEATS == 0:
            await run(sessions.expire)
        if not open_here:
            self._told.clear()
            return
        self._looked, freed = await run(_freed, open_here, self._looked)
        for session_id, event in freed.items():
            self._state.hub.publish_local(session_channel(session_id), event)
        if beat % REPEAT_BEATS == 0:
            self._told = {key: event for key, event in self._told.items() if not key.startswith(queue_positions.KEY)}
        self._tell_changed(await run(queue_positions.of_sessions, open_here, self._chain))
        if beat % STATS_BEATS == 0:
            self._tell_changed(await self._stats(open_here))

    async def _stats(self, open_here: list[str]) -> list[tuple[str, str, Event]]:
        found = await self._state.database.run_system(sessions.stats, open_here)
        return [
            (
                session_id,
                f"stats:{session_id}",
                msgspec.structs.replace(stats, connections=self._connections(session_id)),
            )
            for session_id, stats in found.items()
        ]

    def _connections(self, session_id: str) -> int:
        return self._state.hub.connections(session_id)

    def _tell_changed(self, events: list[tuple[str, str, Event]]) -> None:
        for session_id, key, event in events:
            if self._told.get(key) != event:
                self._told[key] = event
                self._state.hub.publish_local(session_channel(session_id), event)


async def _freed(
    tx: Transaction, session_ids: list[str], since: datetime | None
) -> tuple[datetime, dict[str, CreditsChanged]]:
    until, freed = await credits.came_free(tx, session_ids, since)
    return until, {session_id: CreditsChanged.of(await credits.balances(tx, session_id)) for session_id in freed}
