"""What the provider asks of its studio, and what the studio says while it works. Light: no torch is imported here."""

from msgspec import Struct


class Commission(Struct, frozen=True, kw_only=True):
    """One picture by one model (a folder or a hub id). `device` is auto, cpu or cuda; `source` a PNG to vary, or None."""

    model: str
    device: str
    prompt: str
    negative_prompt: str | None
    width: int
    height: int
    seed: int
    steps: int
    guidance: float | None
    source: bytes | None


class Opening(Struct, frozen=True, tag=True):
    """The model is not in memory yet; it is being loaded now."""


class Ready(Struct, frozen=True, tag=True):
    """The model is in memory and begins; `opened` says that it was loaded for this picture."""

    opened: bool


class Rendered(Struct, frozen=True, tag=True):
    """One more step of the denoising is done. `preview` is a WebP of at most 160 pixels a side, now and then."""

    step: int
    steps: int
    preview: bytes | None = None


class Made(Struct, frozen=True, tag=True):
    """The picture, as a PNG."""

    data: bytes


Saying = Opening | Ready | Rendered | Made
