"""What is asked of the imaging child, and what it answers."""

from typing import Literal

from msgspec import Struct

DownloadFormat = Literal["jpeg", "webp"]


class Origin(Struct, frozen=True, kw_only=True):
    """Where a file came from, as written into its metadata."""

    prompt: str
    seed: int
    model: str


class FinishPicture(Struct, frozen=True, tag=True):
    """Verify a provider's picture and make everything that is kept of it; `ordered` is width and height in pixels."""

    data: bytes
    origin: Origin
    ordered: tuple[int, int] | None = None


class FinishClip(Struct, frozen=True, tag=True):
    """Verify a provider's clip and make everything that is kept of it."""

    data: bytes
    origin: Origin
    ordered: tuple[int, int] | None = None


class Convert(Struct, frozen=True, tag=True):
    """A kept PNG in another format, for download."""

    png: bytes
    format: DownloadFormat


class CheckUpload(Struct, frozen=True, tag=True):
    """Verify somebody's own picture and strip what it tells about him."""

    data: bytes


ImagingTask = FinishPicture | FinishClip | Convert | CheckUpload


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
    """A verified clip: WebM or MP4 with one stream of pictures. `thumbnail` and `placeholder` show its poster frame."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    placeholder: str
    duration_seconds: float
