"""Periodic cleanup on every worker: accounts that were closed, sessions that were deleted in part, rows that expired.

Every step may be repeated, and several workers may run it at once.
"""

import asyncio
from typing import NoReturn

import structlog

from chatserver import rollups, sessions, users
from chatserver.database import Database
from chatserver.errors import Busy
from chatserver.privacy import erasure, session_deletion
from chatserver.sharing import service as sharing

# Cleanup runs once a minute; expired rows (throttles, old sign-ins) are deleted once an hour.
ROUND_SECONDS = 60.0
ROUNDS_BETWEEN_SWEEPS = 60

log = structlog.get_logger(__name__)


class Housekeeping:
    """Runs until it is cancelled."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> NoReturn:
        """One round a minute."""
        round_number = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            round_number += 1
            try:
                await self._clean_up(sweep=round_number % ROUNDS_BETWEEN_SWEEPS == 0)
            except Busy:
                log.warning("housekeeping.database_busy")

    async def _clean_up(self, *, sweep: bool) -> None:
        while await self._database.run_system(erasure.remove_closed_account):
            log.info("account.removed")
        await self._database.run_system(users.set_missing_email_keys)
        while await self._database.run_system(sessions.name_unnamed_members):
            log.info("session.members_named")
        while await self._database.run_system(session_deletion.purge_next_session):
            log.info("session.emptied")
        # Last, since it may take long where everything is summed up again.
        while await self._database.run_system(rollups.roll_up_next):
            pass
        if sweep:
            await self._database.run_system(users.sweep)
            await self._database.run_system(sessions.sweep_free_sessions)
            await self._database.run_system(sharing.sweep)
