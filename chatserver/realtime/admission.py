"""The open connections of this process, and how many a user and an address may have."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

from chatserver.realtime.connection import Connection, ConnectRequest
from chatserver.realtime.limits import DRAIN_WAVES, SocketLimits
from chatserver.realtime.protocol import Close
from chatserver.realtime.rate_limit import CommandRateLimit

# Users whose rate limits are kept; beyond it, those of idle users are dropped.
_MAX_RATE_LIMITS = 10_000


class Quota:
    """The connections of one user or one address here; `limit` is that of all processes together."""

    __slots__ = ("connections", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.connections: dict[Connection, None] = {}


class Admission:
    """The open connections of this process by holder: a user or an address, named by its channel."""

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
        """Whether one more socket is within the limits; `remote(holder)` is the number at the other processes."""
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
        """All open connections, oldest first."""
        return list(self._connections)

    def holders(self) -> set[str]:
        """The users and addresses with an open connection here."""
        return set(self._quotas)

    def has_holder(self, holder: str) -> bool:
        """Whether a user or address has an open connection here."""
        return holder in self._quotas

    def connections_of(self, holder: str) -> list[Connection]:
        """The connections of one user or address, oldest first."""
        quota = self._quotas.get(holder)
        return list(quota.connections) if quota is not None else []

    def excess(self, holder: str, remote: Sequence[str]) -> list[Connection]:
        """The connections here that exceed the limit together with `remote`, ids of sockets at the other processes.

        The oldest sockets of all processes stay, so that every process decides alike: ids are ordered by time.
        """
        quota = self._quotas.get(holder)
        if quota is None:
            return []
        own = {connection.id: connection for connection in quota.connections}
        oldest_first = sorted([*own, *remote])
        return [own[socket] for socket in oldest_first[quota.limit :] if socket in own]

    def rate_limit(self, user: str) -> CommandRateLimit:
        """The rate limit of a user's commands over all their sockets. It is kept when a socket closes."""
        if len(self._rate_limits) > _MAX_RATE_LIMITS:
            now = asyncio.get_running_loop().time()
            self._rate_limits = {
                user: rate_limit for user, rate_limit in self._rate_limits.items() if not rate_limit.is_idle(now)
            }
        return self._rate_limits.setdefault(user, CommandRateLimit(self._limits))

    def collect_unreported(self, holder: str) -> int:
        """The number of a user's commands that was not yet reported to the other processes; 0 for an address."""
        rate_limit = self._rate_limits.get(holder)
        return rate_limit.collect_unreported() if rate_limit is not None else 0

    async def drain(self, seconds: float) -> None:
        """Closes all connections with 1012, in waves over so many seconds, so that they do not all reconnect at once."""
        left = self.connections()
        random.shuffle(left)
        size = max(len(left) // DRAIN_WAVES, 1)
        for start in range(0, len(left), size):
            wave = left[start : start + size]
            await asyncio.gather(*(_close_for_restart(connection, seconds) for connection in wave))
            if start + size < len(left):
                await asyncio.sleep(random.uniform(0.5, 1.5) * seconds / DRAIN_WAVES)  # noqa: S311


async def _close_for_restart(connection: Connection, seconds: float) -> None:
    # A command that runs is answered first, if it ends in time.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await connection.inbox.wait_idle()
    connection.close(Close.RESTARTING, "restarting")
