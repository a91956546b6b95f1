"""One attempt at one claimed generation: make it, verify and publish it; or record why not.

`run` reads in the order in which things happen. What it uses: `fallback` (which provider makes it), `progress` (what
people are told meanwhile), `publishing` (from the provider's bytes to the stored asset), and `jobs.lease`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from msgspec.structs import replace

from chatserver.assets import service as assets
from chatserver.database import Database, Publisher
from chatserver.errors import (
    Busy,
    ChatserverError,
    NotFound,
    ProviderError,
    ProviderRateLimited,
    SourceGone,
    StorageError,
    TimedOut,
)
from chatserver.generations import masks, publishing, queue
from chatserver.generations.fallback import ProviderFallback
from chatserver.generations.models import GenerationJob, ModelChoice
from chatserver.generations.progress import ProgressReporter
from chatserver.generations.provider_limits import FallbackChain
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Clip, Mask, Picture
from chatserver.jobs.lease import Lease, LeaseLost, backoff
from chatserver.provenance.sealer import Sealer
from chatserver.providers.base import (
    Finished,
    Loading,
    Provider,
    ProviderRequest,
    ProviderUpdate,
    Queued,
    Rendering,
    validated,
)
from chatserver.providers.redaction import log_fields
from chatserver.runtime import failpoints
from chatserver.statistics import service as statistics
from chatserver.statistics.models import ProviderCall
from chatserver.statistics.timing import CallStage, CallTimer
from chatserver.storage.base import Storage

_STAGES: dict[type, CallStage] = {Queued: "queued", Loading: "loading", Rendering: "rendering"}
# How often progress is saved at most.
SAVE_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class AttemptParts:
    """What attempts work with: the same for all of one worker. `providers` by name, `chain` in the order of fall-back."""

    database: Database
    publisher: Publisher
    storage: Storage
    pictures: ImageProcessor
    sealer: Sealer
    providers: dict[str, Provider]
    chain: FallbackChain


class Attempt:
    """Runs one job to one end: done, failed, back in the queue, or lost. `save_interval`: see `Worker`."""

    def __init__(
        self, parts: AttemptParts, job: GenerationJob, save_interval: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._parts, self.job, self._save_interval = parts, job, save_interval
        self._lease = Lease(parts.database)
        self._progress = ProgressReporter(parts.publisher, job, self._lease, save_interval)
        self._made_by = ModelChoice("", "")
        self._calls: list[ProviderCall] = []

    @property
    def id(self) -> str:
        """The generation's id."""
        return self.job.id

    def stop(self) -> None:
        """Somebody cancelled the generation: the work stops without waiting for the next renewal of the lease."""
        self._lease.revoke()

    async def run(self) -> None:
        """Works to the end. Cancelled from outside, it gives the job back."""
        started = time.monotonic()
        try:
            await self._lease.hold(self._work(), self._progress.save, lambda: max(SAVE_SECONDS, self._save_interval()))
        except LeaseLost:
            await self._lose()
        except asyncio.CancelledError:
            await self._give_back()
            raise
        except ChatserverError as error:
            await self._end_with(error)
        except Exception:
            log.exception("generation.crashed", generation_id=self.job.id, attempt=self.job.attempt)
            await self._end_with(ProviderError())
        else:
            seconds = round(time.monotonic() - started, 2)
            log.info("generation.done", generation_id=self.job.id, provider=self._made_by.provider, seconds=seconds)

    async def _work(self) -> None:
        try:
            async with asyncio.timeout(max(self.job.seconds_left, 1)):
                request = await self._request()
                mask = await self._mask(request)
                fallback = ProviderFallback(self._parts.database, self._parts.chain, self.job, self._lease)
                finished, file = await fallback.run(lambda name: self._make(self._parts.providers[name], request, mask))
                self._made_by = ModelChoice(finished.provider, finished.model)
                await publishing.publish(self._lease, self._parts.storage, self.job, finished, file, self._calls)
        except TimeoutError:
            # A call that was interrupted took too long; one that had ended before did not.
            self._calls = [_timed_out(each) if each.outcome == "cancelled" else each for each in self._calls]
            raise TimedOut from None

    async def _request(self) -> ProviderRequest:
        job, source_id = self.job, self.job.recipe.source_asset_id
        source = await self._source(source_id) if source_id else None
        return ProviderRequest(generation_id=job.id, kind=job.kind, recipe=job.recipe, source=source)

    async def _source(self, asset_id: str) -> bytes:
        try:
            key = await self._lease.insist(assets.storage_key, asset_id)
            return await self._parts.storage.get(key)
        except (NotFound, KeyError):
            raise SourceGone from None

    async def _mask(self, request: ProviderRequest) -> Mask | None:
        """Where what is made is put into its source: no provider knows of it."""
        if not self.job.recipe.masked:
            return None
        data = await self._lease.insist(masks.find, self.job.id)
        if data is None or request.source is None:
            raise SourceGone
        return Mask(data=data, source=request.source)

    async def _make(
        self, provider: Provider, request: ProviderRequest, mask: Mask | None
    ) -> tuple[Finished, Picture | Clip]:
        """One call to one provider, verified: its bytes may be anything."""
        self._made_by = ModelChoice(provider.name, provider.model(request.kind, request.recipe.change))
        timer = CallTimer(provider.name, self._made_by.model, request.recipe.width, request.recipe.height)
        try:
            finished = await self._finished(provider, request, timer)
            file = await publishing.verify(self._parts.pictures, self._parts.sealer, self.job, finished, mask)
        except asyncio.CancelledError:
            self._calls.append(timer.complete("cancelled"))
            raise
        except Exception as error:
            code = error.code if isinstance(error, ChatserverError) else ChatserverError.code
            self._calls.append(timer.complete("failed", code))
            raise
        duration = file.duration_seconds if isinstance(file, Clip) else None
        # Of a part that was put into its source, what was asked for: the file has the source's size.
        width, height = (None, None) if mask else (file.width, file.height)
        self._calls.append(timer.complete("done", width=width, height=height, duration=duration))
        return finished, file

    async def _finished(self, provider: Provider, request: ProviderRequest, timer: CallTimer) -> Finished:
        updates = cast(AsyncGenerator[ProviderUpdate, None], provider.generate(request))
        failpoints.at("provider-call")
        async with contextlib.aclosing(updates):
            async for reported in updates:
                update = validated(reported)
                if isinstance(update, Finished):
                    return update
                timer.enter(_STAGES[type(update)])
                await self._progress.advance(update, self._made_by)
        raise ProviderError

    # Other ends ------------------------------------------------------------------------------------------------------

    async def _end_with(self, error: ChatserverError) -> None:
        """Another attempt where that may help and fits the deadline; otherwise failed, with the credit released."""
        job, wait = self.job, self._retry_wait(error)
        log.warning("generation.fault", generation_id=job.id, attempt=job.attempt, retry=wait, **self._logged(error))
        try:
            if wait is None:
                await self._lease.insist(queue.fail, job, error, self._calls)
            else:
                fault = not isinstance(error, ProviderRateLimited)
                await self._lease.insist(queue.requeue, job, self._calls, wait_seconds=wait, fault=fault)
        except LeaseLost:
            await self._lose()

    async def _lose(self) -> None:
        """Nobody waits for this attempt any more; what it asked of providers is kept all the same."""
        log.info("generation.lease_lost", generation_id=self.job.id, attempt=self.job.attempt)
        with contextlib.suppress(Busy):
            await self._parts.database.run_system(
                statistics.record, self.job.id, self.job.attempt, self.job.kind, self._calls
            )

    def _logged(self, error: ChatserverError) -> dict[str, Any]:
        return log_fields(error, self.job.private_texts)

    def _retry_wait(self, error: ChatserverError) -> float | None:
        """Seconds until the next attempt; None where there is to be none."""
        job = self.job
        if not _is_temporary(error):
            return None
        if not isinstance(error, ProviderRateLimited) and job.faults + 1 >= queue.MAX_FAULTS:
            return None
        first = self._parts.database.timing.retry_backoff
        wait = error.retry_after if error.retry_after is not None else backoff(first, job.faults)
        return wait if wait < job.seconds_left else None

    async def _give_back(self) -> None:
        with contextlib.suppress(LeaseLost, Busy):
            await self._parts.database.run_system(queue.requeue, self.job, self._calls, fault=False)


def _timed_out(call: ProviderCall) -> ProviderCall:
    return replace(call, outcome="failed", error_code=TimedOut.code)


def _is_temporary(error: ChatserverError) -> bool:
    """Whether another attempt may do better: not without time, and also where the store did not give out a source."""
    if isinstance(error, ProviderError):
        return error.temporary and not isinstance(error, TimedOut)
    return isinstance(error, StorageError)
