"""How many sockets may be open, by user and by address, and who they are."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from chatserver.realtime.connection import Connection, ConnectRequest
from chatserver.realtime.limits import DRAIN_WAVES, SocketLimits
from chatserver.realtime.protocol import Close
from chatserver.realtime.rate_limit import CommandRateLimit

# Users whose budgets are remembered; past that, those that are idle are forgotten.
_MAX_RATE_LIMITS = 10_000


class Quota:
    """What one user, or one address, has open here; `bound` is for all processes together."""

    __slots__ = ("connections", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.connections: dict[Connection, None] = {}


class Admission:
    """The open connections of this process, counted. Users and addresses, the `holders`, go by their channels."""

    def __init__(self, limits: SocketLimits) -> None:
        self._limits = limits
        self._connections: dict[Connection, None] = {}
        self._quotas: dict[str, Quota] = {}
        self._rate_limits: dict[str, CommandRateLimit] = {}

    def _limits_of(self, request: ConnectRequest) -> dict[str, int]:
        return {
            request.user_channel: self._limits.sockets_per_user,
            request.address_channel: self._limits.sockets_per_address,
        }

    def admits(self, request: ConnectRequest, remote: Callable[[str], int]) -> bool:
        """Whether one more socket is within the bounds; `elsewhere` counts a holder's at the other processes."""
        return all(
            len(self.connections_of(holder)) + remote(holder) < limit
            for holder, limit in self._limits_of(request).items()
        )

    def add(self, connection: Connection) -> None:
        self._connections[connection] = None
        for holder, limit in self._limits_of(connection.request).items():
            self._quotas.setdefault(holder, Quota(limit)).connections[connection] = None

    def remove(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        del self._connections[connection]
        for holder in self._limits_of(connection.request):
            del self._quotas[holder].connections[connection]
            if not self._quotas[holder].connections:
                del self._quotas[holder]

    def connections(self) -> list[Connection]:
        """All of them."""
        return list(self._connections)

    def holders(self) -> set[str]:
        """Those who have a socket here."""
        return set(self._quotas)

    def has_holder(self, holder: str) -> bool:
        """Whether this one has."""
        return holder in self._quotas

    def connections_of(self, holder: str) -> list[Connection]:
        """One user's or address's."""
        quota = self._quotas.get(holder)
        return list(quota.connections) if quota is not None else []

    def excess(self, holder: str, remote: Sequence[str]) -> list[Connection]:
        """Those here that are too many with the sockets elsewhere, given by their ids: the newest of all."""
        quota = self._quotas.get(holder)
        if quota is None:
            return []
        own = {connection.id: connection for connection in quota.connections}
        oldest_first = sorted([*own, *remote])
        return [own[socket] for socket in oldest_first[quota.limit :] if socket in own]

    def rate_limit(self, user: str) -> CommandRateLimit:
        """What a user may ask, over all their sockets. It outlives these, or a new socket would be a new budget."""
        if len(self._rate_limits) > _MAX_RATE_LIMITS:
            now = asyncio.get_running_loop().time()
            self._rate_limits = {
                user: rate_limit for user, rate_limit in self._rate_limits.items() if not rate_limit.is_idle(now)
            }
        return self._rate_limits.setdefault(user, CommandRateLimit(self._limits))

    def collect_unreported(self, holder: str) -> int:
        """The commands of a user that the other processes have not heard of; an address has none of its own."""
        rate_limit = self._rate_limits.get(holder)
        return rate_limit.collect_unreported() if rate_limit is not None else 0

    async def drain(self, seconds: float) -> None:
        """Says 1012 to all, in waves, so that they do not all knock at the next door at once."""
        left = self.connections()
        random.shuffle(left)
        size = max(len(left) // DRAIN_WAVES, 1)
        for start in range(0, len(left), size):
            wave = left[start : start + size]
            await asyncio.gather(*(_close_for_restart(connection, seconds) for connection in wave))
            if start + size < len(left):
                await asyncio.sleep(random.uniform(0.5, 1.5) * seconds / DRAIN_WAVES)  # noqa: S311


async def _close_for_restart(connection: Connection, seconds: float) -> None:
    # A command that runs is answered first, if it does not take too long.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(connection.inbox.wait_idle(), seconds)
    connection.close(Close.RESTARTING, "restarting")
