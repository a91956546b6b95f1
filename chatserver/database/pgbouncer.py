"""Whether a pooler in transaction mode stands before the database (PgBouncer's, most managed ones): one that lends its
connections to Postgres for a transaction at a time. Locks and statements of a session do not hold through it.
"""

import asyncpg

_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"


async def is_between(one: "asyncpg.Connection", other: "asyncpg.Connection") -> bool:
    """Whether these two connections meet the same backend, or one of them two. Without a pooler that cannot be; a busy
    one may hide by chance. Both must be without cached statements."""
    seen = [await _backend_of(each) for each in (one, other, one, other)]
    return seen[0] == seen[1] or seen[:2] != seen[2:]


async def _backend_of(connection: "asyncpg.Connection") -> tuple[object, ...]:
    # In a transaction, so that a pooler does not change the server between a query's parts.
    async with connection.transaction():
        return tuple(await connection.fetchrow(_BACKEND))
