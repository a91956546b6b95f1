"""Detects a pooler in transaction mode before the database (PgBouncer, most managed ones): one that assigns a backend to
a client for one transaction at a time. Session locks and prepared statements do not work through it.
"""

import random

import asyncpg

_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
# A busy pooler with two backends assigns both as before in one of a few comparisons; in all of these it does not.
_COMPARISONS = 40


async def is_between(one: "asyncpg.Connection", other: "asyncpg.Connection") -> bool:
    """Whether the two connections share a backend, or one of them changes it, which is impossible without a pooler. Both
    connections must be without cached statements."""
    first = [await _backend_of(each) for each in (one, other)]
    # A pooler answers a connection with an id of its own.
    is_direct = [each.get_server_pid() for each in (one, other)] == [pid for pid, _ in first]
    for _ in range(1 if is_direct else _COMPARISONS):
        if first[0] == first[1] or await _in_any_order(one, other) != first:
            return True
    return False


async def _in_any_order(one: "asyncpg.Connection", other: "asyncpg.Connection") -> list[tuple[int, object]]:
    """Both backends. Always in one order, clients that take turns with these two could leave them the same ones."""
    if random.getrandbits(1):
        return [await _backend_of(one), await _backend_of(other)]
    return [await _backend_of(other), await _backend_of(one)][::-1]


async def _backend_of(connection: "asyncpg.Connection") -> tuple[int, object]:
    # In a transaction, so that a pooler does not change the backend between the parts of a query.
    async with connection.transaction():
        pid, started = await connection.fetchrow(_BACKEND)
        return pid, started
