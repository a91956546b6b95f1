"""Masks: which part of a picture may be changed. They come from outside, and nothing beyond the part that they mark changes.

A mask is grey: white marks, and a grey counts as what it is nearer to. It may have fewer pixels than the picture. That of
OpenAI's images API is a picture of the same size instead, and what is transparent in it marks.
"""

import io
from collections.abc import Callable

from PIL import Image, ImageChops, ImageFilter

from chatserver.imaging import decoding, pictures, uploads
from chatserver.imaging.decoding import Unreadable
from chatserver.imaging.protocol import Mask

# Pixels a side at most: finer than any hand paints.
MOST_SIDE = 1024
_TOO_LARGE = f"has more than {MOST_SIDE} pixels a side"
_PNG = b"\x89PNG\r\n\x1a\n"
_MARKED = 255
# The width of the soft edge, as a share of the picture's longer side.
_FEATHER = 1 / 100


def verify(data: bytes) -> bytes:
    """A mask from outside as a PNG of black and white. Raises Unreadable, whose words complete "the mask …"."""
    return _kept(_decode(data, _check_side, _grey))


def verify_transparency(data: bytes, picture: bytes) -> bytes:
    """The same of a mask that marks by what is transparent in it, and is as large as the picture that was sent with it."""
    size = decoding.decode(picture, uploads.format_of(picture)).size

    def check(image: Image.Image) -> None:
        if image.size != size:
            ours, other = (f"{width} × {height}" for width, height in (image.size, size))
            raise Unreadable(f"has {ours} pixels, and the picture {other}")

    return _kept(_decode(data, check, _transparency))


def _kept(grey: Image.Image) -> bytes:
    mask = _marked(grey)
    if mask.getextrema() == (0, 0):
        raise Unreadable("marks nothing")
    buffer = io.BytesIO()
    mask.convert("1").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def applied(made: Image.Image, mask: Mask) -> Image.Image:
    """The source with what was made in its marked part; all else are the source's own pixels, and its size."""
    source = decoding.decode(mask.source)
    with Image.open(io.BytesIO(mask.data)) as image:
        marked = _marked(image.convert("L").resize(source.size, Image.Resampling.BILINEAR))
    fitted = pictures.with_mode_of(source, made).resize(source.size, Image.Resampling.LANCZOS)
    return Image.composite(fitted, source, _feathered(marked))


def _decode(
    data: bytes, check: Callable[[Image.Image], None], grey: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """The mask in grey, as `grey` makes it; `check` sees it before any pixel is decoded."""
    if not data.startswith(_PNG):
        raise Unreadable("is no PNG")
    if not data.endswith(decoding.PNG_END):
        raise Unreadable("is not a whole PNG")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            check(image)
            image.load()
            return grey(image)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        raise Unreadable(_TOO_LARGE) from None
    except Exception:  # noqa: BLE001  as in `decoding.decode`
        raise Unreadable("is not a whole PNG") from None


def _check_side(image: Image.Image) -> None:
    if max(image.size) > MOST_SIDE:
        raise Unreadable(_TOO_LARGE)


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if not image.has_transparency_data:
        return image.convert("L")
    # What is transparent marks nothing.
    return Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA")).convert("L")


def _transparency(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or not image.has_transparency_data:
        raise Unreadable("has no transparent part, which is what may change")
    return pictures.within(ImageChops.invert(image.convert("RGBA").getchannel("A")), MOST_SIDE)


def _marked(grey: Image.Image) -> Image.Image:
    return grey.point(lambda level: _MARKED if level > _MARKED // 2 else 0)


def _feathered(marked: Image.Image) -> Image.Image:
    """Soft at the edge, inwards: beyond what is marked nothing changes. Less soft where that would leave nothing whole."""
    radius = max(1, round(max(marked.size) * _FEATHER))
    while radius:
        # The blur is half at the edge: there the change begins.
        soft = marked.filter(ImageFilter.BoxBlur(radius)).point(lambda level: max(0, 2 * level - _MARKED))
        soft = ImageChops.darker(soft, marked)
        if soft.getextrema()[1] == _MARKED:
            return soft
        radius //= 2
    return marked
