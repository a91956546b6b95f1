"""The rows of deleted sessions: marking and purging them. `privacy.session_deletion` deletes what belongs to other features.

Needs the worker role.
"""

from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.events import session_channel
from chatserver.sessions.events import SessionDeleted


async def require_owner(tx: Transaction, viewer_id: str, session_id: str) -> None:
    """NotFound for users outside the session, NotAllowed for guests."""
    row = await tx.fetch_one("sessions.ownership", viewer_id=viewer_id, session_id=session_id)
    if row is None:
        raise NotFound
    if not row["owns"]:
        raise NotAllowed("Only the owner of the session may delete it.")


async def mark_deleted(tx: Transaction, session_id: str) -> None:
    """Takes a session's content from its row and marks it as deleted; NotFound where that was done before."""
    if await tx.fetch_value("sessions.mark_deleted", session_id=session_id) is None:
        raise NotFound


async def close(tx: Transaction, session_id: str) -> None:
    """Ends all memberships and invites of a deleted session, and announces the deletion, after which sockets close."""
    await tx.execute("sessions.end_all_memberships", session_id=session_id)
    tx.announce(session_channel(session_id), SessionDeleted(session_id=session_id))


async def next_to_purge(tx: Transaction) -> str | None:
    """The id of a deleted session that still has content, the first deleted first."""
    session_id: str | None = await tx.fetch_value("sessions.next_to_purge")
    return session_id


async def mark_purged(tx: Transaction, session_id: str) -> None:
    """Marks a deleted session as one without content."""
    await tx.execute("sessions.mark_purged", session_id=session_id)


async def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Marks every session of a user as deleted, and ends its memberships and the user's own."""
    await tx.execute("sessions.delete_of_user", user_id=user_id)


async def disown_memberships(tx: Transaction, user_id: str, name: str) -> None:
    """Shows `name` in place of every name that a user has or had in sessions."""
    await tx.execute("sessions.disown_memberships", user_id=user_id, name=name)


async def remove_of_user(tx: Transaction, user_id: str, limit: int) -> bool:
    """Removes up to `limit` sessions of a user with everything in them; whether there were any."""
    return bool(await tx.fetch_all("sessions.remove_of_user", user_id=user_id, limit=limit))
