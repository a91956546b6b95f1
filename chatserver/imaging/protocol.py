"""The messages between `ImageProcessor` and its child processes: four tasks and their results, in msgpack."""

from typing import Literal

from msgspec import Struct

DownloadFormat = Literal["jpeg", "webp"]


class Provenance(Struct, frozen=True, kw_only=True):
    """The prompt, seed and model of a file, as written into its metadata."""

    prompt: str
    seed: int
    model: str


class VerifyPicture(Struct, frozen=True, tag=True):
    """Verify and re-encode a provider's picture; answered by a `Picture`. `requested` is width and height in pixels."""

    data: bytes
    provenance: Provenance
    requested: tuple[int, int] | None = None


class VerifyClip(Struct, frozen=True, tag=True):
    """Verify and copy a provider's clip; answered by a `Clip`. `requested` is width and height in pixels."""

    data: bytes
    provenance: Provenance
    requested: tuple[int, int] | None = None


class ConvertPicture(Struct, frozen=True, tag=True):
    """Convert a stored PNG for download; answered by bytes."""

    png: bytes
    format: DownloadFormat


class ShrinkPicture(Struct, frozen=True, tag=True):
    """Make a WebP of at most `side` pixels a side of a stored PNG, for the page; answered by bytes."""

    png: bytes
    side: int


ImagingTask = VerifyPicture | VerifyClip | ConvertPicture | ShrinkPicture


class Picture(Struct, frozen=True, kw_only=True):
    """A verified picture. `data` is a PNG, sizes are in pixels, `thumbnail` a WebP of at most 512 pixels a side,
    `placeholder` the base64 of a WebP of at most 24 pixels a side."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    placeholder: str


class Clip(Struct, frozen=True, kw_only=True):
    """A verified clip: WebM or MP4 with one video stream. `thumbnail` and `placeholder` show its poster frame."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    placeholder: str
    duration_seconds: float
