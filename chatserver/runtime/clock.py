"""The time, as the database has it: every process follows its clock, so that one whose own is wrong decides nothing.

The unit of work compares on each new connection (`follow`); between two comparisons the monotonic clock counts on. A
process that has no database, such as a command of the operator's, goes by its own clock.
"""

import time
from datetime import UTC, datetime

_behind_ns: int | None = None  # what the monotonic clock lacks to the database's time


def follow(seconds: float) -> None:
    """The database's clock says so many seconds since 1970 now."""
    global _behind_ns
    _behind_ns = int(seconds * 1_000_000_000) - time.monotonic_ns()


def time_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns() if _behind_ns is None else time.monotonic_ns() + _behind_ns


def seconds() -> float:
    """Seconds since 1970."""
    return time_ns() / 1_000_000_000


def now() -> datetime:
    """The time in UTC."""
    return datetime.fromtimestamp(seconds(), UTC)
