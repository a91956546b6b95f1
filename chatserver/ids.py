"""Ids: time-ordered UUIDs (version 7, RFC 9562) as lower-case strings, made by whoever makes the thing."""

import os
import time
import uuid

from chatserver.errors import NotFound


def new() -> str:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits, so that ids sort by their making."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def parse(text: str) -> str:
    """The canonical form of an id from outside. Anything that is no UUID names nothing, so it is `NotFound`."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound from None
