"""The built-in provider: draws by itself in child processes, without a key and without a network.

Everything it says is true: `Queued` while its painters are busy, `Loading` while one starts and reads the prompt,
`Rendering` for each layer as it lies on the canvas. SKETCH_FAIL and SKETCH_PACE are for drills and demonstrations.
"""

import random
from collections.abc import AsyncIterator

import msgspec
import structlog

from chatserver.config import Config
from chatserver.errors import BadParameters, Drill, ProviderDown, ProviderError
from chatserver.processes.pool import ChildDied, Limits, Pool, TaskFailed
from chatserver.providers.base import Finished, Kind, Loading, ProviderRequest, Queued, Rendering, Step
from chatserver.providers.sketch.protocol import Commission, Painted, Prepared, Saying, Signed

LABEL = "Sketch (built in)"
MODELS: dict[Kind, str] = {"image": LABEL, "video": LABEL}
# What starting a painter takes: numpy, Pillow and the codec, on a machine that has other things to do.
START_SECONDS = 1.0
# Larger canvases take minutes and more memory than a painter has.
LARGEST_SIDE = 2048
# Three gigabytes of addresses hold the largest canvas with its noise twice over; a clip takes a fifth. Two minutes of
# CPU are four times what the largest picture takes; a pace is slept, not counted.
LIMITS = Limits(memory_bytes=3 * 1024**3, cpu_seconds=120, niceness=5)
# More painters than processors only slow each other down.
PAINTERS = 2

log = structlog.get_logger(__name__)


class Sketch:
    """Pictures and clips from our own hand, the same for the same prompt, seed and size."""

    name = "sketch"
    label = LABEL

    def __init__(self, config: Config) -> None:
        self._fail = config.sketch_fail
        self._pace = config.sketch_pace
        size = min(PAINTERS, config.worker_concurrency)
        self._pool = Pool("chatserver.providers.sketch.painting.painter", size=size, limits=LIMITS)

    def supports(self, kind: Kind) -> bool:
        """Pictures and clips."""
        return kind in MODELS

    def model(self, kind: Kind) -> str:
        """The same hand for both."""
        return MODELS[kind]

    @property
    def pids(self) -> list[int]:
        """The painters' processes."""
        return self._pool.pids

    async def generate(self, request: ProviderRequest) -> AsyncIterator[Step]:
        """Queued where all painters are busy, Loading, a Rendering for each layer or frame, Finished."""
        if max(request.width, request.height) > LARGEST_SIDE:
            raise BadParameters(f"The built-in painter's canvas is at most {LARGEST_SIDE} pixels a side.")
        if self._pool.busy:
            yield Queued(position=self._pool.waiting)
        yield Loading(eta_seconds=None if self._pool.warm else START_SECONDS)
        try:
            async with self._pool.lease() as painter:
                async for step in _steps(painter.ask(self._commission(request)), request):
                    yield step
        except TaskFailed as failure:
            raise _error(failure) from None
        except ChildDied:
            log.warning("sketch.painter_died", generation_id=request.generation_id)
            raise ProviderDown("The built-in painter stopped in the middle of its work.") from None

    async def close(self) -> None:
        """Ends the painters."""
        await self._pool.close()

    def _commission(self, request: ProviderRequest) -> bytes:
        commission = Commission(
            kind=request.kind,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            style=request.style,
            width=request.width,
            height=request.height,
            seed=request.seed,
            steps=request.steps,
            source=request.source,
            pace_seconds=self._pace,
            doomed=_doomed(self._fail, request.prompt),
        )
        return msgspec.msgpack.encode(commission)


async def _steps(answers: AsyncIterator[bytes], request: ProviderRequest) -> AsyncIterator[Step]:
    steps, finished = 1, None
    async for answer in answers:
        match msgspec.msgpack.decode(answer, type=Saying):
            case Prepared(steps):
                yield Rendering(fraction=0.0, step=0, steps=steps)
            case Painted(step, preview):
                yield Rendering(fraction=step / steps, step=step, steps=steps, preview=preview)
            case Signed(data):
                finished = Finished(data=data, model=LABEL, provider=Sketch.name, seed=request.seed)
    # Told when the painter rests: who has a picture goes, and a painter left in the middle of its work is killed.
    if finished is not None:
        yield finished


def _doomed(fail: str, prompt: str) -> bool:
    """Whether SKETCH_FAIL means this one: a number is the share of pictures, a word is looked for in the prompt."""
    try:
        # 0,5 is how many people write it.
        return random.random() < float(fail.replace(",", ".") or 0)  # noqa: S311
    except ValueError:
        return fail.lower() in prompt.lower()


def _error(failure: TaskFailed) -> ProviderError:
    if failure.kind == "Drill":
        return Drill()
    log.warning("sketch.failed", kind=failure.kind)
    return ProviderError("The built-in painter could not paint this.")
