"""Reports that this process runs, for the operator's page."""

import asyncio
from typing import NoReturn

import structlog

from chatserver.database import Database
from chatserver.errors import Busy
from chatserver.monitoring import processes
from chatserver.monitoring.processes import ProcessKind
from chatserver.realtime.hub import Hub

# A database that is away does not delay the end of the process.
LEAVE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class ProcessReporter:
    """Reports every few seconds until it is cancelled, and then that the process ends."""

    def __init__(self, database: Database, hub: Hub, kind: ProcessKind) -> None:
        self._database, self._hub, self._kind = database, hub, kind

    async def run(self) -> NoReturn:
        """A report that fails is made good by the next one."""
        try:
            while True:
                await self._report()
                await asyncio.sleep(processes.REPORT_SECONDS)
        finally:
            await self._leave()

    async def _report(self) -> None:
        connections = len(self._hub.admission.connections())
        try:
            await self._database.run_system(processes.report, self._kind, connections)
        except Busy:
            log.warning("process.report_failed")

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._database.run_system(processes.leave)
        except (Busy, TimeoutError):
            log.warning("process.leave_failed")
