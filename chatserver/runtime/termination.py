"""The signals that ask a process to end: SIGTERM, Ctrl+C (SIGINT), and SIGHUP, which a terminal sends when it is closed."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


def signals() -> tuple[signal.Signals, ...]:
    """Those that end this process; without SIGHUP under `nohup`."""
    ignores_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGTERM, signal.SIGINT) if ignores_terminal else (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def interrupt_on_all() -> None:
    """Lets each of them end a command as Ctrl+C does: what it has opened is closed, the embedded Postgres is stopped."""
    # A shell lets the background jobs of a script ignore Ctrl+C. With that ignored, asyncio would cancel nothing for the
    # others either, and what a command has started would be left running.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


@contextlib.contextmanager
def handled(stop: Callable[[], None]) -> Iterator[None]:
    """Each of them calls `stop`, for the length of the block, within a running event loop."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in signals()}
    for number in before:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            # What is still to be closed is not killed by a second signal.
            signal.signal(number, handler)


def _interrupt(_: int, frame: FrameType | None) -> None:
    # asyncio's, while a loop runs.
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)
