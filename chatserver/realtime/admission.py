"""How many sockets may be open, by user and by address, and who they are."""

import asyncio
import contextlib
import random

from chatserver.realtime.budgets import CommandBudget
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import DRAIN_WAVES, Bounds
from chatserver.realtime.protocol import Close

# Users whose budgets are remembered; past that, those that are idle are forgotten.
_BUDGETS = 10_000


class Admission:
    """The open connections of this process, counted."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._by_user: dict[str, dict[Connection, None]] = {}
        self._by_address: dict[str, int] = {}
        self._budgets: dict[str, CommandBudget] = {}

    def has_room(self, user_id: str, address: str, elsewhere: int = 0) -> bool:
        """Whether one more socket of this user, who has so many elsewhere, from this address, is within the bounds."""
        mine, here = len(self._by_user.get(user_id, ())) + elsewhere, self._by_address.get(address, 0)
        return mine < self._bounds.sockets_per_user and here < self._bounds.sockets_per_address

    def add(self, connection: Connection) -> None:
        self._by_user.setdefault(connection.visit.viewer.id, {})[connection] = None
        self._by_address[connection.visit.address] = self._by_address.get(connection.visit.address, 0) + 1

    def remove(self, connection: Connection) -> None:
        mine = self._by_user.get(connection.visit.viewer.id, {})
        if mine.pop(connection, self) is self:
            return
        if not mine:
            del self._by_user[connection.visit.viewer.id]
        self._by_address[connection.visit.address] -= 1
        if not self._by_address[connection.visit.address]:
            del self._by_address[connection.visit.address]

    def connections(self) -> list[Connection]:
        """All of them."""
        return [connection for mine in self._by_user.values() for connection in mine]

    def users(self) -> set[str]:
        """Those who have a socket here."""
        return set(self._by_user)

    def of_user(self, user_id: str) -> list[Connection]:
        """One user's."""
        return list(self._by_user.get(user_id, ()))

    def budget(self, user_id: str) -> CommandBudget:
        """What a user may ask, over all their sockets. It outlives these, or a new socket would be a new budget."""
        if len(self._budgets) > _BUDGETS:
            now = asyncio.get_running_loop().time()
            self._budgets = {user: budget for user, budget in self._budgets.items() if not budget.is_idle(now)}
        return self._budgets.setdefault(user_id, CommandBudget(self._bounds))

    async def drain(self, seconds: float) -> None:
        """Says 1012 to all, in waves, so that they do not all knock at the next door at once."""
        left = self.connections()
        random.shuffle(left)
        size = max(len(left) // DRAIN_WAVES, 1)
        for start in range(0, len(left), size):
            wave = left[start : start + size]
            await asyncio.gather(*(_dismiss(connection, seconds) for connection in wave))
            if start + size < len(left):
                await asyncio.sleep(random.uniform(0.5, 1.5) * seconds / DRAIN_WAVES)  # noqa: S311


async def _dismiss(connection: Connection, seconds: float) -> None:
    # A command that runs is answered first, if it does not take too long.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(connection.inbox.finish(), seconds)
    connection.close(Close.RESTARTING, "restarting")
