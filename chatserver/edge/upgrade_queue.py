"""The handshakes of websockets, a few in each iteration of the event loop: a thousand at once leave time for other work."""

import asyncio
from collections import deque
from collections.abc import Callable

from chatserver.edge.limits import UPGRADES_AT_ONCE


class UpgradeQueue:
    """Connections that wait for their handshake, in the order in which they came; none of them is refused for waiting."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._has_new = False

    def enter(self, upgrade: Callable[[], None]) -> None:
        """Calls `upgrade` when it is its turn, never at once."""
        self._waiting.append(upgrade)
        self._has_new = True
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._admit_some)

    def _admit_some(self) -> None:
        try:
            # While more of them come, there may be other requests among those that were not accepted yet.
            most, self._has_new = 1 if self._has_new else UPGRADES_AT_ONCE, False
            for _ in range(min(most, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._admit_some)
