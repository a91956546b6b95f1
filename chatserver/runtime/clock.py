"""The database's time: every process follows its clock, so that a machine whose own clock is wrong decides nothing.

The unit of work compares on each new connection, and again every few seconds (`synchronise`); in between the monotonic clock
counts on. It stands still while the machine is suspended, and does not hear of a database's clock that is set. A process
without a database, such as one of the operator's commands, uses its own clock.
"""

import time
from datetime import UTC, datetime

# How old a comparison may be, in seconds of the monotonic clock.
FRESH_SECONDS = 5.0

_offset_ns: int | None = None  # the database's time minus the monotonic clock
_compared_ns: int | None = None  # when they were last compared, by the monotonic clock


def synchronise(seconds: float, asked_ns: int, answered_ns: int) -> None:
    """Sets the clock by the database's time, in seconds since 1970, which it was between two moments of the monotonic clock.

    A clock that agrees stays as it is: an answer that came late, as after a stall, tells little.
    """
    global _offset_ns, _compared_ns
    told_ns = int(seconds * 1_000_000_000)
    least, most = told_ns - answered_ns, told_ns - asked_ns
    _offset_ns = (least + most) // 2 if _offset_ns is None else min(max(_offset_ns, least), most)
    _compared_ns = answered_ns


def is_fresh() -> bool:
    """Whether it was compared with the database's a moment ago."""
    return _compared_ns is not None and time.monotonic_ns() - _compared_ns < FRESH_SECONDS * 1_000_000_000


def time_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns() if _offset_ns is None else time.monotonic_ns() + _offset_ns


def seconds() -> float:
    """Seconds since 1970."""
    return time_ns() / 1_000_000_000


def now() -> datetime:
    """The time in UTC."""
    return datetime.fromtimestamp(seconds(), UTC)
