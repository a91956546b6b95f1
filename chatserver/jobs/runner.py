"""The crew of one process: claims jobs that wait and works on so many at once. `Worker` and `Assistant` each have one.

Woken by the broker (`JobsWaiting`), and by its own poll, so that a lost wake costs a second, nothing more.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from chatserver.errors import Busy
from chatserver.jobs.events import JobsKind, JobsWaiting

# The poll that makes good a lost wake.
POLL_SECONDS = 1.0


class Work(Protocol):
    """One claimed job, by the `id` under which people stop it. Cancelled from outside, `run` gives the job back."""

    @property
    def id(self) -> str: ...

    async def run(self) -> None: ...

    def stop(self) -> None: ...


W = TypeVar("W", bound=Work)
# Claims as much as there are hands free, or less; and says whether something that is due may have been left.
Claim = Callable[[int], Awaitable[tuple[Sequence[W], bool]]]


class Crew(Generic[W]):
    """Works on at most `hands` jobs of one kind. `run` goes on until it is cancelled, then lets them be given back."""

    def __init__(self, kind: JobsKind, claim: "Claim[W]", *, hands: int, stop_seconds: float) -> None:
        self._kind, self._claim, self._hands, self._stop_seconds = kind, claim, hands, stop_seconds
        self._at_work: dict[asyncio.Task[None], W] = {}
        self._wake = asyncio.Event()
        self._left = False

    def __len__(self) -> int:
        """How many jobs are worked on."""
        return len(self._at_work)

    def hear(self, event: JobsWaiting) -> None:
        """Something was queued or stopped, here or elsewhere."""
        for work in self._at_work.values():
            if work.id == event.cancelled:
                work.stop()
        if event.kind in {None, self._kind}:
            self.look()

    def look(self) -> None:
        """Looks for jobs now."""
        self._wake.set()

    async def run(self) -> None:
        """Works until cancelled, then gives its jobs back."""
        try:
            while True:
                # Before the look: what is queued in the middle of it makes another one.
                self._wake.clear()
                await self._fill()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
        finally:
            await self._stop()

    async def _fill(self) -> None:
        # What ends while we look may free the very call that we found taken.
        self._left = True
        while len(self._at_work) < self._hands:
            try:
                works, self._left = await self._claim(self._hands - len(self._at_work))
            except Busy:
                return
            for work in works:
                self._begin(work)
            if not works or not self._left:
                return

    def _begin(self, work: W) -> None:
        task = asyncio.create_task(work.run())
        self._at_work[task] = work
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._at_work.pop(task)
        if self._left:
            self.look()

    async def _stop(self) -> None:
        for task in self._at_work:
            task.cancel()
        if self._at_work:
            await asyncio.wait(set(self._at_work), timeout=self._stop_seconds)
