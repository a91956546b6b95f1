"""Connections of the pool that stay out of it for a while, and go from one unit of work to the next meanwhile.

To take a connection out of the pool and to give it back costs more than most statements (two proxies, three locks, a task).
"""

import asyncio
from collections import deque
from typing import NamedTuple

import asyncpg
import databases
from databases.core import Connection

# A connection goes back to the pool after so long, which replaces it where it is worn out, or closes it where it is idle.
KEPT_SECONDS = 5.0


class KeptConnection(NamedTuple):
    """A connection, the loan of it from the pool, and until when it is kept (loop time)."""

    connection: "asyncpg.Connection"
    pooled: Connection
    until: float


class KeptConnections:
    """The kept connections of one pool: never more than were acquired at once, which the unit of work limits."""

    def __init__(self, database: databases.Database) -> None:
        self._database = database
        self._idle: deque[KeptConnection] = deque()

    async def acquire(self) -> KeptConnection:
        """The connection that was used last; another one of the pool where none is here."""
        while self._idle:
            kept = self._idle.pop()
            if not is_closed(kept.connection):
                return kept
            await _give_back(kept)
        # Not `Database.connection()`, which would give a task the one that it has had before.
        pooled = Connection(self._database, self._database._backend)
        await pooled.__aenter__()
        return KeptConnection(pooled.raw_connection, pooled, asyncio.get_running_loop().time() + KEPT_SECONDS)

    async def release(self, kept: KeptConnection) -> None:
        """Takes a connection back. One that is not as it was goes to the pool, which resets or replaces it."""
        if is_closed(kept.connection) or kept.connection.is_in_transaction():
            await _give_back(kept)
            return
        self._idle.append(kept)
        if self._idle[0].until < asyncio.get_running_loop().time():
            await _give_back(self._idle.popleft())

    async def close(self) -> None:
        """Gives all connections back."""
        while self._idle:
            await _give_back(self._idle.pop())


async def _give_back(kept: KeptConnection) -> None:
    await kept.pooled.__aexit__()


def is_closed(connection: "asyncpg.Connection") -> bool:
    """Whether it has ended. asyncpg releases one that died by itself; its proxy then raises InterfaceError at every call."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True
