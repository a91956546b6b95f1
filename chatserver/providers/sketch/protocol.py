"""What the provider asks of its painter, and what the painter says while it works. Light: no numpy is imported here."""

from typing import Literal

from msgspec import Struct


class Commission(Struct, frozen=True, kw_only=True):
    """One picture or clip. `pace_seconds` stretches the work, `doomed` makes it fail in the middle (a drill)."""

    kind: Literal["image", "video"]
    prompt: str
    negative_prompt: str | None
    style: str | None
    width: int
    height: int
    seed: int
    steps: int | None
    source: bytes | None
    pace_seconds: float = 0.0
    doomed: bool = False


class Prepared(Struct, frozen=True, tag=True):
    """The prompt is read, the palette mixed and the canvas stretched: so many steps will follow."""

    steps: int


class Painted(Struct, frozen=True, tag=True):
    """One more step is on the canvas. `preview` is a WebP of at most 160 pixels a side, now and then."""

    step: int
    preview: bytes | None = None


class Signed(Struct, frozen=True, tag=True):
    """The work is done: a PNG, or a WebM."""

    data: bytes


Saying = Prepared | Painted | Signed
