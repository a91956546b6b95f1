"""Verifies pictures and encodes them: as a clean PNG with a thumbnail and a placeholder, and as what is downloaded."""

import base64
import encodings
import hashlib
import io
from datetime import UTC, datetime
from typing import cast, get_args

import PIL
from msgspec.structs import replace
from PIL import Image, ImageCms, PngImagePlugin

from chatserver.imaging import decoding, marks, size_limits, xmp
from chatserver.imaging.fingerprints import fingerprint
from chatserver.imaging.hues import dominant_hue
from chatserver.imaging.protocol import DownloadFormat, Picture, Provenance
from chatserver.processes import preloading

PLACEHOLDER_SIDE = 24
# The brightest value, of 255, that a picture of nothing but black has after a lossy encoding.
BLACK_LEVEL = 3
# The least effort that still makes small files: twice the time (6 and 4) saves 2 % of a PNG and 5 % of a thumbnail, and
# encoding is the largest share of the CPU time that a picture takes on this server.
PNG_EFFORT = 4
WEBP_EFFORT = 2
# Modules of Pillow that load GUI toolkits, or print when they are imported.
_UNWANTED = frozenset({"ImageTk", "ImageQt", "ImageGrab", "ImageShow", "_tkinter_finder", "report", "__main__"})
# Pillow's name of the text chunk that holds XMP in a PNG.
_XMP_CHUNK = "XML:com.adobe.xmp"
WARM_UP = Provenance(
    generation_id="", source="algorithmicMedia", model="", made_at=datetime(2026, 1, 1, tzinfo=UTC), prompt="", seed=0
)


class AllBlack(decoding.Unreadable):
    """A whole picture without anything in it: what a safety check leaves of one."""


class SizeMismatch(decoding.Unreadable):
    """A whole picture or clip, but its size is far from the requested one."""


def warm_up() -> None:
    """Loads what Pillow imports late, by processing one picture of each format.

    Called once at the start: a confined process can open no file.
    """
    preloading.import_all(encodings)
    preloading.import_all(PIL, but=_UNWANTED)
    Image.init()
    provenance = WARM_UP
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[decoding.ORIENTATION] = 6
    for image_format in sorted(decoding.FORMATS):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 8), "teal").save(buffer, image_format, icc_profile=profile, exif=exif.tobytes())
        verified = verify(buffer.getvalue(), provenance)
    for wanted in get_args(DownloadFormat):
        convert(verified.data, wanted, provenance, marked=True)


def verify(data: bytes, provenance: Provenance, requested: size_limits.Size | None = None) -> Picture:
    """A provider's picture as a clean PNG, with its thumbnail and placeholder.

    Raises Unreadable; SizeMismatch where its size is far from `requested` (width, height in pixels); AllBlack.
    """
    return finished(checked(data, requested), provenance)


def checked(data: bytes, requested: size_limits.Size | None = None) -> Image.Image:
    """What a provider made, decoded. Raises as `verify`."""
    image = decoding.decode(data)
    check_size(image.size, requested)
    if is_black(image):
        raise AllBlack("All of it is black.")
    return image


def finished(image: Image.Image, provenance: Provenance) -> Picture:
    """A picture as a clean PNG, with its thumbnail and placeholder."""
    png = encode_png(image, provenance)
    return Picture(
        data=png,
        content_type="image/png",
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(png).hexdigest(),
        thumbnail=thumbnail(image, provenance),
        placeholder=placeholder(image),
        fingerprint=fingerprint_of(image),
        hue=hue(image),
    )


def is_black(image: Image.Image) -> bool:
    """Whether no pixel is distinguishable from black. A picture that is dark has some that are."""
    channels = cast(tuple[tuple[int, int], ...], _on_white(image).getextrema())
    return max(high for _, high in channels) <= BLACK_LEVEL


def check_size(size: size_limits.Size, requested: size_limits.Size | None) -> None:
    """Raises SizeMismatch where a size is not within what services make of the requested one."""
    if requested is not None and not size_limits.matches(size, requested):
        came, wanted = (f"{width} × {height}" for width, height in (size, requested))
        raise SizeMismatch(f"What came back is {came} pixels, and {wanted} were ordered.")


def convert(png: bytes, wanted: DownloadFormat, provenance: Provenance | None, *, marked: bool = False) -> bytes:
    """A stored PNG for download: as JPEG (transparency on white) or WebP at high quality, or as PNG.

    `marked`: with the visible mark. Its only metadata is the provenance, of which what people uploaded has none.
    """
    image = decoding.decode(png)
    if marked and provenance is not None:
        image = marks.marked(image, provenance.source)
    if wanted == "png":
        return encode_png(image, provenance)
    if wanted == "webp":
        return _encode(image, "WEBP", quality=90, method=4, **_xmp(provenance))
    return _encode(_on_white(image), "JPEG", quality=92, optimize=True, progressive=True, **_xmp(provenance))


def encode_png(image: Image.Image, provenance: Provenance | None) -> bytes:
    """A PNG whose only metadata is the provenance."""
    metadata = None if provenance is None else _metadata(provenance)
    return _encode(image, "PNG", pnginfo=metadata, compress_level=PNG_EFFORT)


def thumbnail(image: Image.Image, provenance: Provenance | None) -> bytes:
    """A WebP of at most 512 pixels a side."""
    return shrunk(image, size_limits.THUMBNAIL_SIDE, provenance)


def shrunk(image: Image.Image, side: int, provenance: Provenance | None) -> bytes:
    """A WebP of at most `side` pixels a side, for pages: without prompt and seed. A smaller picture keeps its size."""
    public = None if provenance is None else replace(provenance, prompt=None, seed=None)
    return _encode(within(image, side), "WEBP", quality=82, method=WEBP_EFFORT, **_xmp(public))


def fingerprint_of(image: Image.Image) -> str | None:
    """The fingerprint of a picture of any size and mode; None where it is too plain."""
    return fingerprint(_on_white(within(image, size_limits.THUMBNAIL_SIDE)))


def placeholder(image: Image.Image) -> str:
    """The base64 of a WebP of at most 24 pixels a side."""
    tiny = within(_on_white(image), PLACEHOLDER_SIDE)
    return base64.b64encode(_encode(tiny, "WEBP", quality=50, method=6)).decode()


def hue(image: Image.Image) -> int | None:
    """The hue of most of its colour, 0–359; None where it is grey."""
    return dominant_hue(within(_on_white(image), PLACEHOLDER_SIDE))


def _metadata(provenance: Provenance) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for key, value in (("prompt", provenance.prompt), ("seed", provenance.seed), ("model", provenance.model)):
        if value is not None:
            info.add_text(key, str(value).replace("\0", "").encode("utf-8", "replace").decode())
    info.add_text("Software", "chatserver")
    info.add_itxt(_XMP_CHUNK, xmp.packet(provenance).decode())
    return info


def _xmp(provenance: Provenance | None) -> dict[str, bytes]:
    return {} if provenance is None else {"xmp": xmp.packet(provenance)}


def within(image: Image.Image, side: int) -> Image.Image:
    """The picture with at most `side` pixels a side; a smaller one keeps its size."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def with_mode_of(other: Image.Image, image: Image.Image) -> Image.Image:
    """The picture with or without transparency, as the other one."""
    return _on_white(image) if other.mode == "RGB" else image.convert(other.mode)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
