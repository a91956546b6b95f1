"""What has to be tidied now and then, on any worker: closed accounts whose files are gone, deleted sessions that were not
emptied to the end, and what has run out.

Every step may be repeated, and several workers may do it at once.
"""

import asyncio
from typing import NoReturn

import structlog

from chatserver import sessions, users
from chatserver.database import Database
from chatserver.errors import Busy
from chatserver.privacy import erasure

# Closed accounts are looked for once a minute; what has run out (throttles, old sign-ins) once an hour.
ROUND_SECONDS = 60.0
ROUNDS_BETWEEN_SWEEPS = 60

log = structlog.get_logger(__name__)


class Housekeeping:
    """Tidies until it is cancelled."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> NoReturn:
        """One round a minute."""
        round_number = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            round_number += 1
            try:
                await self._tidy(sweep=round_number % ROUNDS_BETWEEN_SWEEPS == 0)
            except Busy:
                log.warning("housekeeping.database_busy")

    async def _tidy(self, *, sweep: bool) -> None:
        while await self._database.run_system(erasure.remove_closed_account):
            log.info("account.removed")
        await self._database.run_system(users.spell_addresses)
        while await self._database.run_system(sessions.name_next):
            log.info("session.people_named")
        while await self._database.run_system(sessions.empty_next):
            log.info("session.emptied_further")
        if sweep:
            await self._database.run_system(users.sweep)
