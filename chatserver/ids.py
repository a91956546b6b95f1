"""Ids: time-ordered UUIDs (version 7, RFC 9562) as lower-case strings, made by the process that creates the row.

Their time is the database's, so that what several machines make is in order, whatever their own clocks say, to a few
milliseconds; where that is not enough, as for messages, the caller says which id came before.
"""

import os
import threading
import uuid
from datetime import datetime

from chatserver.errors import NotFound
from chatserver.runtime import clock

# A tick is 1/4096 of a millisecond: the 48 bits of Unix milliseconds and the 12 bits of `rand_a` count it together.
_TICKS_PER_MILLISECOND = 4096

_lock = threading.Lock()
_last_tick = 0


def new(after: str | None = None) -> str:
    """A new UUIDv7. Ids of one process rise strictly, also within a millisecond: a reply sorts after its question.

    With `after` it is also later than that id of another process, whose clock may be some milliseconds ahead.
    """
    tick = _next_tick(0 if after is None else _tick_of(after))
    milliseconds, fraction = divmod(tick, _TICKS_PER_MILLISECOND)
    random = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    digits = f"{milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random:032x}"
    # As `uuid.UUID` writes it, which takes as long again.
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _tick_of(text: str) -> int:
    value = uuid.UUID(text).int
    return (value >> 80) * _TICKS_PER_MILLISECOND + (value >> 64 & _TICKS_PER_MILLISECOND - 1)


def first_at(moment: datetime) -> str:
    """The least id that can be made at a time: ids of that time and later are not below it."""
    milliseconds = int(moment.timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62))


def _next_tick(after: int) -> int:
    global _last_tick
    now = clock.time_ns() * _TICKS_PER_MILLISECOND // 1_000_000
    with _lock:
        _last_tick = max(now, _last_tick + 1, after + 1)
        return _last_tick


def parse(text: str, field: str = "") -> str:
    """The canonical form of an id from a client. Raises NotFound where it is no UUID; `field` goes into its details."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NotFound(details={"field": field, "why": "is no id"} if field else None) from None


def is_canonical(text: str) -> bool:
    """Whether a text is an id in its canonical form."""
    try:
        return parse(text) == text
    except NotFound:
        return False
