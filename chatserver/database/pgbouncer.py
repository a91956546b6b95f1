"""Detects a pooler in transaction mode before the database (PgBouncer, most managed ones): one that assigns a backend to
a client for one transaction at a time. Session locks and prepared statements do not work through it.
"""

import asyncpg

_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"


async def is_between(one: "asyncpg.Connection", other: "asyncpg.Connection") -> bool:
    """Whether the two connections share a backend, or one of them changes it. Without a pooler that is impossible; a busy
    pooler may go undetected by chance. Both connections must be without cached statements."""
    seen = [await _backend_of(each) for each in (one, other, one, other)]
    return seen[0] == seen[1] or seen[:2] != seen[2:]


async def _backend_of(connection: "asyncpg.Connection") -> tuple[object, ...]:
    # In a transaction, so that a pooler does not change the backend between the parts of a query.
    async with connection.transaction():
        return tuple(await connection.fetchrow(_BACKEND))
