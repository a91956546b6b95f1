"""The worker: claims jobs and runs their attempts, a few at a time; takes up what dead workers left.

Woken by the broker (`JobsWaiting`), and by its own poll, so that a lost wake costs a second, nothing more.
"""

import asyncio
import contextlib

import structlog

from chatserver.errors import Busy
from chatserver.events import JobsWaiting
from chatserver.generations import gates, queue
from chatserver.generations.attempt import Attempt
from chatserver.generations.queue import LeaseLost
from chatserver.processes import liveness
from chatserver.state import State

# The poll that makes good a lost wake.
POLL_SECONDS = 1.0
# How often lost jobs are looked for.
REAP_SECONDS = 5.0
# How long a stopping worker waits for its attempts to give their jobs back.
STOP_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Worker:
    """Runs up to WORKER_CONCURRENCY attempts at once. `run` goes on until it is cancelled."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._id = liveness.worker_id()
        self._chain = gates.chain(state.config, state.providers.values())
        self._attempts: dict[asyncio.Task[None], Attempt] = {}
        self._wake = asyncio.Event()

    def hear(self, event: JobsWaiting) -> None:
        """Something was queued or cancelled, here or elsewhere."""
        for attempt in self._attempts.values():
            if attempt.job.id == event.cancelled:
                attempt.cancel()
        self._wake.set()

    async def run(self) -> None:
        """Works until cancelled, then gives its jobs back."""
        reaper = asyncio.create_task(self._reap_for_ever())
        try:
            await self._bury_the_dead()
            while True:
                await self._fill()
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
        finally:
            reaper.cancel()
            await self._stop()

    async def _fill(self) -> None:
        while len(self._attempts) < self._state.config.worker_concurrency:
            try:
                job = await self._state.database.run_system(queue.claim, self._id, self._chain)
            except Busy:
                return
            if job is None:
                return
            attempt = Attempt(self._state, self._chain, job)
            task = asyncio.create_task(attempt.run())
            self._attempts[task] = attempt
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._attempts.pop(task)
        self._wake.set()

    async def _stop(self) -> None:
        for task in self._attempts:
            task.cancel()
        if self._attempts:
            await asyncio.wait(set(self._attempts), timeout=STOP_SECONDS)

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
        await self._state.database.run_system(gates.prune)
        self._wake.set()

    async def _bury_the_dead(self) -> None:
        """After a crash and a restart on one machine, nobody has to wait for the leases of the process that died."""
        with contextlib.suppress(Busy):
            holders = await self._state.database.run_system(queue.holders)
            dead = [holder for holder in holders if liveness.is_dead(holder)]
            if dead:
                await self._state.database.run_system(queue.drop_leases, dead)
                await self._reap()
