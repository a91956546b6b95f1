"""CPU seconds of processes and of all that they started, to the nanosecond."""

import os
from pathlib import Path

import psutil
from msgspec import Struct


class Usage(Struct, frozen=True):
    """CPU seconds by process: the web process alone, its children, Postgres with its backends, and this one."""

    web: float
    children: float
    postgres: float
    own: float

    def __sub__(self, earlier: "Usage") -> "Usage":
        return Usage(
            self.web - earlier.web,
            self.children - earlier.children,
            self.postgres - earlier.postgres,
            self.own - earlier.own,
        )


def measured(web: int, postmaster: int) -> Usage:
    """What these processes, given by their ids, have used until now."""
    return Usage(
        web=of_process(web),
        children=_of_descendants(web),
        postgres=of_process(postmaster) + _of_descendants(postmaster),
        own=of_process(os.getpid()),
    )


def of_process(pid: int) -> float:
    """CPU seconds of all threads of one process; 0 where it has ended."""
    # Of the scheduler itself: `stat` counts in ticks of 10 ms.
    try:
        return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except OSError:
        return 0.0


def _of_descendants(pid: int) -> float:
    return sum(of_process(child.pid) for child in psutil.Process(pid).children(recursive=True))
