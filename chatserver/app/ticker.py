"""What changes with time alone, broadcast to the sessions that are open in this process.

Every second: the operator's announcements, places in the queue, and credits that became available; every two seconds:
statistics, the expiry of sessions, and changes in the lists of sessions. Each is one query or two, whatever the number of
sessions. Only values that differ from the last broadcast are sent, and only to the sockets of this process: the others tick
for theirs.
"""

import asyncio
from datetime import datetime

import msgspec
import structlog

from chatserver import announcements, credits, sessions
from chatserver.announcements.board import AnnouncementBoard
from chatserver.announcements.events import AnnouncementsChanged
from chatserver.announcements.models import SiteAnnouncement
from chatserver.app.summary_feed import SummaryFeed
from chatserver.credits.events import CreditsChanged
from chatserver.database import Database, Transaction
from chatserver.errors import Busy
from chatserver.events import Event, session_channel
from chatserver.generations import queue_positions
from chatserver.generations.provider_limits import FallbackChain
from chatserver.realtime.hub import Hub

TICK_SECONDS = 1.0
STATS_TICKS, EXPIRY_TICKS, SUMMARY_TICKS = 2, 2, 2
# Places in the queue are sent again when unchanged, for sockets that were opened since.
REPEAT_TICKS = 2
# So are announcements, for sockets that were away when they changed.
ANNOUNCEMENT_REPEAT_TICKS = 10

log = structlog.get_logger(__name__)


class Ticker:
    """Runs until it is cancelled. `chain` are the provider limits by which places in the queue are estimated;
    `board` is where pages find the announcements."""

    def __init__(self, database: Database, hub: Hub, chain: FallbackChain, board: AnnouncementBoard) -> None:
        self._database, self._hub, self._chain, self._board = database, hub, chain, board
        self._summaries = SummaryFeed(database, hub)
        self._credits_until: datetime | None = None
        # The last event sent under each key; emptied when no session is open here.
        self._sent: dict[str, Event] = {}

    async def run(self) -> None:
        """Ticks once a second. A tick that fails is logged, and the next one tries again."""
        number = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            number += 1
            try:
                await self._tick(number)
            except Busy:
                log.warning("ticker.database_busy")
            except Exception:
                log.exception("ticker.failed")

    async def _tick(self, number: int) -> None:
        run, open_here = self._database.run_system, self._hub.sessions()
        if number % EXPIRY_TICKS == 0:
            await run(sessions.expire)
        shown = await run(announcements.current)
        self._board.show(shown)
        if not open_here:
            self._sent.clear()
            await self._summaries.send_changes()
            return
        self._credits_until, freed = await run(_freed_credits, open_here, self._credits_until)
        for session_id, event in freed.items():
            self._hub.publish_local(session_channel(session_id), event)
        self._publish_announcements(open_here, shown, repeat=number % ANNOUNCEMENT_REPEAT_TICKS == 0)
        if number % REPEAT_TICKS == 0:
            self._sent = {key: event for key, event in self._sent.items() if not key.startswith(queue_positions.KEY)}
        self._publish_changed(await run(queue_positions.of_sessions, open_here, self._chain))
        if number % STATS_TICKS == 0:
            self._publish_changed(await self._stats(open_here))
        if number % SUMMARY_TICKS == 0:
            await self._summaries.send_changes()

    async def _stats(self, open_here: list[str]) -> list[tuple[str, str, Event]]:
        found = await self._database.run_system(sessions.stats, open_here)
        return [
            (
                session_id,
                f"stats:{session_id}",
                msgspec.structs.replace(stats, connections=self._hub.connections(session_id)),
            )
            for session_id, stats in found.items()
        ]

    def _publish_announcements(
        self, open_here: list[str], shown: tuple[SiteAnnouncement, ...], *, repeat: bool
    ) -> None:
        """Also that there are none: a page that was opened before may show one that has ended since."""
        event = AnnouncementsChanged(announcements=shown)
        for session_id in open_here:
            key = f"announcements:{session_id}"
            if self._sent.get(key) != event or (repeat and shown):
                self._sent[key] = event
                self._hub.publish_local(session_channel(session_id), event)

    def _publish_changed(self, events: list[tuple[str, str, Event]]) -> None:
        """Sends those of (session id, key, event) whose event differs from the last one under its key."""
        for session_id, key, event in events:
            if self._sent.get(key) != event:
                self._sent[key] = event
                self._hub.publish_local(session_channel(session_id), event)


async def _freed_credits(
    tx: Transaction, session_ids: list[str], since: datetime | None
) -> tuple[datetime, dict[str, CreditsChanged]]:
    until, freed = await credits.came_free(tx, session_ids, since)
    return until, {session_id: CreditsChanged.of(await credits.balances(tx, session_id)) for session_id in freed}
