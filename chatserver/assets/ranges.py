"""Conditional and range requests (RFC 9110, 13 and 14): which part of a file a request asks for, if any.

Pure functions of headers. A range of unknown form, or several of them, is answered with the whole file, which the standard
allows.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

# Twenty digits hold 2^64 - 1, which some programs send for the end of a file, and are short enough for int().
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,20})\s*-\s*([0-9]{0,20})\s*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Part(Struct, frozen=True):
    """`length` bytes from `start`; `partial` where the answer is a 206."""

    start: int
    length: int
    partial: bool


def matches(if_none_match: Sequence[str], etag: str) -> bool:
    """Whether the client has this version already (If-None-Match, whose list may be spread over several headers)."""
    return any(header.strip() == "*" or etag in _TAG.findall(header) for header in if_none_match)


def part_of(size: int, etag: str, range_header: str | None, if_range: str | None) -> Part | None:
    """The requested part; None where it is beyond the end of the file (416)."""
    whole = Part(0, size, False)
    # A date or a weak tag cannot prove that the client's part is of this version.
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return whole
    found = _RANGE.fullmatch(range_header.strip())
    if found is None or not (found[1] or found[2]):
        return whole
    if not found[1]:
        return _last(size, int(found[2]))
    return _between(size, int(found[1]), int(found[2]) if found[2] else size - 1) or (
        whole if found[2] and int(found[2]) < int(found[1]) else None
    )


def _last(size: int, count: int) -> Part | None:
    length = min(count, size)
    return Part(size - length, length, True) if length else None


def _between(size: int, first: int, last: int) -> Part | None:
    last = min(last, size - 1)
    return Part(first, last - first + 1, True) if first <= last else None
