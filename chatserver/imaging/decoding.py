"""Decodes pictures: untrusted bytes of an accepted format become upright pixels in sRGB, without any metadata."""

import io

from PIL import AvifImagePlugin, Image, ImageCms

from chatserver.imaging import jpeg_segments, png_chunks, size_limits

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
# The EXIF tag of the orientation, and what turns a picture upright by its value. ImageOps.exif_transpose also writes the
# other tags again, and fails where one of them is broken.
ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PNG_END = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


class Unreadable(Exception):
    """These bytes are not one whole picture or clip of an accepted format."""


class UnknownFormat(Unreadable):
    """These bytes begin as no picture of an accepted format."""


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
        turn = _TURNS.get(image.getexif().get(ORIENTATION, 1))
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
