"""Reads of a JPEG what its picture needs, before Pillow decodes it, which refuses a whole picture for a broken note.

Source: ITU-T T.81, B.1.1 and B.2.4.6; the names of application segments are those of Exif 3.0, ICC.1 and Adobe's TN 5116.
"""

import struct

_START = b"\xff\xd8"
_SCAN, _COMMENT = 0xDA, 0xFE
# An encoder writes a dozen. Each takes the time of the whole picture, however few its bytes.
MOST_SCANS = 100
_APPLICATION = range(0xE0, 0xF0)
# What begins an application segment that is kept, and the least bytes of such a segment: how it was held, its colours.
_KEPT = {0xE1: (b"Exif\0", 14), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}


def without_notes(data: bytes) -> bytes:
    """A JPEG without comments and application segments that no picture needs. What is no row of segments comes back as it
    is: decoding says what is wrong."""
    kept, offset = [_START], len(_START)
    try:
        while data[offset + 1] != _SCAN:
            if data[offset] != 0xFF:
                return data
            if data[offset + 1] == 0xFF:  # a fill byte
                offset += 1
                continue
            (length,) = struct.unpack_from(">H", data, offset + 2)
            if _is_needed(data[offset + 1], data[offset + 4 : offset + 2 + length]):
                kept.append(data[offset : offset + 2 + length])
            offset += 2 + length
    except (IndexError, struct.error):
        return data
    return b"".join([*kept, data[offset:]])


def has_too_many_scans(data: bytes) -> bool:
    """Whether a JPEG comes in more scans than MOST_SCANS, those of a preview in it among them."""
    return data.count(bytes((0xFF, _SCAN))) > MOST_SCANS


def _is_needed(marker: int, content: bytes) -> bool:
    if marker in _APPLICATION:
        beginning, least = _KEPT.get(marker, (b"", 2**16))
        return content.startswith(beginning) and len(content) >= least
    return marker != _COMMENT
