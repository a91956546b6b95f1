"""What a test must leave as it was, because everything that its worker starts from then on inherits it."""

import os
import resource
from pathlib import Path
from typing import NamedTuple

_LIMITS = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
)


class ProcessState(NamedTuple):
    scheduling: tuple[int, int]
    niceness: int
    folder: str
    umask: str
    limits: tuple[tuple[int, int], ...]


def read() -> ProcessState:
    """The state of this process now. Its scheduling is the policy and the priority of its main thread."""
    status = Path("/proc/self/status").read_text()
    return ProcessState(
        (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.getcwd(),
        next(line for line in status.splitlines() if line.startswith("Umask")),
        tuple(resource.getrlimit(limit) for limit in _LIMITS),
    )


def changes(before: ProcessState, after: ProcessState) -> list[str]:
    """What is no longer as it was: a line for each."""
    return [
        f"{field}: {old!r} before, {new!r} after"
        for field, old, new in zip(ProcessState._fields, before, after, strict=True)
        if old != new
    ]
