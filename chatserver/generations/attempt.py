"""One attempt at one claimed job: run the provider, tell how far it is, verify, store, finish; or say why not.

The provider's steps become stages (rows and durable events) and progress (ephemeral events, at most four a second).
Beside it a keeper saves progress and renews the lease; when the lease is lost, the work is cancelled at once.
"""

import asyncio
import base64
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import structlog
from msgspec import UNSET, UnsetType

from chatserver import assets
from chatserver.database import Transaction
from chatserver.errors import (
    BadParameters,
    Busy,
    ChatserverError,
    ProviderError,
    ProviderRateLimited,
    Refused,
    StorageError,
    TimedOut,
)
from chatserver.events import Announcement, session_channel
from chatserver.generations import provider_limits, queue
from chatserver.generations.models import Job, Maker
from chatserver.generations.provider_limits import FallbackChain, Permit, ProviderLimits
from chatserver.generations.queue import LeaseLost, Progress
from chatserver.imaging.protocol import Clip, Picture
from chatserver.messages.events import Progress as ProgressEvent
from chatserver.messages.models import GenerationStatus
from chatserver.providers import numbers
from chatserver.providers.base import Finished, Loading, Provider, ProviderRequest, Queued, Rendering, Step, bounded
from chatserver.providers.masking import logged
from chatserver.runtime import failpoints
from chatserver.state import State

