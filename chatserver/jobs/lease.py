"""The lease of a claimed job: a worker holds the job for a limited time, renews the lease while it works, and may lose it.

The database judges. Each claim raises the job's attempt, and every later write names it (`WHERE id AND attempt`): the
fence. A write that finds no row raises `LeaseLost`: somebody cancelled the job, or another worker has taken it over. The
worker then stops and discards its result. The durations are those of `config.Timing`.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from chatserver.database import Database, Transaction
from chatserver.errors import Busy, Superseded

# The wait before a database that is away is asked again.
RETRY_SECONDS = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class LeaseLost(Superseded):
    """This attempt is no longer ours: somebody cancelled the job, or another worker took it over."""


class Lease:
    """The lease of one attempt, as its worker sees it. The claim that made it is its first renewal."""

    def __init__(self, database: Database) -> None:
        self._database, self._timing = database, database.timing
        self._renewed_at = time.monotonic()
        self._revoked = False
        self._wake = asyncio.Event()

    @property
    def age(self) -> float:
        """Seconds since the last renewal, by this process's monotonic clock."""
        return time.monotonic() - self._renewed_at

    @property
    def is_due(self) -> bool:
        """Whether it is time for a renewal."""
        return self.age >= self._timing.lease_renewal

    def mark_renewed(self) -> None:
        """A write has just extended the lease in the database."""
        self._renewed_at = time.monotonic()

    def revoke(self) -> None:
        """Somebody cancelled the job: the work stops at once, without waiting for the next renewal to fail."""
        self._revoked = True
        self._wake.set()

    def wake(self) -> None:
        """There is something to save: the next call of `renew` comes now."""
        self._wake.set()

    async def hold(
        self,
        work: Coroutine[Any, Any, T],
        renew: Callable[[], Awaitable[None]],
        interval: Callable[[], float],
        *,
        surrender: bool = True,
    ) -> T:
        """Runs `work` to its end and returns its result, calling `renew` beside it every `interval` seconds or when woken.

        `renew` saves what is new, extends the lease when it `is_due`, and marks it renewed. Raises LeaseLost, with the
        work cancelled, when the lease is revoked or lost, and with `surrender` also when it could not be renewed for
        so long that another worker may take the job over soon.
        """
        working = asyncio.create_task(work)
        keeping = asyncio.create_task(self._keep(renew, interval, surrender=surrender))
        try:
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await keeping
            return await working
        finally:
            for task in (working, keeping):
                task.cancel()
            await asyncio.gather(working, keeping, return_exceptions=True)

    async def _keep(
        self, renew: Callable[[], Awaitable[None]], interval: Callable[[], float], *, surrender: bool
    ) -> None:
        while not surrender or self.age < self._timing.lease_surrender:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval()):
                    await self._wake.wait()
            self._wake.clear()
            if self._revoked:
                break
            # A database that is away is asked again; the worker's own clock decides how long that may last.
            with contextlib.suppress(Busy):
                await renew()
        raise LeaseLost

    async def write(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a verb that extends the lease. Raises Busy and LeaseLost."""
        result = await self._database.run_system(verb, *args, **kwargs)
        self.mark_renewed()
        return result

    async def insist(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a verb that may run twice; a database that is away is asked again until the lease has run out."""
        while True:
            try:
                return await self._database.run_system(verb, *args, **kwargs)
            except Busy:
                if self.age > self._timing.lease:
                    raise LeaseLost from None
                await asyncio.sleep(RETRY_SECONDS)


def backoff(first: float, failures: int, longest: float = float("inf")) -> float:
    """Seconds to wait after so many failures before: `first`, doubled with each, at most `longest`; with jitter.

    The jitter takes up to half away, so that jobs which failed together are not tried again together.
    """
    wait: float = min(first * 2**failures, longest)
    return random.uniform(0.5, 1) * wait  # noqa: S311
