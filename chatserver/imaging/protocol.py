"""The messages between `ImageProcessor` and its child processes: eight tasks and their results, in msgpack."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

DownloadFormat = Literal["png", "jpeg", "webp"]
# What made a file, in the words of IPTC's NewsCodes: a model trained on samples, or an algorithm that was not; the other two
# are for a picture of which the one or the other has made a part.
DigitalSource = Literal[
    "trainedAlgorithmicMedia", "algorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"
]


class Provenance(Struct, frozen=True, kw_only=True):
    """How a file was made, as written into it. `prompt` and `seed` are its owner's: None leaves them out."""

    generation_id: str
    source: DigitalSource
    model: str
    made_at: datetime
    prompt: str | None = None
    seed: int | None = None


class Mask(Struct, frozen=True, kw_only=True):
    """Which part of a picture may change: `data` as `VerifyMask` answers it, `source` the stored PNG of that picture."""

    data: bytes
    source: bytes


class VerifyPicture(Struct, frozen=True, tag=True):
    """Verify and re-encode a provider's picture; answered by a `Picture`. `requested` is width and height in pixels.

    With a mask it is put into the marked part of the source first, so that the answer has the source's size.
    """

    data: bytes
    provenance: Provenance
    requested: tuple[int, int] | None = None
    mask: Mask | None = None


class VerifyClip(Struct, frozen=True, tag=True):
    """Verify and copy a provider's clip; answered by a `Clip`. `requested` is width and height in pixels."""

    data: bytes
    provenance: Provenance
    requested: tuple[int, int] | None = None


class VerifyUpload(Struct, frozen=True, tag=True):
    """Verify and re-encode a picture that a person brings; answered by a `Picture` without a fingerprint."""

    data: bytes


class VerifyMask(Struct, frozen=True, tag=True):
    """Verify and re-encode a mask that a person brings; answered by the bytes of a PNG.

    With the picture that it marks, what is transparent in it marks, and both have the same size.
    """

    data: bytes
    picture: bytes | None = None


class ConvertPicture(Struct, frozen=True, tag=True):
    """Convert a stored PNG for download; answered by bytes. `marked`: with the visible mark drawn into it."""

    png: bytes
    format: DownloadFormat
    provenance: Provenance | None
    marked: bool = False


class ShrinkPicture(Struct, frozen=True, tag=True):
    """Make a WebP of at most `side` pixels a side of a stored PNG, for the page; answered by bytes."""

    png: bytes
    side: int
    provenance: Provenance | None


class CopyClip(Struct, frozen=True, tag=True):
    """Copy a stored clip into a new container with another provenance; answered by bytes."""

    clip: bytes
    provenance: Provenance


class InspectFile(Struct, frozen=True, tag=True):
    """Look at a picture or clip that may be anybody's; answered by an `Inspection`."""

    data: bytes


ImagingTask = (
    VerifyPicture | VerifyClip | VerifyUpload | VerifyMask | ConvertPicture | ShrinkPicture | CopyClip | InspectFile
)


class Picture(Struct, frozen=True, kw_only=True):
    """A verified picture. `data` is a PNG, sizes are in pixels, `thumbnail` a WebP of at most 512 pixels a side,
    `placeholder` the base64 of a WebP of at most 24 pixels a side, `fingerprint` see `imaging.fingerprints`, `hue` that of
    most of its colour (OKLCH, 0–359; None where it is grey)."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    placeholder: str
    fingerprint: str | None = None
    hue: int | None = None


class Clip(Struct, frozen=True, kw_only=True):
    """A verified clip: WebM or MP4 with one video stream. `thumbnail`, `placeholder` and `hue` are its poster frame's."""

    data: bytes
    content_type: str
    width: int
    height: int
    sha256: str
    thumbnail: bytes
    placeholder: str
    duration_seconds: float
    fingerprint: str | None = None
    hue: int | None = None


class Inspection(Struct, frozen=True, kw_only=True):
    """What was found in a file: its content type, and the fingerprint of the picture or of the clip's middle frame."""

    content_type: str
    fingerprint: str | None
