"""The child process with torch: loads the model once, makes one picture at a time, reports every step."""

import functools
import inspect
import io
import math
import queue
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import torch
import transformers
from PIL import Image, ImageOps

from chatserver.processes import child, confinement
from chatserver.providers.diffusers import models
from chatserver.providers.diffusers.previews import Previewer
from chatserver.providers.diffusers.protocol import (
    ImageRendered,
    ModelLoading,
    ModelReady,
    RenderEvent,
    RenderRequest,
    StepRendered,
)
from chatserver.providers.recipe import Recipe

# How far a variation may leave its source: 0 is the source itself, 1 is nothing of it.
STRENGTH = 0.6
# Less would leave no step to take.
LEAST_STRENGTH = 0.02
# Sides must be multiples of this many pixels; some pipelines need more.
SIDE_MULTIPLE = 8
# On the processor, running out of memory is a plain RuntimeError with one of these texts: from the allocators of torch and
# of C++, from Python's threads, and from oneDNN, which compiles its kernels into memory.
OUT_OF_MEMORY = re.compile(r"allocate memory|bad_alloc|start new thread|could not create a (primitive|memory object)$")


class ModelNotLoadable(Exception):
    """The pipeline does not exist, or does not work with these packages or this machine."""


class SafetyRefused(Exception):
    """The pipeline's safety checker rejected this picture."""


class OutOfMemory(Exception):
    """This picture needs more memory than the device has."""


class RenderStopped(Exception):
    """The parent has asked to stop this picture."""


def work(task: bytes) -> Iterator[bytes]:
    """Renders one RenderRequest; yields its RenderEvents, all in msgpack."""
    try:
        for event in _render(msgspec.msgpack.decode(task, type=RenderRequest)):
            yield msgspec.msgpack.encode(event)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory() from error
    except RuntimeError as error:
        if OUT_OF_MEMORY.search(str(error)):
            raise _out_of_memory() from error
        raise


def _render(request: RenderRequest) -> Iterator[RenderEvent]:
    new = not _pipeline.cache_info().currsize
    if new:
        yield ModelLoading()
    pipeline = _pipeline(request.model, request.device)
    yield ModelReady(loaded_now=new)
    yield from pipeline.render(request)


@functools.lru_cache(maxsize=1)
def _pipeline(model: str, device: str) -> "LoadedPipeline":
    try:
        return LoadedPipeline(model, device)
    except Exception as error:
        raise ModelNotLoadable(f"{type(error).__name__}: {error}") from error


class LoadedPipeline:
    """A text-to-image pipeline on its device, and an image-to-image one for variations that shares its components."""

    def __init__(self, model: str, device: str) -> None:
        device = _device(device)
        precision = torch.float32 if device == "cpu" else torch.float16
        folder = Path(model).expanduser()
        where = str(folder) if folder.is_dir() else model
        self._tasks = models.tasks(model)
        # What takes instructions is a class of its own, which the index names.
        opened = diffusers.DiffusionPipeline if "edit" in self._tasks else diffusers.AutoPipelineForText2Image
        pipe = opened.from_pretrained(where, dtype=precision)
        pipe.set_progress_bar_config(disable=True)
        self._pipe = pipe.to(device)
        self._previewer = Previewer(pipe)

    @functools.cached_property
    def _image_to_image(self) -> Any:
        if "edit" in self._tasks:
            return self._pipe
        pipe = diffusers.AutoPipelineForImage2Image.from_pipe(self._pipe)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def render(self, request: RenderRequest) -> Iterator[RenderEvent]:
        """A StepRendered after each step, then ImageRendered; ends without it when the parent asks to stop."""
        events: queue.SimpleQueue[RenderEvent | None] = queue.SimpleQueue()
        # The pipeline reports steps through a callback: it runs in a thread, and a queue carries the events out of it.
        with ThreadPoolExecutor(1) as thread:
            rendering = thread.submit(self._run, request, events.put)
            rendering.add_done_callback(lambda _: events.put(None))
            while (event := events.get()) is not None:
                yield event
        picture = rendering.result()
        if picture is not None:
            yield ImageRendered(_png(picture, request.recipe))

    def _run(self, request: RenderRequest, report: Callable[[RenderEvent], None]) -> Image.Image | None:
        pipe = self._pipe if request.source is None else self._image_to_image
        try:
            output = pipe(**_arguments(pipe, request, self._on_step(report)))
        except RenderStopped:
            return None
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise SafetyRefused
        picture: Image.Image = output.images[0]
        return picture

    def _on_step(self, report: Callable[[RenderEvent], None]) -> Callable[..., dict[str, Any]]:
        def on_step(pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            # An exception and not the pipeline's own interrupt flag, which would still decode the unwanted picture.
            if child.stop_requested():
                raise RenderStopped
            # Some schedulers take a step more or less than requested.
            steps = max(pipe.num_timesteps, index + 1)
            report(StepRendered(index + 1, steps, self._previewer.encode(tensors["latents"])))
            return tensors

        if child.stop_requested():
            raise RenderStopped
        return on_step


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelNotLoadable("DIFFUSERS_DEVICE is cuda, but torch finds no graphics card.")
    return wanted


def _arguments(pipe: Any, request: RenderRequest, on_step: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The keyword arguments that this pipeline accepts; those not requested are left to its defaults."""
    recipe = request.recipe
    width, height = (_rounded(side, pipe) for side in (recipe.width, recipe.height))
    arguments = {
        "prompt": recipe.styled_prompt,
        "negative_prompt": recipe.styled_negative_prompt,
        "width": width,
        "height": height,
        "num_inference_steps": request.steps,
        "guidance_scale": recipe.guidance,
        # On the processor, so that a seed gives the same noise on every device.
        "generator": torch.Generator("cpu").manual_seed(recipe.seed),
        "callback_on_step_end": on_step,
    }
    if request.source is not None:
        source = Image.open(io.BytesIO(request.source), formats=["PNG", "JPEG", "WEBP"]).convert("RGB")
        arguments["image"] = ImageOps.fit(source, (width, height), Image.Resampling.LANCZOS)
    accepted = inspect.signature(pipe.__call__).parameters
    if request.source is not None and "strength" in accepted:
        strength = max(STRENGTH if recipe.strength is None else recipe.strength, LEAST_STRENGTH)
        arguments["strength"] = strength
        # The pipeline takes only this share of the steps, and it must take at least one.
        arguments["num_inference_steps"] = max(request.steps, math.ceil(1 / strength))
    return {name: value for name, value in arguments.items() if name in accepted and value is not None}


def _rounded(side: int, pipe: Any) -> int:
    """The side rounded up to a size that this pipeline can make; `_png` crops the excess."""
    multiple = math.lcm(SIDE_MULTIPLE, getattr(pipe, "vae_scale_factor", SIDE_MULTIPLE))
    return math.ceil(side / multiple) * multiple


def _png(picture: Image.Image, recipe: Recipe) -> bytes:
    left, top = (picture.width - recipe.width) // 2, (picture.height - recipe.height) // 2
    buffer = io.BytesIO()
    # It is encoded again when it is verified: speed counts here, not size.
    wanted = picture.crop((left, top, left + recipe.width, top + recipe.height))
    wanted.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _out_of_memory() -> OutOfMemory:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return OutOfMemory()


def _silence_libraries() -> None:
    """Silences warnings, which would put parts of prompts into the log, and progress bars."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


if __name__ == "__main__":
    _silence_libraries()
    child.run(work, confine=confinement.forbid_new_privileges)
