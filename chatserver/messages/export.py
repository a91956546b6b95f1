"""The messages of a user, for the export of an account."""

from chatserver.database import Row, Transaction


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` messages of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("messages.export", user_id=user_id, after=after, limit=limit)
