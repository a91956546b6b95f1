"""Reads of a PNG what its picture needs, before Pillow decodes it.

Pillow refuses a whole picture for a chunk that a browser skips (broken, or a text of more than a megabyte when it is
unpacked, such as the workflow of an image generator), and knows neither the depth of a transparent colour nor what a PNG
says of its colours without a profile.

Source: PNG (Third Edition), W3C, §5 and §11; ITU-T H.273 for the code points of cICP.
"""

import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct
from PIL import Image

from chatserver.imaging import profiles

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The chunks of a picture; all others are dropped. Their least and most bytes: a profile is rarely longer when it is packed.
_KEPT = {
    b"IHDR": (13, 13),
    b"PLTE": (3, 768),
    b"IDAT": (0, 2**31),
    b"IEND": (0, 0),
    b"tRNS": (1, 256),
    b"iCCP": (4, 4 * 1024**2),
    b"eXIf": (8, 1024**2),
    b"acTL": (8, 8),
    b"fcTL": (26, 26),
    b"fdAT": (4, 2**31),
}
# The most bytes of a profile when it is unpacked: Pillow refuses longer ones with the picture.
_MAX_PROFILE_BYTES = 1024**2
# What says of its colours: the chunk's bytes as big-endian numbers.
_COLOURS = {b"gAMA": ">I", b"cHRM": ">8I", b"sRGB": ">B", b"cICP": ">4B"}
_GREY, _RGB = 0, 2

Chunk = tuple[bytes, bytes, int]


class Described(Struct, frozen=True, kw_only=True):
    """A PNG without the chunks that no picture needs: `data`, its bits a sample, its colour type, and its profile where it
    is told in words only (cICP, or gAMA and cHRM); None where it is sRGB or has one of its own."""

    data: bytes
    depth: int = 8
    colour_type: int = _RGB
    profile: bytes | None = None


def described(data: bytes) -> Described:
    """What decoding a PNG needs. One that is not made of chunks comes back as it is: decoding says what is wrong."""
    try:
        chunks = list(_chunks(data))
        (_, header, _), *_ = chunks
        depth, colour_type = header[8], header[9]
    except (ValueError, IndexError, struct.error):
        return Described(data=data)
    kept = [_written(chunk) for chunk in chunks if _is_needed(chunk)]
    return Described(
        data=SIGNATURE + b"".join(kept), depth=depth, colour_type=colour_type, profile=_profile(chunks, colour_type)
    )


def with_eight_bit_transparency(image: Image.Image, png: Described) -> None:
    """Scales the transparent colour of a picture of other than eight bits as Pillow scales its pixels.

    Of sixteen bits the lower eight are gone, as they are from the pixels.
    """
    transparent = image.info.get("transparency")
    if png.depth != 8 and png.colour_type == _GREY and isinstance(transparent, int):
        image.info["transparency"] = 255 if image.mode == "1" and transparent else _scaled(transparent, png.depth)
    elif png.depth == 16 and png.colour_type == _RGB and isinstance(transparent, tuple):
        image.info["transparency"] = tuple(_scaled(value, png.depth) for value in transparent)


def _scaled(value: int, depth: int) -> int:
    return value >> 8 if depth == 16 else value * 255 // ((1 << depth) - 1)


def _chunks(data: bytes) -> Iterator[Chunk]:
    """(Name, content, checksum) of each chunk up to the end. Raises ValueError or struct.error where that never comes."""
    offset, name = len(SIGNATURE), b""
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, offset)
        content = data[offset + 8 : offset + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, offset + 8 + length)
        yield name, content, checksum
        offset += 12 + length


def _is_needed(chunk: Chunk) -> bool:
    name, content, checksum = chunk
    least, most = _KEPT.get(name, (1, 0))
    is_critical = name[:1].isupper()
    if not is_critical and (not least <= len(content) <= most or zlib.crc32(name + content) != checksum):
        return False
    return is_critical or (name != b"iCCP" or _is_profile(content))


def _is_profile(content: bytes) -> bool:
    """Whether a profile can be unpacked, and is no longer than Pillow takes."""
    name, _, packed = content.partition(b"\0")
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(packed[1:], _MAX_PROFILE_BYTES)
    except zlib.error:
        return False
    return bool(name and unpacked) and not unpacking.unconsumed_tail


def _written(chunk: Chunk) -> bytes:
    name, content, checksum = chunk
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", checksum)


def _profile(chunks: list[Chunk], colour_type: int) -> bytes | None:
    """What cICP says before all others, then a profile of its own, then sRGB, then gAMA and cHRM (PNG, §4.3)."""
    told = {name: content for name, content, checksum in chunks if zlib.crc32(name + content) == checksum}
    numbers = {
        name: struct.unpack(form, told[name])
        for name, form in _COLOURS.items()
        if name in told and len(told[name]) == struct.calcsize(form)
    }
    is_grey = colour_type in {_GREY, 4}
    if b"cICP" in numbers:
        primaries, transfer, _, _ = numbers[b"cICP"]
        return profiles.of_code_points(primaries, transfer, is_grey=is_grey)
    if (b"iCCP" in told and _is_profile(told[b"iCCP"])) or b"sRGB" in numbers or b"gAMA" not in numbers:
        return None
    chromaticities = [value / 100_000 for value in numbers.get(b"cHRM", ())]
    return profiles.of_gamma(numbers[b"gAMA"][0] / 100_000, chromaticities, is_grey=is_grey)
