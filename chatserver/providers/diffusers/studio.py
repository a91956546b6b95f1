"""The studio: loads the model once, makes one picture at a time, says each step. Runs in a child process, with torch."""

import functools
import inspect
import io
import math
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import torch
import transformers
from PIL import Image

from chatserver.processes import child, confinement
from chatserver.providers.diffusers.commission import Commission, Made, Opening, Ready, Rendered, Saying
from chatserver.providers.diffusers.previews import Previewer

# How far a variation may leave its source: 0 is the source itself, 1 is nothing of it.
STRENGTH = 0.6
# Sides that every latent picture has a whole number of cells for; some pipelines want more.
GRAIN = 8
# On the processor, running out of memory has no exception of its own, only these words.
OUT_OF_MEMORY = ("allocate memory", "bad_alloc")


class NotLoadable(Exception):
    """There is no such pipeline, or it does not fit these packages or this machine."""


class SafetyRefused(Exception):
    """The pipeline's own safety checker does not let this picture out."""


class OutOfMemory(Exception):
    """This picture does not fit into the memory of the device."""


class Stopped(Exception):
    """Nobody wants this picture any more."""


def work(task: bytes) -> Iterator[bytes]:
    """Carries out one Commission; every Saying in msgpack."""
    for saying in _carried_out(msgspec.msgpack.decode(task, type=Commission)):
        yield msgspec.msgpack.encode(saying)


def _carried_out(commission: Commission) -> Iterator[Saying]:
    new = not _studio.cache_info().currsize
    if new:
        yield Opening()
    studio = _studio(commission.model, commission.device)
    yield Ready(opened=new)
    yield from studio.make(commission)


@functools.lru_cache(maxsize=1)
def _studio(model: str, device: str) -> "Studio":
    try:
        return Studio(model, device)
    except Exception as error:
        raise NotLoadable(f"{type(error).__name__}: {error}") from error


class Studio:
    """One pipeline on its device, with its twin for variations, which shares all parts with it."""

    def __init__(self, model: str, device: str) -> None:
        device = _device(device)
        precision = torch.float32 if device == "cpu" else torch.float16
        folder = Path(model).expanduser()
        where = str(folder) if folder.is_dir() else model
        pipe = diffusers.AutoPipelineForText2Image.from_pretrained(where, dtype=precision)
        pipe.set_progress_bar_config(disable=True)
        self._pipe = pipe.to(device)
        self._previewer = Previewer(pipe)

    @functools.cached_property
    def _varying(self) -> Any:
        pipe = diffusers.AutoPipelineForImage2Image.from_pipe(self._pipe)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def make(self, commission: Commission) -> Iterator[Saying]:
        """A Rendered for each step as it is done, then Made; nothing more once nobody wants it."""
        sayings: queue.SimpleQueue[Saying | None] = queue.SimpleQueue()
        # The pipeline calls back from its depths, so it has a thread, and the sayings a queue.
        with ThreadPoolExecutor(1) as thread:
            painting = thread.submit(self._paint, commission, sayings.put)
            painting.add_done_callback(lambda _: sayings.put(None))
            while (saying := sayings.get()) is not None:
                yield saying
        picture = painting.result()
        if picture is not None:
            yield Made(_png(picture, commission))

    def _paint(self, commission: Commission, say: Callable[[Saying], None]) -> Image.Image | None:
        pipe = self._pipe if commission.source is None else self._varying
        try:
            made = pipe(**_arguments(pipe, commission, self._on_step(say)))
        except Stopped:
            return None
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _out_of_memory() from error
        except RuntimeError as error:
            if any(words in str(error) for words in OUT_OF_MEMORY):
                raise _out_of_memory() from error
            raise
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            raise SafetyRefused
        picture: Image.Image = made.images[0]
        return picture

    def _on_step(self, say: Callable[[Saying], None]) -> Callable[..., dict[str, Any]]:
        def on_step(pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            # Raised, and not left to the pipeline's own flag, which would still decode what nobody wants.
            if child.stopping():
                raise Stopped
            # Some schedulers take a step more or less than they were asked for.
            steps = max(pipe.num_timesteps, index + 1)
            say(Rendered(index + 1, steps, self._previewer.of(tensors["latents"])))
            return tensors

        if child.stopping():
            raise Stopped
        return on_step


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise NotLoadable("DIFFUSERS_DEVICE is cuda, but torch finds no graphics card.")
    return wanted


def _arguments(pipe: Any, commission: Commission, on_step: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What this pipeline takes of what was asked; the rest it leaves to its own defaults."""
    width, height = (_rounded(side, pipe) for side in (commission.width, commission.height))
    arguments = {
        "prompt": commission.prompt,
        "negative_prompt": commission.negative_prompt,
        "width": width,
        "height": height,
        "num_inference_steps": commission.steps,
        "guidance_scale": commission.guidance,
        # Drawn on the processor, so that a seed means the same noise on every device.
        "generator": torch.Generator("cpu").manual_seed(commission.seed),
        "callback_on_step_end": on_step,
    }
    if commission.source is not None:
        source = Image.open(io.BytesIO(commission.source), formats=["PNG"]).convert("RGB")
        arguments["image"] = source.resize((width, height), Image.Resampling.LANCZOS)
        arguments["strength"] = STRENGTH
        # Only this share of the steps is taken, and none is too few.
        arguments["num_inference_steps"] = max(commission.steps, math.ceil(1 / STRENGTH))
    taken = inspect.signature(pipe.__call__).parameters
    return {name: value for name, value in arguments.items() if name in taken and value is not None}


def _rounded(side: int, pipe: Any) -> int:
    """The side, up to the next that this pipeline can make; what is too much is cut off again."""
    grain = math.lcm(GRAIN, getattr(pipe, "vae_scale_factor", GRAIN))
    return math.ceil(side / grain) * grain


def _png(picture: Image.Image, commission: Commission) -> bytes:
    left, top = (picture.width - commission.width) // 2, (picture.height - commission.height) // 2
    buffer = io.BytesIO()
    # Encoded again when it is verified: speed counts here, not size.
    wanted = picture.crop((left, top, left + commission.width, top + commission.height))
    wanted.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _out_of_memory() -> OutOfMemory:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return OutOfMemory()


def _quieten() -> None:
    """Warnings would carry parts of prompts into the log, and bars have nobody to look at them."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


if __name__ == "__main__":
    _quieten()
    child.run(work, confine=confinement.keep_as_it_is)
