"""Which provider makes a claimed generation: the one whose permit came with the claim, then those after it in the chain.

What each did is recorded for all workers (`provider_limits`): failures open its breaker, a 429 closes it for a while.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from chatserver.database import Database
from chatserver.errors import BadParameters, Busy, ProviderError, ProviderRateLimited, Refused
from chatserver.generations import provider_limits, queue
from chatserver.generations.models import GenerationJob
from chatserver.generations.provider_limits import FallbackChain, Permit
from chatserver.jobs.lease import Lease
from chatserver.providers.redaction import log_fields

# The request is at fault: another provider would answer the same.
NO_FALLBACK_ERRORS = (Refused, BadParameters)

T = TypeVar("T")
log = structlog.get_logger(__name__)


class ProviderFallback:
    """Tries the providers of `chain` for one job, each under a permit, beginning with that of the claim."""

    def __init__(self, database: Database, chain: FallbackChain, job: GenerationJob, lease: Lease) -> None:
        self._database, self._chain, self._job, self._lease = database, chain, job, lease

    async def run(self, call: Callable[[str], Awaitable[T]]) -> T:
        """The result of `call`, given the name of the first provider that succeeds; the last error where none does."""
        permit, rest = self._job.permit, self._chain
        while True:
            try:
                result = await call(permit.provider)
            except ProviderError as error:
                await self._record_failure(permit, error)
                rest = tuple(limits for limits in rest if limits.name != permit.provider)
                following = None if isinstance(error, NO_FALLBACK_ERRORS) else await self._next_permit(rest)
                if following is None:
                    raise
                permit = following
            else:
                if permit.half_open:
                    await self._lease.insist(provider_limits.record_success, permit)
                return result

    async def _record_failure(self, permit: Permit, error: ProviderError) -> None:
        """Records a failure for all workers; a rate limit without Retry-After gets the time for which it closes."""
        limits = next(limits for limits in self._chain if limits.name == permit.provider)
        private = self._job.private_texts
        log.warning(
            "provider.failed", provider=permit.provider, generation_id=self._job.id, **log_fields(error, private)
        )
        with contextlib.suppress(Busy):
            seconds = await self._database.run_system(provider_limits.record_failure, limits, permit, error)
            if seconds is not None:
                log.warning("provider.closed", provider=permit.provider, code=error.code, seconds=round(seconds, 1))
            if isinstance(error, ProviderRateLimited) and error.retry_after is None:
                error.retry_after = seconds

    async def _next_permit(self, rest: FallbackChain) -> Permit | None:
        """A permit of the next provider, waiting for one that is only busy; None where none is left or available."""
        if not any(self._job.task in limits.tasks for limits in rest):
            return None
        while True:
            available, permit = await self._lease.insist(queue.switch_provider, self._job, rest)
            if permit is not None or available.reason != "busy":
                return permit
            await asyncio.sleep(self._database.timing.provider_busy)
