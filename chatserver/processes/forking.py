"""A child that may be killed for what one task costs, and is back within milliseconds.

The process that the pool starts imports everything, then only forks: its fork takes the tasks (`child.run`), under a
`Budget` that the kernel keeps: a timer whose signal nobody handles ends the process in the middle of whatever C code it
is in. The first process then tells the parent that the task has failed (OVER_BUDGET) and forks again. It never reads a
task, and what it does with what a fork tells it (`retire`) knows no text.
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
OVER_BUDGET, RETIRED = "OverBudget", "Retired"
# How a fork ends that has asked for another in its place.
_RETIRED_STATUS = 75
# No more is read of what a fork asks for.
_WORDS_BYTES = 1_000
_OVER = {signal.SIGPROF, signal.SIGALRM}

_to_first: BinaryIO | None = None


class Budget:
    """CPU seconds and seconds of the clock for a task. As a context it may be entered again for what is left."""

    def __init__(self, cpu_seconds: float, wall_seconds: float) -> None:
        self._left = {signal.ITIMER_PROF: cpu_seconds, signal.ITIMER_REAL: wall_seconds}

    def __enter__(self) -> None:
        for timer, seconds in self._left.items():
            signal.setitimer(timer, seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = {timer: signal.setitimer(timer, 0)[0] or 0.001 for timer in self._left}


def retire(words: Sequence[str]) -> None:
    """Ends this fork in the middle of its task, to be replaced by one that was prepared with these words."""
    assert _to_first is not None
    _to_first.write("\n".join(words).encode())
    _to_first.flush()
    os._exit(_RETIRED_STATUS)


def run(work: Work, prepare: Callable[[str], None]) -> None:
    """Serves `work` from forks of this process until the parent goes. `prepare` takes each word of one that retires."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    greets = True
    while kind := _serve(work, prepare, greets):
        body = msgspec.msgpack.encode(Failure(kind, ""))
        answers.write(HEADER.pack(len(body), FAILED) + body)
        answers.flush()
        greets = False


def _serve(work: Work, prepare: Callable[[str], None], greets: bool) -> str | None:
    """One fork to its end: what became of its task, or None where it ended for good."""
    global _to_first
    gc.freeze()  # what is here now stays shared with the forks
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _to_first = os.fdopen(write, "wb")
        child.run(work, greets=greets)
    os.close(write)
    with os.fdopen(read, "rb") as words:
        told = words.read(_WORDS_BYTES).decode(errors="replace").split("\n")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in _OVER:
        return OVER_BUDGET
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _RETIRED_STATUS:
        for word in told:
            prepare(word)
        return RETIRED
    return None
