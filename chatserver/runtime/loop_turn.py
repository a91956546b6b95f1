"""Sharing the event loop while there is much to compute."""

import asyncio
import time

# Others wait for the loop for no longer than this, once for each of those who compute.
SLICE_SECONDS = 0.005


class LoopTurn:
    """One piece of work on the event loop; `await turn.share()` between its parts lets the others have the loop in time."""

    def __init__(self) -> None:
        self._began_at = time.monotonic()

    async def share(self) -> None:
        """Lets the others run, where this work has had the loop for longer than its slice."""
        if time.monotonic() - self._began_at > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._began_at = time.monotonic()
