"""How long a test's event loop is held up by its own work."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

# P18 and the alarm of `event_loop.blocked`: nobody waits longer than this for the loop.
LOOP_SECONDS = 0.1


class LoopWatch:
    """`busiest` is the most CPU time that this thread took between two turns of the loop: the machine's own lateness
    is none of it."""

    def __init__(self) -> None:
        self.busiest, self.turns = 0.0, 0

    async def run(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.005)
            now = time.thread_time()
            self.busiest, before, self.turns = max(self.busiest, now - before), now, self.turns + 1


@contextlib.asynccontextmanager
async def watching() -> AsyncIterator[LoopWatch]:
    loop = LoopWatch()
    running = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
