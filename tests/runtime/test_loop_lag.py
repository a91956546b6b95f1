"""A loop that stands still is told of, and not too often. A frozen server's own line: tests/monitoring/test_metrics.py."""

import asyncio
import time

from structlog.testing import capture_logs

from chatserver.runtime import loop_lag
from chatserver.runtime.loop_lag import LOOK_SECONDS


async def sleeps(seconds: float) -> None:
    """Holds the loop up, and lets it look at its clock before and after."""
    await asyncio.sleep(2 * LOOK_SECONDS)
    time.sleep(seconds)
    await asyncio.sleep(2 * LOOK_SECONDS)


async def computes(seconds: float) -> None:
    """The same with so many seconds of this thread's work."""
    await asyncio.sleep(2 * LOOK_SECONDS)
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))
    await asyncio.sleep(2 * LOOK_SECONDS)


def told(lines):
    return [line for line in lines if line["event"] == "loop.stood"]


async def test_what_was_not_told_in_the_quiet_time_is_told_with_the_next(monkeypatch):
    monkeypatch.setattr(loop_lag, "QUIET_SECONDS", 2.0)
    with capture_logs() as lines, loop_lag.watched():
        await sleeps(0.2)
        await sleeps(0.6)
        async with asyncio.timeout(20):
            while len(told(lines)) < 2:
                await sleeps(0.15)
    assert told(lines)[1]["times"] > 1
    assert told(lines)[1]["longest"] >= 0.5


async def test_it_says_whether_this_thread_computed_or_was_kept_from_it():
    computing = []
    for stand in (computes, sleeps):
        with capture_logs() as lines, loop_lag.watched():
            await stand(0.4)
        computing.append(max(told(lines), key=lambda line: line["seconds"])["computing"])
    assert computing[1] < 0.1 < 0.3 < computing[0]


async def test_nothing_is_told_after_the_end():
    with capture_logs() as lines:
        with loop_lag.watched():
            await asyncio.sleep(2 * LOOK_SECONDS)
        before = len(told(lines))
        await sleeps(0.3)
    assert len(told(lines)) == before
