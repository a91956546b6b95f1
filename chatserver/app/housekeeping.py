"""Periodic cleanup on every worker: accounts that were closed, sessions that were deleted in part, rows that expired.

Every step may be repeated, and several workers may run it at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from chatserver import rollups, sessions, users
from chatserver.app import set_back
from chatserver.database import Database, Transaction
from chatserver.errors import Busy
from chatserver.mail import service as mail
from chatserver.payments import service as payments
from chatserver.privacy import erasure, session_deletion
from chatserver.sharing import service as sharing

Step = Callable[[Transaction], Awaitable[object]]

# Cleanup runs once a minute; expired rows (throttles, old sign-ins) are deleted once an hour, and soon after the start: a
# server that is switched on for minutes at a time keeps no more than one that runs for months.
ROUND_SECONDS = 60.0
ROUNDS_BETWEEN_SWEEPS = 60
# Each is taken again as long as it says that it has done something, which is then logged; None where it is not.
_STEPS: tuple[tuple[Step, str | None], ...] = (
    (set_back.follow_clock, None),
    (erasure.remove_closed_account, "account.removed"),
    (users.set_missing_email_keys, None),
    (sessions.name_unnamed_members, "session.members_named"),
    (session_deletion.purge_next_session, "session.emptied"),
    # Last, since it may take long where everything is summed up again.
    (rollups.roll_up_next, None),
)
_SWEEPS: tuple[tuple[Step, str | None], ...] = (
    (users.sweep, None),
    (sessions.sweep_free_sessions, None),
    (sharing.sweep, None),
    # Whatever the settings are now: what was queued or reported may be older than they are.
    (mail.sweep, None),
    (payments.sweep, None),
)

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
            await self.clean_up(sweep=round_number % ROUNDS_BETWEEN_SWEEPS == 0)
            round_number += 1

    async def clean_up(self, *, sweep: bool) -> None:
        """One round. A step that fails is logged and tried again in the next one; those after it do not wait for it."""
        for step, done in (*_STEPS, *(_SWEEPS if sweep else ())):
            try:
                while await self._database.run_system(step):
                    if done is not None:
                        log.info(done)
            except Busy:
                log.warning("housekeeping.database_busy", step=step.__name__)
            except Exception:
                log.exception("housekeeping.failed", step=step.__name__)
