"""The worker: its crew claims jobs and runs their attempts, a few at a time; it takes up what dead workers left."""

import asyncio
import contextlib

import structlog

from chatserver.errors import Busy
from chatserver.generations import provider_limits, queue
from chatserver.generations.attempt import KEEP_SECONDS, MOST_SAVES, Attempt
from chatserver.generations.queue import LeaseLost
from chatserver.jobs import worker_ids
from chatserver.jobs.events import JobsWaiting
from chatserver.jobs.runner import Crew
from chatserver.state import State

# Jobs that one transaction claims: they share the wait for the lock of the limits, which nobody should hold for long.
CLAIMS = 10
# How often lost jobs are looked for.
REAP_SECONDS = 5.0
# How long a stopping worker waits for its attempts to give their jobs back.
STOP_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Worker:
    """Runs up to WORKER_CONCURRENCY attempts at once. `run` goes on until it is cancelled."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._id = worker_ids.worker_id()
        self._chain = provider_limits.fallback_chain(state.config, state.providers.values())
        self._crew = Crew("generation", self._claim, hands=state.config.worker_concurrency, stop_seconds=STOP_SECONDS)

    def hear(self, event: JobsWaiting) -> None:
        """Something was queued or cancelled, here or elsewhere."""
        self._crew.hear(event)

    async def run(self) -> None:
        """Works until cancelled, then gives its jobs back."""
        reaper = asyncio.create_task(self._reap_for_ever())
        try:
            await self._bury_the_dead()
            await self._crew.run()
        finally:
            reaper.cancel()

    async def _claim(self, free: int) -> tuple[list[Attempt], bool]:
        at_most = min(free, CLAIMS)
        jobs, left = await self._state.database.run_system(queue.claim, self._id, self._chain, at_most)
        return [Attempt(self._state, self._chain, job, self._pace) for job in jobs], left

    def _pace(self) -> float:
        """Seconds between two saves of one attempt's progress."""
        return min(len(self._crew) / MOST_SAVES, KEEP_SECONDS)

    async def _reap_for_ever(self) -> None:
        while True:
            with contextlib.suppress(Busy):
                await self._reap()
            await asyncio.sleep(REAP_SECONDS)

    async def _reap(self) -> None:
        for generation_id, session_id, kind in await self._state.database.run_system(queue.lost):
            log.warning("generation.taken_up", generation_id=generation_id)
            with contextlib.suppress(LeaseLost):
                await self._state.database.run_system(queue.reap, generation_id, session_id, kind)
        await self._state.database.run_system(provider_limits.prune)
        self._crew.look()

    async def _bury_the_dead(self) -> None:
        """After a crash and a restart on one machine, nobody has to wait for the leases of the process that died."""
        with contextlib.suppress(Busy):
            holders = await self._state.database.run_system(queue.holders)
            dead = [holder for holder in holders if worker_ids.is_dead(holder)]
            if dead:
                await self._state.database.run_system(queue.drop_leases, dead)
                await self._reap()
