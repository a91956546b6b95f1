"""Pictures that people bring: decoded, turned upright, made smaller where they are very large, and encoded again.

Nothing of the file itself is kept: no metadata, no name, no second frame, no bytes behind its end.
"""

import hashlib

from chatserver.imaging import decoding, pictures
from chatserver.imaging.decoding import Unreadable
from chatserver.imaging.protocol import Picture

try:
    import pillow_heif
except ImportError:
    HAS_HEIC = False
else:
    # The confined child may start no threads.
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener(thumbnails=False)
    HAS_HEIC = True

# Pillow's names of the formats that are taken, as people know them.
NAMES = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP"} | ({"HEIF": "HEIC"} if HAS_HEIC else {})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
# The longer side in which one is kept, in pixels: twice what most models take, and about 8 MB at most as a PNG.
KEPT_SIDE = 2048


def verify(data: bytes) -> Picture:
    """A picture from outside as a clean PNG of at most KEPT_SIDE pixels a side, with its thumbnail and placeholder.

    It has no fingerprint, by which only what was made here is recognised. Raises Unreadable, with a reason for people.
    """
    image = pictures.within(decoding.decode(data, format_of(data)), KEPT_SIDE)
    png = pictures.encode_png(image, None)
    return Picture(
        data=png,
        content_type="image/png",
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(png).hexdigest(),
        thumbnail=pictures.thumbnail(image, None),
        placeholder=pictures.placeholder(image),
        hue=pictures.hue(image),
    )


def format_of(data: bytes) -> str:
    """Pillow's name of the format of a picture that may be uploaded. Raises Unreadable."""
    if _is_heic(data):
        if not HAS_HEIC:
            raise Unreadable("It is a HEIC picture, which cannot be read here. Save it as JPEG and send that.")
        return "HEIF"
    *others, last = NAMES.values()
    kinds = f"{', '.join(others)} or {last}"
    try:
        found = decoding.format_of(data)
    except decoding.UnknownFormat:
        raise Unreadable(f"It is no {kinds} picture.") from None
    if found not in NAMES:
        raise Unreadable(f"It is {'an' if found == 'AVIF' else 'a'} {found} picture. {kinds} can be uploaded.")
    return found


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS and not decoding.is_avif(data)
