"""Ties a server that the tests start to the process that starts it, so that it does not outlive a killed test run."""

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def to_this_process(number: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn` after which the system sends this signal to the child when we end, however that happens. To be used in
    the main thread: the system means the end of the thread that started the child."""
    parent = os.getpid()

    def bind() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # we ended before the line above
            os.kill(os.getpid(), number)

    return bind
