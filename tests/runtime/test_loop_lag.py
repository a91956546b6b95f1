"""A blocked event loop is logged, and not too often. A frozen server's line: tests/monitoring/test_metrics.py."""

import asyncio
import time

from structlog.testing import capture_logs

from chatserver.runtime import loop_lag
from chatserver.runtime.loop_lag import INTERVAL_SECONDS


async def sleeps(seconds: float) -> None:
    """Blocks the loop without using the CPU; the monitor measures before and after."""
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    time.sleep(seconds)
    await asyncio.sleep(2 * INTERVAL_SECONDS)


async def computes(seconds: float) -> None:
    """Blocks the loop with so many seconds of this thread's CPU."""
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))
    await asyncio.sleep(2 * INTERVAL_SECONDS)


def blocked(lines):
    return [line for line in lines if line["event"] == "event_loop.blocked"]


async def test_what_was_not_logged_within_the_interval_is_in_the_next_line(monkeypatch):
    monkeypatch.setattr(loop_lag, "LOG_INTERVAL_SECONDS", 2.0)
    with capture_logs() as lines, loop_lag.monitored():
        await sleeps(0.2)
        await sleeps(0.6)
        async with asyncio.timeout(20):
            while len(blocked(lines)) < 2:
                await sleeps(0.15)
    assert blocked(lines)[1]["times"] > 1
    assert blocked(lines)[1]["longest"] >= 0.5


async def test_the_line_has_the_cpu_time_of_this_thread(monkeypatch):
    monkeypatch.setattr(loop_lag, "LOG_INTERVAL_SECONDS", 0.0)  # a machine that was late before has a line of its own
    cpu_seconds = []
    for block in (computes, sleeps):
        with capture_logs() as lines, loop_lag.monitored():
            await block(0.4)
        cpu_seconds.append(max(blocked(lines), key=lambda line: line["seconds"])["cpu_seconds"])
    assert cpu_seconds[1] < 0.1 < 0.3 < cpu_seconds[0]


async def test_nothing_is_logged_after_the_end():
    with capture_logs() as lines:
        with loop_lag.monitored():
            await asyncio.sleep(2 * INTERVAL_SECONDS)
        before = len(blocked(lines))
        await sleeps(0.3)
    assert len(blocked(lines)) == before
