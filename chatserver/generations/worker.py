"""The worker: claims generations and runs attempts at them, a few at once; recovers those that dead workers left."""

import asyncio
import contextlib

import structlog

from chatserver.errors import Busy
from chatserver.generations import provider_limits, queue
from chatserver.generations.attempt import Attempt, AttemptParts
from chatserver.jobs import worker_ids
from chatserver.jobs.events import JobsWaiting
from chatserver.jobs.lease import LeaseLost
from chatserver.jobs.runner import JobRunner

# Jobs that one transaction claims: they share the wait for the lock of the limits, which nobody should hold for long.
MAX_CLAIMS = 10
# Saves of progress a second over all attempts of one process: with more attempts each saves more rarely.
MAX_SAVES_PER_SECOND = 40

log = structlog.get_logger(__name__)


class Worker:
    """Runs up to `concurrency` attempts at once. `run` goes on until it is cancelled."""

    def __init__(self, parts: AttemptParts, *, concurrency: int) -> None:
        self._parts, self._database, self._timing = parts, parts.database, parts.database.timing
        self._id = worker_ids.worker_id()
        self._runner = JobRunner(
            "generation",
            self._claim,
            concurrency=concurrency,
            poll_seconds=self._timing.job_poll,
            stop_seconds=self._timing.worker_stop,
        )

    def notify(self, event: JobsWaiting) -> None:
        """A generation was queued or cancelled, here or elsewhere."""
        self._runner.notify(event)

    async def run(self) -> None:
        """Works until cancelled, then gives its jobs back."""
        reaper = asyncio.create_task(self._keep_reaping())
        try:
            await self._drop_leases_of_dead_workers()
            await self._runner.run()
        finally:
            reaper.cancel()

    async def _claim(self, free: int) -> tuple[list[Attempt], bool]:
        at_most = min(free, MAX_CLAIMS)
        jobs, left = await self._database.run_system(queue.claim, self._id, self._parts.chain, at_most)
        return [Attempt(self._parts, job, self._save_interval) for job in jobs], left

    def _save_interval(self) -> float:
        """Seconds between two saves of one attempt's progress."""
        return min(len(self._runner) / MAX_SAVES_PER_SECOND, self._timing.lease_renewal)

    async def _keep_reaping(self) -> None:
        while True:
            try:
                with contextlib.suppress(Busy):
                    await self._reap()
            except Exception:
                # Without it the generations of dead workers would wait for the end of this process.
                log.exception("worker.reaper_failed")
            await asyncio.sleep(self._timing.reap)

    async def _reap(self) -> None:
        for generation_id, session_id, kind in await self._database.run_system(queue.lost):
            with contextlib.suppress(LeaseLost):
                if await self._database.run_system(queue.reap, generation_id, session_id, kind):
                    log.warning("generation.recovered", generation_id=generation_id)
        await self._database.run_system(provider_limits.prune)
        self._runner.poll()

    async def _drop_leases_of_dead_workers(self) -> None:
        """After a crash and a restart on one machine, nobody has to wait for the leases of the process that died."""
        with contextlib.suppress(Busy):
            holders = await self._database.run_system(queue.lease_holders)
            dead = [holder for holder in holders if worker_ids.is_dead(holder)]
            if dead:
                await self._database.run_system(queue.drop_leases, dead)
                await self._reap()
