"""The loop of a process that works on jobs: claims those that wait, and runs a limited number at once.

`generations.Worker` and `messages.Assistant` each have one. It polls when the broker notifies it (`JobsWaiting`), when a
job ends that may have made room for another, and once every `poll_seconds`, so that a lost notification costs a second.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from chatserver.errors import Busy
from chatserver.jobs.events import JobsKind, JobsWaiting

log = structlog.get_logger(__name__)


class RunnableJob(Protocol):
    """One claimed job, by the `id` under which people stop it. Cancelled from outside, `run` gives the job back."""

    @property
    def id(self) -> str: ...

    async def run(self) -> None: ...

    def stop(self) -> None: ...


J = TypeVar("J", bound=RunnableJob)
# Claims at most as many jobs as it is told; also returns whether some that are due may have been left.
Claim = Callable[[int], Awaitable[tuple[Sequence[J], bool]]]


class JobRunner(Generic[J]):
    """Runs at most `concurrency` jobs of one kind. `run` goes on until it is cancelled, then lets them be given back.

    A stopping runner waits at most `stop_seconds` for that.
    """

    def __init__(
        self, kind: JobsKind, claim: "Claim[J]", *, concurrency: int, poll_seconds: float, stop_seconds: float
    ) -> None:
        self._kind, self._claim, self._concurrency = kind, claim, concurrency
        self._poll_seconds, self._stop_seconds = poll_seconds, stop_seconds
        self._running: dict[asyncio.Task[None], J] = {}
        self._wake = asyncio.Event()
        self._left = False

    def __len__(self) -> int:
        """How many jobs are running."""
        return len(self._running)

    def notify(self, event: JobsWaiting) -> None:
        """A job was queued or cancelled, here or elsewhere."""
        for job in self._running.values():
            if job.id == event.cancelled:
                job.stop()
        if event.kind in {None, self._kind}:
            self.poll()

    def poll(self) -> None:
        """Looks for jobs now."""
        self._wake.set()

    async def run(self) -> None:
        """Works until cancelled, then gives the jobs back."""
        try:
            while True:
                # Before the claim: a job that is queued in the middle of it causes another one.
                self._wake.clear()
                await self._claim_free()
                # Not `asyncio.wait_for`, which loses a cancellation that comes with a notification (in Python 3.11).
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
        finally:
            await self._give_back()

    async def _claim_free(self) -> None:
        # A job that ends while we claim may free the very permit that we found taken.
        self._left = True
        while len(self._running) < self._concurrency:
            try:
                jobs, self._left = await self._claim(self._concurrency - len(self._running))
            except Busy:
                return
            except Exception:
                # The jobs under way go on, and those that wait are claimed at the next poll.
                log.exception("jobs.claim_failed", kind=self._kind)
                return
            for job in jobs:
                self._start(job)
            if not jobs or not self._left:
                return

    def _start(self, job: J) -> None:
        task = asyncio.create_task(job.run())
        self._running[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._running.pop(task)
        if self._left:
            self.poll()

    async def _give_back(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running), timeout=self._stop_seconds)
