"""The sessions and purchases of a user, for the export of an account."""

from chatserver.database import Row, Transaction


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` sessions that a user bought, with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("sessions.export", user_id=user_id, after=after, limit=limit)


async def export_purchases_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` purchases of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("sessions.export_purchases", user_id=user_id, after=after, limit=limit)
