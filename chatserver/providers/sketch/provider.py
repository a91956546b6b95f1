"""The built-in provider: paints in child processes, without a key and without a network.

It reports `Queued` while all its processes are busy, `Loading` while one starts and parses the prompt, and `Rendering` for
each layer or frame when it is done. SKETCH_FAIL and SKETCH_PACE are for tests and demonstrations.
"""

import random
from collections.abc import AsyncIterator

import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import BadParameters, ProviderDown, ProviderError, SimulatedFailure
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits, TaskFailed
from chatserver.providers.base import Finished, Kind, Loading, ProviderRequest, ProviderUpdate, Queued, Rendering
from chatserver.providers.recipe import Change
from chatserver.providers.sketch.protocol import PaintEvent, PaintFinished, PaintRequest, PaintStarted, StepPainted

LABEL = "Sketch (built in)"
MODELS: dict[Kind, str] = {"image": LABEL, "video": LABEL}
# How long a process takes to start and import numpy, Pillow and the codec, on a busy machine.
START_SECONDS = 1.0
# Larger canvases take minutes and more memory than LIMITS allow.
LARGEST_SIDE = 2048
# Three gigabytes of address space are twice what the largest canvas and its noise take; a clip takes a fifth. Two minutes of
# CPU are four times what the largest picture takes; SKETCH_PACE sleeps, which takes no CPU.
LIMITS = ProcessLimits(memory_bytes=3 * 1024**3, cpu_seconds=120, niceness=5)
# More processes than processors only slow each other down.
MAX_PROCESSES = 2

log = structlog.get_logger(__name__)


class Sketch:
    """Pictures and clips painted by this server, the same for the same prompt, seed and size."""

    name = "sketch"
    label = LABEL
    redraws = True

    def __init__(self, config: Config) -> None:
        self._fail = config.sketch_fail
        self._pace = config.sketch_pace
        size = min(MAX_PROCESSES, config.worker_concurrency)
        self._pool = Pool("chatserver.providers.sketch.painting.painter", size=size, limits=LIMITS)

    def supports(self, kind: Kind, change: Change | None = None) -> bool:
        """Pictures and clips, and changes to pictures."""
        return kind in MODELS and (change is None or kind == "image")

    def model(self, kind: Kind, change: Change | None = None) -> str:  # noqa: ARG002  one painter for all
        """The same label for both kinds."""
        return MODELS[kind]

    @property
    def pids(self) -> list[int]:
        """The ids of the painting processes."""
        return self._pool.pids

    async def generate(self, request: ProviderRequest) -> AsyncIterator[ProviderUpdate]:
        """Queued where all processes are busy, Loading, a Rendering for each layer or frame, Finished."""
        if max(request.recipe.width, request.recipe.height) > LARGEST_SIDE:
            raise BadParameters(f"The built-in painter's canvas is at most {LARGEST_SIDE} pixels a side.")
        if self._pool.busy:
            yield Queued(position=self._pool.waiting)
        yield Loading(eta_seconds=None if self._pool.warm else START_SECONDS)
        try:
            async with self._pool.lease() as child:
                async for update in _updates(child.submit(self._paint_request(request)), request):
                    yield update
        except TaskFailed as failure:
            raise _error(failure) from None
        except ChildDied:
            log.warning("sketch.process_died", generation_id=request.generation_id)
            raise ProviderDown("The built-in painter stopped in the middle of its work.") from None

    async def close(self) -> None:
        """Ends the processes."""
        await self._pool.close()

    def _paint_request(self, request: ProviderRequest) -> bytes:
        paint_request = PaintRequest(
            kind=request.kind,
            recipe=request.recipe,
            source=request.source,
            pace_seconds=self._pace,
            should_fail=_should_fail(self._fail, request.recipe.prompt),
        )
        return msgspec.msgpack.encode(paint_request)


async def _updates(answers: AsyncIterator[bytes], request: ProviderRequest) -> AsyncIterator[ProviderUpdate]:
    steps, finished = 1, None
    async for answer in answers:
        match msgspec.msgpack.decode(answer, type=PaintEvent):
            case PaintStarted(steps):
                yield Rendering(fraction=0.0, step=0, steps=steps)
            case StepPainted(step, preview):
                yield Rendering(fraction=step / steps, step=step, steps=steps, preview=preview)
            case PaintFinished(data):
                finished = Finished(data=data, model=LABEL, provider=Sketch.name, seed=request.recipe.seed)
    # Yielded only after the child has ended its task: the caller may stop here, and a child at work would then be killed.
    if finished is not None:
        yield finished


def _should_fail(fail: str, prompt: str) -> bool:
    """Whether SKETCH_FAIL applies to this prompt: a number is the share of requests that fail, a word is searched in it."""
    try:
        # A decimal comma, as in 0,5, is common in Europe.
        return random.random() < float(fail.replace(",", ".") or 0)  # noqa: S311
    except ValueError:
        return fail.lower() in prompt.lower()


def _error(failure: TaskFailed) -> ProviderError:
    if failure.kind == "FailureRequested":
        return SimulatedFailure()
    if failure.kind == "InstructionNotUnderstood":
        return BadParameters(
            "The built-in painter changes light, season, weather, colours and style, and the instruction names none of "
            "them: try “make it night”, “in winter” or “as a watercolour”."
        )
    log.warning("sketch.failed", kind=failure.kind)
    return ProviderError("The built-in painter could not paint this.")
