"""The members of a session: adding, leaving, removing and readmitting them.

Every membership has a colour (`hue`) that no other present or former member of the session has, while colours last.
"""

from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.identity import colours
from chatserver.sessions import member_names, service
from chatserver.sessions.models import MemberRole, Removal


async def add_member(tx: Transaction, session_id: str, user_id: str, role: MemberRole) -> None:
    """Adds a member; a former member gets the old membership back. The caller holds the session's lock."""
    rows = await tx.fetch_all("sessions.hues_of_others", session_id=session_id, user_id=user_id)
    taken = {colours.hue_of(row["user_id"]) if row["hue"] is None else row["hue"] for row in rows}
    hue = colours.free_hue(user_id, taken)
    name = await member_names.name_for(
        tx, session_id, user_id, await tx.fetch_value("sessions.account_name", user_id=user_id) or ""
    )
    await tx.fetch_value("sessions.add_member", session_id=session_id, user_id=user_id, role=role, hue=hue, name=name)


async def remove_member(tx: Transaction, session_id: str, user_id: str) -> None:
    """Ends a guest's membership, by the guest or by the owner; NotFound where there is none.

    A guest whom the owner removes cannot join again, even one who has left before; one who left may rejoin by an
    invite. The caller announces the session afterwards as the worker role, as a former member may not read it.
    """
    own = await service.membership(tx, session_id)
    if not own.is_owner and own.user_id != user_id:
        raise NotAllowed("Only the owner of the session may send somebody away.")
    await service.lock(tx, session_id)  # otherwise a concurrent `join` by an invite could undo it
    ended = await tx.fetch_value("sessions.end_membership", session_id=session_id, user_id=user_id)
    removed = (
        await tx.fetch_value("sessions.record_removal", session_id=session_id, user_id=user_id)
        if own.is_owner
        else None
    )
    if ended is None and removed is None:
        raise NotFound


async def list_removals(tx: Transaction, session_id: str) -> list[Removal]:
    """The removed guests, the last removed first. For the owner only."""
    await service.owner_membership(tx, session_id)
    return [Removal.from_row(row) for row in await tx.fetch_all("sessions.removals", session_id=session_id)]


async def readmit(tx: Transaction, session_id: str, user_id: str) -> None:
    """Lets a removed guest join by an invite again. For the owner only; NotFound where that user was not removed."""
    await service.owner_membership(tx, session_id)
    if await tx.fetch_value("sessions.readmit", session_id=session_id, user_id=user_id) is None:
        raise NotFound


async def was_removed(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether the owner has removed this user, and not readmitted them. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.was_removed", session_id=session_id, user_id=user_id))


async def was_deleted(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether the session was deleted while this user was a member. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.was_deleted", session_id=session_id, user_id=user_id))


async def has_left(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether this user is a former member of the session. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.has_left", session_id=session_id, user_id=user_id))
