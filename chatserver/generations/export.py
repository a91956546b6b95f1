"""The generations of a user, for the export of an account."""

from chatserver.database import Row, Transaction


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` generations of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("generations.export", user_id=user_id, after=after, limit=limit)
