"""The provider `diffusers`: one model, kept in memory by one process, one picture at a time.

Whoever leaves in the middle of a picture does not wait for it: the studio is told to stop, does so at its next step
while nobody looks, and keeps its model; only one that does not stop in time is killed.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import cast

import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import ModelGone, ProviderDown, ProviderError, Refused
from chatserver.processes.pool import Child, ChildDied, Limits, Pool, TaskFailed
from chatserver.providers.base import Finished, Kind, Loading, ProviderRequest, Queued, Rendering, Step
from chatserver.providers.diffusers import models
from chatserver.providers.diffusers.commission import Commission, Made, Opening, Ready, Rendered, Saying

STUDIO = "chatserver.providers.diffusers.studio"
# The model's memory and time are the operator's choice, and a graphics card maps more addresses than the machine has.
# Importing torch from a cold disk takes a minute.
LIMITS = Limits(memory_bytes=0, cpu_seconds=0, start_seconds=180.0, threads=None)
# Where the hub's files are kept and how to reach it, which card to use and how. No token is among it: gated models are
# fetched with the login that the hub's own tools keep under HF_HOME.
PASSED_ON = (
    *("HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE"),
    *("CUDA_VISIBLE_DEVICES", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS"),
)
# One step of a large model on a slow processor, or the rest of a load, may take so long before the studio can stop.
STOP_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Diffusers:
    """Pictures by the pipeline at DIFFUSERS_MODEL, the same for the same prompt, seed, size and device."""

    name = "diffusers"
    label = "Diffusers (on this server)"

    def __init__(self, config: Config) -> None:
        self._config = config
        self._pool = Pool(STUDIO, size=1, limits=LIMITS, passed_on=PASSED_ON)
        self._leaving: set[asyncio.Task[None]] = set()
        self._loading_since = time.monotonic()
        self._load_seconds: float | None = None

    def supports(self, kind: Kind) -> bool:
        """Pictures alone."""
        return kind == "image"

    def model(self, kind: Kind) -> str:  # noqa: ARG002  there is one for all it makes
        """The hub id, or the folder's own name."""
        return models.display_name(self._config.diffusers_model)

    @property
    def pids(self) -> list[int]:
        """The studio's process, once it runs."""
        return self._pool.pids

    async def generate(self, request: ProviderRequest) -> AsyncIterator[Step]:
        """Queued behind another picture, Loading with the time the last load took, a Rendering each step, Finished."""
        self._check_model()
        if self._pool.busy:
            yield Queued(position=self._pool.waiting)
        elif not self._pool.warm:
            yield self._begin_loading()
        try:
            async with self._leased() as studio, aclosing(_asked(studio, self._commission(request))) as sayings:
                async for saying in sayings:
                    yield self._step(saying, request)
        except TaskFailed as failure:
            raise _error(failure) from None
        except ChildDied:
            log.warning("diffusers.studio_died", generation_id=request.generation_id)
            raise ProviderDown("The local picture model stopped in the middle of its work.") from None

    async def close(self) -> None:
        """Ends the studio, at work or not."""
        await self._pool.close()
        await asyncio.gather(*self._leaving)

    def _check_model(self) -> None:
        words = models.problem(self._config.diffusers_model)
        if words:
            log.error("diffusers.no_model", model=self._config.diffusers_model, words=words)
            raise ModelGone(f"{words} The operator has to mend that.")

    def _begin_loading(self) -> Loading:
        self._loading_since = time.monotonic()
        return Loading(eta_seconds=self._load_seconds)

    def _go_on_loading(self) -> Loading:
        if self._load_seconds is None:
            return Loading()
        passed = time.monotonic() - self._loading_since
        return Loading(eta_seconds=max(0.0, round(self._load_seconds - passed, 1)))

    def _step(self, saying: Saying, request: ProviderRequest) -> Step:
        match saying:
            case Opening():
                return self._go_on_loading()
            case Ready(opened):
                if opened:
                    self._load_seconds = round(time.monotonic() - self._loading_since, 1)
                return Rendering(fraction=0.0)
            case Rendered(step, steps, preview):
                return Rendering(fraction=step / steps, step=step, steps=steps, preview=preview)
            case Made(data):
                return Finished(data=data, model=self.model("image"), provider=self.name, seed=request.seed)

    def _commission(self, request: ProviderRequest) -> Commission:
        return Commission(
            model=self._config.diffusers_model,
            device=self._config.diffusers_device,
            prompt=f"{request.prompt}, {request.style} style" if request.style else request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            seed=request.seed,
            steps=request.steps or self._config.diffusers_steps,
            guidance=request.guidance,
            source=request.source,
        )

    # Leaving ---------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[Child]:
        """The studio for one picture. Left in the middle of one, its lease goes on until it has stopped."""
        async with AsyncExitStack() as lease:
            studio = await lease.enter_async_context(self._pool.lease())
            try:
                yield studio
            finally:
                if not studio.resting:
                    leaving = asyncio.create_task(self._stop(studio, lease.pop_all()))
                    self._leaving.add(leaving)
                    leaving.add_done_callback(self._leaving.discard)

    async def _stop(self, studio: Child, lease: AsyncExitStack) -> None:
        async with lease:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await studio.stop()
            except TimeoutError:
                log.warning("diffusers.studio_killed", seconds=STOP_SECONDS)
            except ChildDied:
                log.debug("diffusers.studio_gone")


async def _asked(studio: Child, commission: Commission) -> AsyncGenerator[Saying, None]:
    answers = cast(AsyncGenerator[bytes, None], studio.ask(msgspec.msgpack.encode(commission)))
    async with aclosing(answers):
        async for answer in answers:
            yield msgspec.msgpack.decode(answer, type=Saying)


def _error(failure: TaskFailed) -> ProviderError:
    """The studio's failure in words for people. Its own words may hold paths, so the operator alone gets them."""
    match failure.kind:
        case "SafetyRefused":
            return Refused("The picture model's safety check refused this picture. Please put it in other words.")
        case "OutOfMemory":
            return ProviderError("This picture needs more memory than the server has. Please make it smaller.")
        case "NotLoadable":
            log.error("diffusers.not_loadable", words=failure.message)
            return ModelGone("The local picture model cannot be loaded. The operator has to look at the log.")
    log.warning("diffusers.failed", kind=failure.kind)
    return ProviderError("The local picture model could not make this.")
