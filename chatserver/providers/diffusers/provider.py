"""The provider `diffusers`: one model in the memory of one child process, which makes one picture at a time.

Closing `generate` in the middle of a picture returns at once: in the background the process is asked to stop, which it
does after its current step and keeps the model loaded. It is killed only if it does not stop within STOP_SECONDS.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import cast

import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import BlackedOut, ModelGone, ProviderDown, ProviderError
from chatserver.processes.pool import Child, ChildDied, Pool, ProcessLimits, TaskFailed
from chatserver.providers.base import Finished, Kind, Loading, ProviderRequest, ProviderUpdate, Queued, Rendering
from chatserver.providers.diffusers import models
from chatserver.providers.diffusers.protocol import (
    ImageRendered,
    ModelLoading,
    ModelReady,
    RenderEvent,
    RenderRequest,
    StepRendered,
)
from chatserver.providers.recipe import Change

PIPELINE_PROCESS = "chatserver.providers.diffusers.pipeline_process"
# No limit on memory and time: they depend on the operator's model, and a graphics card driver maps more addresses than the
# machine has memory. Importing torch from a cold disk takes a minute.
LIMITS = ProcessLimits(memory_bytes=0, cpu_seconds=0, start_seconds=180.0, threads=None)
# The hub's cache and proxy settings, and those of the graphics card. No token is inherited: gated models are fetched with
# the login that the hub's own tools keep under HF_HOME.
INHERITED_VARIABLES = (
    *("HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"),
    *("CUDA_VISIBLE_DEVICES", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS"),
)
# One step of a large model on a slow processor, or the rest of a load, may take this long before the process can stop.
STOP_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Diffusers:
    """Pictures by the pipeline at DIFFUSERS_MODEL, the same for the same prompt, seed, size and device."""

    name = "diffusers"
    label = "Diffusers (on this server)"
    # The noise of another size is another noise.
    redraws = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._pool = Pool(PIPELINE_PROCESS, size=1, limits=LIMITS, variables=INHERITED_VARIABLES)
        self._stopping: set[asyncio.Task[None]] = set()
        self._loading_since = time.monotonic()
        self._load_seconds: float | None = None

    def supports(self, kind: Kind, change: Change | None = None) -> bool:
        """Only pictures; variations of them by most models, edits by those that take instructions."""
        return kind == "image" and (change or "image") in models.tasks(self._config.diffusers_model)

    def model(self, kind: Kind, change: Change | None = None) -> str:  # noqa: ARG002  one model for every kind
        """The hub id, or the last part of the folder's path."""
        return models.display_name(self._config.diffusers_model)

    @property
    def pids(self) -> list[int]:
        """The id of the pipeline process; empty before the first picture."""
        return self._pool.pids

    async def generate(self, request: ProviderRequest) -> AsyncIterator[ProviderUpdate]:
        """Queued behind another picture, Loading with the time of the last load, a Rendering for each step, Finished."""
        self._check_model()
        if self._pool.busy:
            yield Queued(position=self._pool.waiting)
        elif not self._pool.warm:
            yield self._start_loading()
        try:
            async with self._leased_child() as child, aclosing(_events(child, self._render_request(request))) as events:
                async for event in events:
                    yield self._update(event, request)
        except TaskFailed as failure:
            raise _error(failure) from None
        except ChildDied:
            log.warning("diffusers.process_died", generation_id=request.generation_id)
            raise ProviderDown("The local picture model stopped in the middle of its work.") from None

    async def close(self) -> None:
        """Ends the process, also in the middle of a picture."""
        await self._pool.close()
        await asyncio.gather(*self._stopping)

    def _check_model(self) -> None:
        problem = models.problem(self._config.diffusers_model)
        if problem:
            log.error("diffusers.model_unusable", model=self._config.diffusers_model, problem=problem)
            raise ModelGone(f"{problem} The operator has to mend that.")

    def _start_loading(self) -> Loading:
        self._loading_since = time.monotonic()
        return Loading(eta_seconds=self._load_seconds)

    def _remaining_load(self) -> Loading:
        if self._load_seconds is None:
            return Loading()
        passed = time.monotonic() - self._loading_since
        return Loading(eta_seconds=max(0.0, round(self._load_seconds - passed, 1)))

    def _update(self, event: RenderEvent, request: ProviderRequest) -> ProviderUpdate:
        match event:
            case ModelLoading():
                return self._remaining_load()
            case ModelReady(loaded_now):
                if loaded_now:
                    self._load_seconds = round(time.monotonic() - self._loading_since, 1)
                return Rendering(fraction=0.0)
            case StepRendered(step, steps, preview):
                return Rendering(fraction=step / steps, step=step, steps=steps, preview=preview)
            case ImageRendered(data):
                return Finished(data=data, model=self.model("image"), provider=self.name, seed=request.recipe.seed)

    def _render_request(self, request: ProviderRequest) -> RenderRequest:
        return RenderRequest(
            model=self._config.diffusers_model,
            device=self._config.diffusers_device,
            recipe=request.recipe,
            steps=request.recipe.steps or self._config.diffusers_steps,
            source=request.source,
        )

    # Stopping --------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _leased_child(self) -> AsyncIterator[Child]:
        """The process for one picture. If it is still at work on exit, the lease is kept until it has stopped."""
        async with AsyncExitStack() as lease:
            child = await lease.enter_async_context(self._pool.lease())
            try:
                yield child
            finally:
                if not child.idle:
                    stopping = asyncio.create_task(self._stop(child, lease.pop_all()))
                    self._stopping.add(stopping)
                    stopping.add_done_callback(self._stopping.discard)

    async def _stop(self, child: Child, lease: AsyncExitStack) -> None:
        async with lease:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await child.stop_task()
            except TimeoutError:
                log.warning("diffusers.process_killed", seconds=STOP_SECONDS)
            except ChildDied:
                log.debug("diffusers.process_died")


async def _events(child: Child, request: RenderRequest) -> AsyncGenerator[RenderEvent, None]:
    answers = cast(AsyncGenerator[bytes, None], child.submit(msgspec.msgpack.encode(request)))
    async with aclosing(answers):
        async for answer in answers:
            yield msgspec.msgpack.decode(answer, type=RenderEvent)


def _error(failure: TaskFailed) -> ProviderError:
    """The error shown to people. The message of the failure may hold paths, so it goes only to the log."""
    match failure.kind:
        case "SafetyRefused":
            return BlackedOut()
        case "OutOfMemory":
            return ProviderError("This picture needs more memory than the server has. Please make it smaller.")
        case "ModelNotLoadable":
            log.error("diffusers.model_not_loadable", problem=failure.message)
            return ModelGone("The local picture model cannot be loaded. The operator has to look at the log.")
    log.warning("diffusers.failed", kind=failure.kind)
    return ProviderError("The local picture model could not make this.")
