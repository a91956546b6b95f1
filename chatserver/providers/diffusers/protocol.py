"""The messages between the provider and its pipeline process. Imports no torch, so that the parent can load it.

The provider sends one `RenderRequest` for each picture; the process answers with `RenderEvent`s, all in msgpack.
"""

from msgspec import Struct

from chatserver.providers.recipe import Recipe


class RenderRequest(Struct, frozen=True, kw_only=True):
    """One picture by one model (a folder or a hub id). `source` is a PNG to vary, or None.

    `steps` are those of the recipe, or of the configuration. `device` is auto, cpu or cuda.
    """

    model: str
    device: str
    recipe: Recipe
    steps: int
    source: bytes | None


class ModelLoading(Struct, frozen=True, tag=True):
    """The model is not in memory yet and is being loaded now."""


class ModelReady(Struct, frozen=True, tag=True):
    """The model is in memory and rendering begins. `loaded_now` is true when this request loaded it."""

    loaded_now: bool


class StepRendered(Struct, frozen=True, tag=True):
    """Denoising step `step` of `steps` is done. `preview` is a WebP of at most 160 pixels a side, at most four a second."""

    step: int
    steps: int
    preview: bytes | None = None


class ImageRendered(Struct, frozen=True, tag=True):
    """The finished picture, as a PNG."""

    data: bytes


RenderEvent = ModelLoading | ModelReady | StepRendered | ImageRendered
