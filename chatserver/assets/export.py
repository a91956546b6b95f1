"""The files of a user, for the export of an account: their rows, without the bytes."""

from chatserver.database import Row, Transaction


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` stored files of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("assets.export", user_id=user_id, after=after, limit=limit)
