"""Paints one request in a child process: yields an event for each step, then the picture."""

import io
import itertools
import time
from collections.abc import Iterator
from functools import partial

import msgspec
import numpy as np
from PIL import Image, ImageOps

from chatserver.processes import child, confinement
from chatserver.providers.recipe import Recipe
from chatserver.providers.sketch.painting import compositions, filming, finishing, reading, redrawing, stage
from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array
from chatserver.providers.sketch.painting.scene import Layer, Scene
from chatserver.providers.sketch.protocol import PaintEvent, PaintFinished, PaintRequest, PaintStarted, StepPainted

PREVIEW_SIDE = 160
# At most four previews a second: more would only be dropped on the way to the browser.
PREVIEW_SECONDS = 0.25
# Passes of the brush when nobody says how many steps, and the most that still change anything.
BRUSHES, MOST_BRUSHES = 3, 60


class FailureRequested(Exception):
    """The operator asked for a failure (SKETCH_FAIL)."""


class InstructionNotUnderstood(Exception):
    """An edit names nothing that the painter can change."""


def work(task: bytes) -> Iterator[bytes]:
    """Paints one PaintRequest; yields its PaintEvents, all in msgpack."""
    request = msgspec.msgpack.decode(task, type=PaintRequest)
    events = _film(request) if request.kind == "video" else _picture(request)
    for event in _paced(events, request):
        yield msgspec.msgpack.encode(event)


def _picture(request: PaintRequest) -> Iterator[PaintEvent]:
    recipe = request.recipe
    scene, plan = _new(recipe) if request.source is None else _changed(recipe, _fitted(request.source, recipe))
    canvas = Canvas(recipe.width, recipe.height)
    groups = _grouped(plan, recipe.steps)
    yield PaintStarted(len(groups))
    preview = Preview()
    for step, group in enumerate(groups, 1):
        for layer in group:
            layer.paint(canvas, scene)
        yield StepPainted(step, preview.thumbnail(canvas.rgb))
    yield PaintFinished(_png(canvas.rgb))


def _new(recipe: Recipe) -> tuple[Scene, list[Layer]]:
    """Every layer, then as many passes of the brush as the steps allow, then the finish."""
    brief = _brief(recipe)
    scene = stage.scene_of(brief, recipe.seed, recipe.width, recipe.height)
    layers = compositions.layers_of(scene)
    brushes = compositions.brushes(scene, _brush_count(layers, recipe))
    return scene, [*layers, *brushes, Layer("finish", 0.0, finishing.finish)]


def _changed(recipe: Recipe, source: Array) -> tuple[Scene, list[Layer]]:
    """The layers over a picture that is changed: what changes of it, passes of the brush, then the finish."""
    if recipe.enlargement == "enlarged":
        # Enlarged, and nothing else.
        recipe = msgspec.structs.replace(recipe, strength=0.0)
    brief = _brief(recipe)
    if recipe.change == "edit" and not redrawing.is_understood(brief):
        raise InstructionNotUnderstood
    scene = redrawing.scene_of(brief, recipe, source)
    layers = redrawing.layers_of(scene, recipe, source)
    brushes = compositions.brushes(scene, _brush_count(layers, recipe))
    return scene, [*layers, *brushes, redrawing.finished(recipe, source)]


def _brief(recipe: Recipe) -> reading.Brief:
    manner = " ".join(filter(None, (recipe.style_before, recipe.style_after)))
    return reading.read(recipe.prompt, recipe.negative_prompt, recipe.style, manner)


def _brush_count(layers: list[Layer], recipe: Recipe) -> int:
    return BRUSHES if recipe.steps is None else int(np.clip(recipe.steps - len(layers) - 1, 2, MOST_BRUSHES))


def _grouped(plan: list[Layer], steps: int | None) -> list[list[Layer]]:
    """The plan in as many steps as were asked for, if it has as many layers."""
    count = min(steps or len(plan), len(plan))
    bounds = [round(number * len(plan) / count) for number in range(count + 1)]
    return [plan[start:end] for start, end in itertools.pairwise(bounds)]


def _film(request: PaintRequest) -> Iterator[PaintEvent]:
    recipe = request.recipe
    brief = _brief(recipe)
    film = filming.Film(brief, recipe.seed, recipe.width, recipe.height)
    yield PaintStarted(film.steps)
    preview = Preview()
    for step, frame in enumerate(film.shoot(), 1):
        yield StepPainted(step, preview.thumbnail(frame))
    yield PaintFinished(film.finished())


def _paced(events: Iterator[PaintEvent], request: PaintRequest) -> Iterator[PaintEvent]:
    """Slows the work to `pace_seconds`, and fails after a third of the steps where `should_fail` is set."""
    begun, steps = time.monotonic(), 1
    for event in events:
        if isinstance(event, PaintStarted):
            steps = event.steps
        if isinstance(event, StepPainted):
            if request.should_fail and event.step * 3 >= steps:
                raise FailureRequested
            time.sleep(max(0.0, begun + request.pace_seconds * event.step / steps - time.monotonic()))
        yield event


class Preview:
    """Small WebPs of the canvas, not too often."""

    def __init__(self) -> None:
        self._last = 0.0

    def thumbnail(self, pixels: Array) -> bytes | None:
        """A preview, or None while the last one is fresh."""
        if time.monotonic() - self._last < PREVIEW_SECONDS:
            return None
        self._last = time.monotonic()
        stride = max(1, max(pixels.shape[:2]) // (2 * PREVIEW_SIDE))
        image = _image(pixels[::stride, ::stride])
        image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=60, method=2)
        return buffer.getvalue()


def _fitted(source: bytes, recipe: Recipe) -> Array:
    """The source at the size of the new picture: what does not fit its shape is cut off at the edges."""
    with Image.open(io.BytesIO(source), formats=["PNG", "JPEG", "WEBP"]) as image:
        fitted = ImageOps.fit(image.convert("RGB"), (recipe.width, recipe.height), Image.Resampling.LANCZOS)
    return np.asarray(fitted, dtype=np.float32) / 255


def _png(pixels: Array) -> bytes:
    buffer = io.BytesIO()
    # Encoded again when it is verified: speed counts here, not size.
    _image(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _image(pixels: Array) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


if __name__ == "__main__":
    child.run(work, confine=partial(confinement.confine, reads_files=True))
