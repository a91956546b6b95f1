"""The albums of a user, for the export of an account."""

from chatserver.database import Row, Transaction


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` albums of a user, with the ids of their files, with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("albums.export", user_id=user_id, after=after, limit=limit)
