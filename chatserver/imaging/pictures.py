"""Pictures: from bytes of unknown make to a clean PNG, its thumbnail and its placeholder, or `Unreadable`."""

import base64
import encodings
import hashlib
import io
from typing import get_args

import PIL
from PIL import AvifImagePlugin, Image, ImageCms, ImageOps, PngImagePlugin

from chatserver.imaging import bounds
from chatserver.imaging.shapes import DownloadFormat, Origin, Picture
from chatserver.processes import preloading

THUMBNAIL_SIDE = 512
PLACEHOLDER_SIDE = 24
# The least effort that still makes small files: twice as much of it (6 and 4) saves a fiftieth of a PNG and a twentieth
# of a thumbnail, and a server that finishes many pictures at once has nothing dearer to do.
PNG_EFFORT = 4
WEBP_EFFORT = 2
# Formats that Pillow decodes well, by their first bytes; the sender's content type counts nothing. AVIF begins with the
# length of its first box.
MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"RIFF": "WEBP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
AVIF_BRANDS = (b"avif", b"avis")
KINDS = frozenset(MAGIC.values()) | {"AVIF"}
# What people's own devices make, and all that an upload may be.
UPLOADS = frozenset({"PNG", "JPEG", "WEBP"})
# The child that decodes may start no thread.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Modules of Pillow that load whole toolkits to show pictures, or print when they are imported.
_UNWANTED = frozenset({"ImageTk", "ImageQt", "ImageGrab", "ImageShow", "_tkinter_finder", "report", "__main__"})
# The EXIF tag that says which way up.
_ORIENTATION = 0x0112
PNG_END = b"\x00\x00\x00\x00IEND\xaeB\x60\x82"


class Unreadable(Exception):
    """These bytes are not one whole picture or clip of a kind that we take."""


class NotAsOrdered(Unreadable):
    """A whole picture or clip, but by no stretch the one that was ordered."""


def warm_up() -> None:
    """Imports what Pillow may want late, and takes a picture of each kind all the way: once, before the process can open
    no file any more."""
    preloading.import_all(encodings)
    preloading.import_all(PIL, but=_UNWANTED)
    Image.init()
    origin = Origin(prompt="warm-up", seed=0, model="")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    for kind in sorted(KINDS):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 8)).save(buffer, kind, icc_profile=profile, exif=exif.tobytes())
        kept = finish(buffer.getvalue(), origin)
    for wanted in get_args(DownloadFormat):
        convert(kept.data, wanted)


def finish(data: bytes, origin: Origin, ordered: bounds.Size | None = None) -> Picture:
    """Everything that is kept of a provider's picture; NotAsOrdered where it is far from the size `ordered`."""
    image = decode(data)
    compare(image.size, ordered)
    png = encode_png(image, origin)
    return Picture(
        data=png,
        content_type="image/png",
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(png).hexdigest(),
        thumbnail=thumbnail(image),
        placeholder=placeholder(image),
    )


def compare(size: bounds.Size, ordered: bounds.Size | None) -> None:
    """Raises NotAsOrdered where a size is not within what services make of the one ordered."""
    if ordered is not None and not bounds.is_as_ordered(size, ordered):
        came, wanted = (f"{width} × {height}" for width, height in (size, ordered))
        raise NotAsOrdered(f"What came back is {came} pixels, and {wanted} were ordered.")


def check_upload(data: bytes) -> bytes:
    """The same picture as a PNG without any metadata, upright."""
    return encode_png(decode(data, UPLOADS), None)


def convert(png: bytes, wanted: DownloadFormat) -> bytes:
    """A picture of ours as JPEG (transparency on white) or WebP, good enough to keep."""
    image = decode(png)
    if wanted == "webp":
        return _encode(image, "WEBP", quality=90, method=4)
    return _encode(_on_white(image), "JPEG", quality=92, optimize=True, progressive=True)


def decode(data: bytes, kinds: frozenset[str] = KINDS) -> Image.Image:
    """The whole picture (the first of several) as RGB or RGBA, upright, in sRGB. Its size is judged before a pixel is."""
    kind = _kind(data, kinds)
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            _judge(image)
            image.load()
            return _normal(image)
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable("It needs more memory than a picture may.") from None
    except Exception as error:  # noqa: BLE001  Pillow raises a dozen kinds of exception for broken files
        raise Unreadable(f"It is not a whole picture ({type(error).__name__}).") from None


def encode_png(image: Image.Image, origin: Origin | None) -> bytes:
    """A PNG that carries where it came from, and nothing else."""
    return _encode(image, "PNG", pnginfo=_metadata(origin) if origin else None, compress_level=PNG_EFFORT)


def thumbnail(image: Image.Image) -> bytes:
    """A WebP of at most 512 pixels a side."""
    return _encode(_within(image, THUMBNAIL_SIDE), "WEBP", quality=82, method=WEBP_EFFORT)


def placeholder(image: Image.Image) -> str:
    """The base64 of a WebP of at most 24 pixels a side."""
    tiny = _within(_on_white(image), PLACEHOLDER_SIDE)
    return base64.b64encode(_encode(tiny, "WEBP", quality=50, method=6)).decode()


def _kind(data: bytes, kinds: frozenset[str]) -> str:
    kind = "AVIF" if _is_avif(data) else next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), "")
    if kind not in kinds:
        *others, last = sorted(kinds)
        raise Unreadable(f"It is not a picture of a kind that is taken here: {', '.join(others)} or {last}.")
    if not _ends_where_it_says(data, kind):
        raise Unreadable("It is cut, or something else is hidden behind it.")
    return kind


def _is_avif(data: bytes) -> bool:
    # The file type box: its length, "ftyp", the brand, a version, and the brands that it is compatible with.
    length = int.from_bytes(data[:4], "big")
    brands = [data[place : place + 4] for place in (8, *range(16, min(length, 64), 4))]
    return data[4:8] == b"ftyp" and any(brand in AVIF_BRANDS for brand in brands)


def _ends_where_it_says(data: bytes, kind: str) -> bool:
    # A JPEG has no length, and cameras append to it: what follows its end is dropped by encoding it anew.
    if kind == "PNG":
        return data.endswith(PNG_END)
    if kind == "WEBP":
        return data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 in {len(data), len(data) - 1}
    return True


def _judge(image: Image.Image) -> None:
    if fault := bounds.fault_of(image.size):
        raise Unreadable(fault)
    if getattr(image, "n_frames", 1) > bounds.FRAMES:
        raise Unreadable(f"It has more than {bounds.FRAMES} frames.")


def _normal(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):
        upright = upright.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    transparent = upright.has_transparency_data
    coloured = _in_srgb(upright, "RGBA" if transparent else "RGB")
    # A copy without `info`: profiles, comments and places stay behind.
    return Image.frombytes(coloured.mode, coloured.size, coloured.tobytes())


def _in_srgb(image: Image.Image, mode: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode=mode if image.mode != "CMYK" else "RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            return image.convert(mode)  # a broken profile says nothing about the colours
        return converted.convert(mode) if converted else image.convert(mode)
    return image.convert(mode)


def _metadata(origin: Origin) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for key, value in (("prompt", origin.prompt), ("seed", str(origin.seed)), ("model", origin.model)):
        info.add_text(key, value.replace("\0", "").encode("utf-8", "replace").decode())
    info.add_text("Software", "chatserver")
    return info


def _within(image: Image.Image, side: int) -> Image.Image:
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