# How often progress is told (people), saved (pages drawn anew), and the lease renewed where there is no progress.
TELL_SECONDS = 0.25
SAVE_SECONDS = 1.0
# Saves a second over all attempts of one process: with more of them each saves more rarely.
MOST_SAVES = 40
KEEP_SECONDS = queue.LEASE_SECONDS / 3
# A worker that could not renew its lease for this long, by its own clock, stops by itself.
GIVE_UP_SECONDS = queue.LEASE_SECONDS * 2 / 3
# First wait before a faulty job is tried again; doubled with each fault, with jitter.
BACKOFF_SECONDS = 2.0
# A provider of the chain that is only busy is asked again after this long.
BUSY_SECONDS = 0.5
# Errors that another provider would answer the same way.
OURS = (Refused, BadParameters)

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class Attempt:
    """Runs one job to one end. `stop()` ends it from outside."""

    def __init__(self, state: State, chain: FallbackChain, job: Job, pace: Callable[[], float] = lambda: 0.0) -> None:
        self._state, self._chain, self.job, self._pace = state, chain, job, pace
        self._status: GenerationStatus = "model-loading"
        self._progress = Progress()
        self._dirty = False
        self._told = 0.0
        self._renewed = time.monotonic()
        self._lost = False
        self._news = asyncio.Event()  # something to save, or the lease is known to be lost
        self._maker = Maker("", "")
        self._rendering_since = time.monotonic()

    @property
    def id(self) -> str:
        """The generation's."""
        return self.job.id

    def stop(self) -> None:
        """Somebody cancelled the generation: the work stops without waiting for the next look at the lease."""
        self._lost = True
        self._news.set()

    async def run(self) -> None:
        """To the end: done, failed, back in the queue, or lost. Cancelled from outside, it gives the job back."""
        started = time.monotonic()
        try:
            await self._work_while_leased()
        except LeaseLost:
            log.info("generation.lost", generation_id=self.job.id, attempt=self.job.attempt)
        except asyncio.CancelledError:
            await self._give_back()
            raise
        except ChatserverError as error:
            await self._fault(error)
        except Exception:
            log.exception("generation.broke", generation_id=self.job.id, attempt=self.job.attempt)
            await self._fault(ProviderError())
        else:
            seconds = round(time.monotonic() - started, 2)
            log.info("generation.done", generation_id=self.job.id, provider=self._maker.provider, seconds=seconds)

    async def _work_while_leased(self) -> None:
        work = asyncio.create_task(self._work())
        keeper = asyncio.create_task(self._keep_lease())
        try:
            await asyncio.wait({work, keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise LeaseLost
            await work
        finally:
            for task in (work, keeper):
                task.cancel()
            await asyncio.gather(work, keeper, return_exceptions=True)

    async def _keep_lease(self) -> None:
        """Returns when the lease is lost. Saves progress as it comes, and renews the lease where there is none."""
        while time.monotonic() - self._renewed < GIVE_UP_SECONDS:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), max(SAVE_SECONDS, self._pace()))
            self._news.clear()
            if self._lost:
                return
            if not self._dirty and time.monotonic() - self._renewed < KEEP_SECONDS:
                continue
            self._dirty = False
            try:
                await self._state.database.run_system(queue.save_progress, self.job, self._progress)
            except LeaseLost:
                return
            except Busy:
                continue  # the database is away; the worker's own clock decides how long that may last
            self._renewed = time.monotonic()

    async def _work(self) -> None:
        try:
            async with asyncio.timeout(max(self.job.seconds_left, 1)):
                finished, file = await self._make()
                await self._publish(finished, file)
        except TimeoutError:
            raise TimedOut from None

    # Making ----------------------------------------------------------------------------------------------------------

    async def _make(self) -> tuple[Finished, Picture | Clip]:
        """From the claimed provider, or from those after it in the order of fall-back; the last error where none does."""
        request = await self._request()
        permit: Permit | None = self.job.permit
        rest = self._chain
        while True:
            assert permit is not None
            try:
                made = await self._run(self._state.providers[permit.provider], request)
            except ProviderError as error:
                await self._record_failure(permit, error)
                rest = tuple(limits for limits in rest if limits.name != permit.provider)
                permit = None if isinstance(error, OURS) else await self._next_permit(rest)
                if permit is None:
                    raise
            else:
                if permit.half_open:
                    await self._insist(provider_limits.record_success, permit)
                return made

    async def _record_failure(self, permit: Permit, error: ProviderError) -> None:
        """Tells every worker what this provider did; a rate limit without Retry-After gets the time for which it closes."""
        log.warning("provider.failed", provider=permit.provider, generation_id=self.job.id, **self._told_by(error))
        with contextlib.suppress(Busy):
            seconds = await self._state.database.run_system(
                provider_limits.record_failure, self._limits(permit), permit, error
            )
            if seconds is not None:
                log.warning("provider.closed", provider=permit.provider, code=error.code, seconds=round(seconds, 1))
            if isinstance(error, ProviderRateLimited) and error.retry_after is None:
                error.retry_after = seconds

    def _limits(self, permit: Permit) -> ProviderLimits:
        return next(limits for limits in self._chain if limits.name == permit.provider)

    async def _next_permit(self, rest: FallbackChain) -> Permit | None:
        """A permit of the next provider, waiting for one that is only busy; None where none is left or open."""
        if not any(self.job.kind in limits.kinds for limits in rest):
            return None
        while True:
            available, permit = await self._insist(queue.switch_provider, self.job, rest)
            if permit is not None or available.reason != "busy":
                return permit
            await asyncio.sleep(BUSY_SECONDS)

    async def _request(self) -> ProviderRequest:
        job = self.job
        source = await self._source(job.source_asset_id) if job.source_asset_id else None
        return ProviderRequest(
            generation_id=job.id,
            kind=job.kind,
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            style=job.style,
            width=job.width,
            height=job.height,
            seed=job.seed,
            steps=job.steps,
            guidance=job.guidance,
            source=source,
        )

    async def _source(self, asset_id: str) -> bytes:
        key = await self._insist(assets.storage_key, asset_id)
        return await self._state.storage.get(key)

    async def _run(self, provider: Provider, request: ProviderRequest) -> tuple[Finished, Picture | Clip]:
        finished = await self._finished(provider, request)
        return finished, await self._verified(finished)

    async def _finished(self, provider: Provider, request: ProviderRequest) -> Finished:
        self._maker = Maker(provider.name, provider.model(request.kind))
        steps = cast(AsyncGenerator[Step, None], provider.generate(request))
        failpoints.at("provider-call")
        async with contextlib.aclosing(steps):
            async for told in steps:
                step = bounded(told)
                if isinstance(step, Finished):
                    return step
                await self._advance(step)
        raise ProviderError

    async def _advance(self, step: Queued | Loading | Rendering) -> None:
        status: GenerationStatus = _STATUS[type(step)]
        eta = self._eta(step)
        if status != self._status:
            await self._insist(queue.set_stage, self.job, status, self._maker, eta)
            self._status, self._renewed, self._told = status, time.monotonic(), 0.0
        known = Progress(eta_seconds=eta)
        if isinstance(step, Rendering):
            known = Progress(fraction=step.fraction, step=step.step, steps=step.steps, eta_seconds=eta)
        # Seconds to go are those of this moment: the same number a little later is news.
        self._dirty = self._dirty or known != self._progress or eta is not None
        self._progress = known
        self._tell(step, eta)

    def _eta(self, step: Queued | Loading | Rendering) -> float | None:
        if step.eta_seconds is not None or not isinstance(step, Rendering) or not step.fraction:
            self._rendering_since = time.monotonic()
            return step.eta_seconds
        # Only a true fraction gives an estimate: what is left at the pace so far.
        elapsed = time.monotonic() - self._rendering_since
        left = numbers.seconds(elapsed * (1 - step.fraction) / step.fraction)
        return None if left is None else round(left, 1)

    def _tell(self, step: Queued | Loading | Rendering, eta: float | None) -> None:
        now = time.monotonic()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        if self._pace() <= TELL_SECONDS:
            self._news.set()  # what people were told, a page drawn a moment later shows too
        rendering = step if isinstance(step, Rendering) else Rendering()
        event = ProgressEvent(
            generation_id=self.job.id,
            message_id=self.job.message_id,
            status=self._status,
            attempt=self.job.attempt,
            position=_given(step.position + 1 if isinstance(step, Queued) and step.position is not None else None),
            eta_seconds=_given(eta),
            fraction=_given(rendering.fraction),
            step=_given(rendering.step),
            steps=_given(rendering.steps),
            preview=_given(base64.b64encode(rendering.preview).decode() if rendering.preview else None),
        )
        self._state.hub.publish([Announcement(session_channel(self.job.session_id), event)])

    # Publishing ------------------------------------------------------------------------------------------------------

    async def _verified(self, finished: Finished) -> Picture | Clip:
        pictures = self._state.pictures
        verify = pictures.verify_picture if self.job.kind == "image" else pictures.verify_clip
        job, seed = self.job, self._seed(finished)
        requested = (job.width, job.height)
        return await verify(finished.data, prompt=job.prompt, seed=seed, model=finished.model, requested=requested)

    def _seed(self, finished: Finished) -> int:
        return self.job.seed if finished.seed is None else finished.seed

    async def _publish(self, finished: Finished, file: Picture | Clip) -> None:
        """Stage the row, put the bytes, finish: in this order, so that no row ever names missing bytes."""
        job = self.job
        self._maker = Maker(finished.provider, finished.model)
        seed = self._seed(finished)
        staged = await self._insist(assets.stage, job.id, job.attempt, file)
        await self._put(staged.storage_key, file.data, file.content_type)
        failpoints.at("put")
        await self._put(staged.thumbnail_key, file.thumbnail, "image/webp")
        result = queue.Result(asset_id=staged.id, maker=self._maker, seed=seed, width=file.width, height=file.height)
        await self._insist(queue.finish, job, result)

    async def _put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores bytes; a store that is away is tried again, with the same key, until the job's deadline."""
        wait = 0.5
        while True:
            try:
                return await self._state.storage.put(key, data, content_type)
            except (StorageError, OSError) as error:
                log.warning("storage.put_failed", error=type(error).__name__, generation_id=self.job.id)
                await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311
                wait = min(wait * 2, 15.0)

    # Other ends ------------------------------------------------------------------------------------------------------

    async def _fault(self, error: ChatserverError) -> None:
        """Another attempt where that may help and fits the deadline; otherwise failed, with the credit returned."""
        job = self.job
        wait = self._wait_before_retry(error)
        log.warning("generation.fault", generation_id=job.id, attempt=job.attempt, retry=wait, **self._told_by(error))
        with contextlib.suppress(LeaseLost):
            if wait is None:
                await self._insist(queue.fail, job, error)
            else:
                fault = not isinstance(error, ProviderRateLimited)
                await self._insist(queue.requeue, job, wait_seconds=wait, fault=fault)

    def _told_by(self, error: ChatserverError) -> dict[str, Any]:
        """What the service itself said, without the words of the prompt that it may repeat."""
        return logged(error, [words for words in (self.job.prompt, self.job.negative_prompt) if words])

    def _wait_before_retry(self, error: ChatserverError) -> float | None:
        if isinstance(error, TimedOut) or not isinstance(error, ProviderError) or not error.temporary:
            return None
        if not isinstance(error, ProviderRateLimited) and self.job.faults + 1 >= queue.MOST_FAULTS:
            return None
        backoff = random.uniform(0.5, 1) * BACKOFF_SECONDS * 2**self.job.faults  # noqa: S311
        wait = error.retry_after if error.retry_after is not None else backoff
        return wait if wait < self.job.seconds_left else None

    async def _give_back(self) -> None:
        with contextlib.suppress(LeaseLost, Busy):
            await self._state.database.run_system(queue.requeue, self.job, fault=False)

    async def _insist(
        self, verb: Callable[Concatenate[Transaction, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs a verb that may run twice; a database that is away is asked again until the lease would be gone."""
        while True:
            try:
                return await self._state.database.run_system(verb, *args, **kwargs)
            except Busy:
                if time.monotonic() - self._renewed > queue.LEASE_SECONDS:
                    raise LeaseLost from None
                await asyncio.sleep(1)


_STATUS: dict[type, GenerationStatus] = {Queued: "queued", Loading: "model-loading", Rendering: "rendering"}


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
