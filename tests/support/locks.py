"""Who waits for whom in Postgres, for tests of the order in which locks are taken."""

import asyncio

from chatserver.database import Transaction


async def until_somebody_waits(tx: Transaction) -> None:
    """Until a transaction waits for a lock, such as one of this transaction's."""
    while not await tx.connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)
