"""The messages between the provider and its painting processes. Imports no numpy, so that the parent can load it.

The provider sends one `PaintRequest` for each picture or clip; the process answers with `PaintEvent`s, all in msgpack.
"""

from typing import Literal

from msgspec import Struct

from chatserver.providers.recipe import Recipe


class PaintRequest(Struct, frozen=True, kw_only=True):
    """One picture or clip. `source` is a PNG to vary, or None.

    `pace_seconds` makes the work last at least that long; `should_fail` makes it fail after a third of its steps
    (SKETCH_PACE and SKETCH_FAIL).
    """

    kind: Literal["image", "video"]
    recipe: Recipe
    source: bytes | None
    pace_seconds: float = 0.0
    should_fail: bool = False


class PaintStarted(Struct, frozen=True, tag=True):
    """The prompt is parsed and the scene composed; `steps` steps will follow."""

    steps: int


class StepPainted(Struct, frozen=True, tag=True):
    """Step `step` is done. `preview` is a WebP of at most 160 pixels a side, at most four a second."""

    step: int
    preview: bytes | None = None


class PaintFinished(Struct, frozen=True, tag=True):
    """The finished file: a PNG, or a WebM."""

    data: bytes


PaintEvent = PaintStarted | StepPainted | PaintFinished
