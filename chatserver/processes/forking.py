"""A child whose tasks may exceed their time: it is killed, and its replacement is ready within milliseconds.

The process that the pool starts imports everything and then only forks: the fork takes the tasks (`child.run`) under a
`TimeLimit`, a kernel timer whose unhandled signal ends the process even inside C code. The first process then answers that
the task has failed (TIME_LIMIT_EXCEEDED) and forks again. It never reads a task: a fork sends it only names (`retire`).
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import BinaryIO

import msgspec

from chatserver.processes import child
from chatserver.processes.child import FAILED, HEADER, Failure, Work

# The `kind` of a task's failure.
TIME_LIMIT_EXCEEDED, RETIRED = "TimeLimitExceeded", "Retired"
# The exit status of a fork that asks to be replaced.
_RETIRED_STATUS = 75
# The most bytes that are read of a fork's names.
_NAMES_BYTES = 1_000
_TIMER_SIGNALS = {signal.SIGPROF, signal.SIGALRM}

_to_parent: BinaryIO | None = None


class TimeLimit:
    """CPU seconds and wall-clock seconds for a task. A context manager; entered again, it allows what is left."""

    def __init__(self, cpu_seconds: float, wall_seconds: float) -> None:
        self._left = {signal.ITIMER_PROF: cpu_seconds, signal.ITIMER_REAL: wall_seconds}

    def __enter__(self) -> None:
        for timer, seconds in self._left.items():
            signal.setitimer(timer, seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = {timer: signal.setitimer(timer, 0)[0] or 0.001 for timer in self._left}


def retire(names: Sequence[str]) -> None:
    """Ends this fork during its task; its replacement is forked after `prepare` was called with each of these names."""
    assert _to_parent is not None
    _to_parent.write("\n".join(names).encode())
    _to_parent.flush()
    os._exit(_RETIRED_STATUS)


def run(work: Work, prepare: Callable[[str], None]) -> None:
    """Serves `work` from forks until the parent closes stdin. `prepare` is called with the names given to `retire`."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    announces = True
    while kind := _serve(work, prepare, announces):
        body = msgspec.msgpack.encode(Failure(kind, ""))
        answers.write(HEADER.pack(len(body), FAILED) + body)
        answers.flush()
        announces = False


def _serve(work: Work, prepare: Callable[[str], None], announces: bool) -> str | None:
    """Runs one fork to its end: why its task failed, or None where no other is to follow."""
    global _to_parent
    gc.freeze()  # keeps the pages that exist now shared with the forks
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _to_parent = os.fdopen(write, "wb")
        child.run(work, announces=announces)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        names = pipe.read(_NAMES_BYTES).decode(errors="replace").split("\n")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TIMER_SIGNALS:
        return TIME_LIMIT_EXCEEDED
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _RETIRED_STATUS:
        for name in names:
            prepare(name)
        return RETIRED
    return None
