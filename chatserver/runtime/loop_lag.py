"""Finds an event loop that stood still: a timer looks how late it is, twenty times a second.

Whatever computes on the loop, or keeps the process from running, holds up everybody at once. /metrics counts each look;
the log tells of a tenth of a second and more, and how much of it this thread computed: all of it is our own fault, next
to nothing is the machine's.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from chatserver.runtime.metrics import LATENESS

LOOK_SECONDS = 0.05
# Below it nobody notices; above, typing and pictures begin to stutter.
ALARM_SECONDS = 0.1
# At most one line in that time: a machine that is too small would fill its log with them.
QUIET_SECONDS = 5.0

log = structlog.get_logger(__name__)


@contextmanager
def watched() -> Iterator[None]:
    """Watches the running loop for the length of the block."""
    watch = _Watch()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    """Times are those of the machine's monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._told_at = -QUIET_SECONDS
        self._untold: list[float] = []
        self._wait()

    def stop(self) -> None:
        self._timer.cancel()

    def _wait(self) -> None:
        self._due, self._computed = time.monotonic() + LOOK_SECONDS, time.thread_time()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        late = max(now - self._due, 0.0)
        LATENESS.observe(late)
        if late >= ALARM_SECONDS:
            self._alarm(late, now)
        self._wait()

    def _alarm(self, late: float, now: float) -> None:
        self._untold.append(late)
        if now - self._told_at < QUIET_SECONDS:
            return
        computing = time.thread_time() - self._computed
        untold, self._untold, self._told_at = self._untold, [], now
        log.warning(
            "loop.stood",
            seconds=round(late, 3),
            computing=round(computing, 3),
            times=len(untold),
            longest=round(max(untold), 3),
        )
