"""Measures how late the event loop runs its timers, twenty times a second.

Whatever computes on the loop, or keeps the process from running, delays everybody at once. /metrics counts each
measurement; the log reports a tenth of a second and more, with the CPU time that this thread took meanwhile: close to the
delay, the program itself is at fault; close to zero, the machine is.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from chatserver.runtime.metrics import LOOP_LAG

INTERVAL_SECONDS = 0.05
# Below it nobody notices; above, typing and pictures begin to stutter.
BLOCKED_SECONDS = 0.1
# At most one line in that time: a machine that is too small would fill its log with them.
LOG_INTERVAL_SECONDS = 5.0

log = structlog.get_logger(__name__)


@contextmanager
def monitored() -> Iterator[None]:
    """Measures the running loop for the length of the block."""
    monitor = _Monitor()
    try:
        yield
    finally:
        monitor.stop()


class _Monitor:
    """Times are those of the machine's monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._logged_at = -LOG_INTERVAL_SECONDS
        self._unlogged: list[float] = []
        self._schedule()

    def stop(self) -> None:
        self._timer.cancel()

    def _schedule(self) -> None:
        self._due, self._cpu_at_start = time.monotonic() + INTERVAL_SECONDS, time.thread_time()
        self._timer = self._loop.call_later(INTERVAL_SECONDS, self._measure)

    def _measure(self) -> None:
        now = time.monotonic()
        lag = max(now - self._due, 0.0)
        LOOP_LAG.observe(lag)
        if lag >= BLOCKED_SECONDS:
            self._log(lag, now)
        self._schedule()

    def _log(self, lag: float, now: float) -> None:
        self._unlogged.append(lag)
        if now - self._logged_at < LOG_INTERVAL_SECONDS:
            return
        cpu_seconds = time.thread_time() - self._cpu_at_start
        unlogged, self._unlogged, self._logged_at = self._unlogged, [], now
        log.warning(
            "event_loop.blocked",
            seconds=round(lag, 3),
            cpu_seconds=round(cpu_seconds, 3),
            times=len(unlogged),
            longest=round(max(unlogged), 3),
        )
