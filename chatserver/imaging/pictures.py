"""Verifies pictures: decodes untrusted bytes and makes a clean PNG, a thumbnail and a placeholder."""

import base64
import encodings
import hashlib
import io
from datetime import UTC, datetime
from typing import cast, get_args

import PIL
from msgspec.structs import replace
from PIL import AvifImagePlugin, Image, ImageCms, PngImagePlugin

from chatserver.imaging import jpeg_segments, marks, png_chunks, size_limits, xmp
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
# Formats by their first bytes; the sender's content type is ignored. AVIF is not among them: it begins with a length.
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WEBP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"P5\n": "PPM",
    b"P5 ": "PPM",
    b"P6\n": "PPM",
    b"P6 ": "PPM",
}
AVIF_BRANDS = (b"avif", b"avis")
FORMATS = frozenset(MAGIC.values()) | {"AVIF"}
# The confined child may start no threads.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Modules of Pillow that load GUI toolkits, or print when they are imported.
_UNWANTED = frozenset({"ImageTk", "ImageQt", "ImageGrab", "ImageShow", "_tkinter_finder", "report", "__main__"})
# The EXIF tag of the orientation, and what turns a picture upright by its value. ImageOps.exif_transpose also writes the
# other tags again, and fails where one of them is broken.
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's name of the text chunk that holds XMP in a PNG.
_XMP_CHUNK = "XML:com.adobe.xmp"
WARM_UP = Provenance(
    generation_id="", source="algorithmicMedia", model="", made_at=datetime(2026, 1, 1, tzinfo=UTC), prompt="", seed=0
)
PNG_END = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


class Unreadable(Exception):
    """These bytes are not one whole picture or clip of an accepted format."""


class UnknownFormat(Unreadable):
    """These bytes begin as no picture of an accepted format."""


class AllBlack(Unreadable):
    """A whole picture without anything in it: what a safety check leaves of one."""


class SizeMismatch(Unreadable):
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
    exif[_ORIENTATION] = 6
    for image_format in sorted(FORMATS):
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
    image = decode(data)
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
    image = decode(png)
    if marked and provenance is not None:
        image = marks.marked(image, provenance.source)
    if wanted == "png":
        return encode_png(image, provenance)
    if wanted == "webp":
        return _encode(image, "WEBP", quality=90, method=4, **_xmp(provenance))
    return _encode(_on_white(image), "JPEG", quality=92, optimize=True, progressive=True, **_xmp(provenance))


def decode(data: bytes, image_format: str | None = None) -> Image.Image:
    """The picture (the first of several frames) as RGB or RGBA, upright, in sRGB. Raises Unreadable.

    `image_format` is Pillow's name of its format, where the caller has found it already. Its size is checked before any
    pixel is decoded.
    """
    image_format = image_format or format_of(data)
    try:
        described = png_chunks.described(data) if image_format == "PNG" else None
        with Image.open(io.BytesIO(_plain(data, image_format, described)), formats=[image_format]) as image:
            _check_limits(image)
            image.load()
            if described is not None:
                png_chunks.with_eight_bit_transparency(image, described)
            return _normalized(image, described.profile if described else None)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        raise Unreadable(size_limits.too_many(size_limits.MAX_PIXELS)) from None
    except MemoryError:
        raise Unreadable("It needs more memory than a picture may.") from None
    except Exception as error:  # Pillow raises a dozen types of exception for broken files
        raise Unreadable("It is not a whole picture.") from error


def _plain(data: bytes, image_format: str, png: png_chunks.Described | None) -> bytes:
    """The file without what stands beside its picture and could make it unreadable. Raises Unreadable."""
    if png is not None:
        return png.data
    if image_format != "JPEG":
        return data
    if jpeg_segments.has_too_many_scans(data):
        raise Unreadable(f"It comes in more than {jpeg_segments.MOST_SCANS} scans.")
    return jpeg_segments.without_notes(data)


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


def format_of(data: bytes) -> str:
    """Pillow's name of the format of a picture that is taken here. Raises Unreadable."""
    found = "AVIF" if is_avif(data) else next((name for magic, name in MAGIC.items() if data.startswith(magic)), None)
    if found is None:
        *others, last = sorted(FORMATS)
        raise UnknownFormat(f"It is not a picture of a kind that is taken here: {', '.join(others)} or {last}.")
    if not _length_matches(data, found):
        raise Unreadable("It is cut, or something else is hidden behind it.")
    return found


def is_avif(data: bytes) -> bool:
    """Whether a file begins as an AVIF picture."""
    # The file type box: its length, "ftyp", the brand, a version, and the brands that it is compatible with.
    length = int.from_bytes(data[:4], "big")
    brands = [data[offset : offset + 4] for offset in (8, *range(16, min(length, 64), 4))]
    return data[4:8] == b"ftyp" and any(brand in AVIF_BRANDS for brand in brands)


def _length_matches(data: bytes, image_format: str) -> bool:
    # A JPEG declares no length, and cameras append data to it: re-encoding drops what follows its end.
    if image_format == "PNG":
        return data.endswith(PNG_END)
    if image_format == "WEBP":
        return data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 in {len(data), len(data) - 1}
    return True


def _check_limits(image: Image.Image) -> None:
    if problem := size_limits.problem(image.size):
        raise Unreadable(problem)
    if _has_too_many_frames(image):
        raise Unreadable(f"It has more than {size_limits.MAX_FRAMES} frames.")


def _has_too_many_frames(image: Image.Image) -> bool:
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1) > size_limits.MAX_FRAMES
    # To count those of a TIFF, Pillow reads them all, in a time that grows with their square.
    try:
        for frame in range(1, size_limits.MAX_FRAMES + 1):
            image.seek(frame)
    except EOFError:
        return False
    finally:
        image.seek(0)
    return True


def _normalized(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    """Upright, in RGB or RGBA and in sRGB. `profile` is what the file says of its colours otherwise than by a profile."""
    profile = profile or image.info.get("icc_profile")
    flat = _in_eight_bits(_upright(image))
    coloured = _in_srgb(flat, profile) if profile else flat
    # A copy without `info`, which holds profiles, comments and places.
    coloured = coloured.convert("RGBA" if coloured.has_transparency_data else "RGB")
    return Image.frombytes(coloured.mode, coloured.size, coloured.tobytes())


def _upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data says. Broken data is ignored, as programs that show pictures do, and so is XMP,
    which Pillow would believe."""
    image.info.pop("xmp", None)
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  as in `decode`
        return image
    return image if turn is None else image.transpose(turn)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """The picture in a mode that profiles are made for: L, RGB or CMYK, or, where anything is transparent, LA or RGBA."""
    if image.mode == "F":
        raise Unreadable("Its colours are fractions, of which nobody can tell which is white.")
    transparent = image.has_transparency_data
    if image.mode.startswith("I"):
        scaled = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
        scaled.info = image.info
        image = scaled
    if image.mode in {"1", "L", "LA", "La"}:
        return image.convert("LA" if transparent else "L")
    if image.mode == "CMYK":
        return image
    return image.convert("RGBA" if transparent else "RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The same colours in sRGB, as browsers show them. A profile that is broken, or of another mode, is ignored."""
    colours = image.convert("L") if image.mode == "LA" else image
    try:
        source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(colours, source, target, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    if converted is None:
        return image
    if image.mode == "LA":
        converted.putalpha(image.getchannel("A"))
    return converted


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
