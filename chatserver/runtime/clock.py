"""The database's time: every process follows its clock, so that a machine whose own clock is wrong decides nothing.

The unit of work compares on each new connection (`synchronise`); in between the monotonic clock counts on. A process
without a database, such as one of the operator's commands, uses its own clock.
"""

import time
from datetime import UTC, datetime

_offset_ns: int | None = None  # the database's time minus the monotonic clock


def synchronise(seconds: float) -> None:
    """Sets the clock to the database's time, in seconds since 1970."""
    global _offset_ns
    _offset_ns = int(seconds * 1_000_000_000) - time.monotonic_ns()


def time_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns() if _offset_ns is None else time.monotonic_ns() + _offset_ns


def seconds() -> float:
    """Seconds since 1970."""
    return time_ns() / 1_000_000_000


def now() -> datetime:
    """The time in UTC."""
    return datetime.fromtimestamp(seconds(), UTC)
