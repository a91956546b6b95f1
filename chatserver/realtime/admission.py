"""How many sockets may be open, by user and by address, and who they are."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from chatserver.realtime.connection import Connection, Visit
from chatserver.realtime.limits import DRAIN_WAVES, Bounds
from chatserver.realtime.protocol import Close
from chatserver.realtime.rate_limit import CommandBudget

# Users whose budgets are remembered; past that, those that are idle are forgotten.
_BUDGETS = 10_000


class Share:
    """What one user, or one address, has open here; `bound` is for all processes together."""

    __slots__ = ("bound", "connections")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.connections: dict[Connection, None] = {}


class Admission:
    """The open connections of this process, counted. Users and addresses, the `holders`, go by their channels."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._connections: dict[Connection, None] = {}
        self._shares: dict[str, Share] = {}
        self._budgets: dict[str, CommandBudget] = {}

    def _bounds_of(self, visit: Visit) -> dict[str, int]:
        return {
            visit.user_channel: self._bounds.sockets_per_user,
            visit.address_channel: self._bounds.sockets_per_address,
        }

    def has_room(self, visit: Visit, elsewhere: Callable[[str], int]) -> bool:
        """Whether one more socket is within the bounds; `elsewhere` counts a holder's at the other processes."""
        return all(len(self.of(holder)) + elsewhere(holder) < bound for holder, bound in self._bounds_of(visit).items())

    def add(self, connection: Connection) -> None:
        self._connections[connection] = None
        for holder, bound in self._bounds_of(connection.visit).items():
            self._shares.setdefault(holder, Share(bound)).connections[connection] = None

    def remove(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        del self._connections[connection]
        for holder in self._bounds_of(connection.visit):
            del self._shares[holder].connections[connection]
            if not self._shares[holder].connections:
                del self._shares[holder]

    def connections(self) -> list[Connection]:
        """All of them."""
        return list(self._connections)

    def holders(self) -> set[str]:
        """Those who have a socket here."""
        return set(self._shares)

    def is_here(self, holder: str) -> bool:
        """Whether this one has."""
        return holder in self._shares

    def of(self, holder: str) -> list[Connection]:
        """One user's or address's."""
        share = self._shares.get(holder)
        return list(share.connections) if share is not None else []

    def excess(self, holder: str, elsewhere: Sequence[str]) -> list[Connection]:
        """Those here that are too many with the sockets elsewhere, given by their ids: the newest of all."""
        share = self._shares.get(holder)
        if share is None:
            return []
        own = {connection.id: connection for connection in share.connections}
        oldest_first = sorted([*own, *elsewhere])
        return [own[socket] for socket in oldest_first[share.bound :] if socket in own]

    def budget(self, user: str) -> CommandBudget:
        """What a user may ask, over all their sockets. It outlives these, or a new socket would be a new budget."""
        if len(self._budgets) > _BUDGETS:
            now = asyncio.get_running_loop().time()
            self._budgets = {user: budget for user, budget in self._budgets.items() if not budget.is_idle(now)}
        return self._budgets.setdefault(user, CommandBudget(self._bounds))

    def take_untold(self, holder: str) -> int:
        """The commands of a user that the other processes have not heard of; an address has none of its own."""
        budget = self._budgets.get(holder)
        return budget.take_untold() if budget is not None else 0

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
