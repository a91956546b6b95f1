"""Who takes a seat in a session, who leaves, and who is sent away. Each seat has a colour that tells its holder apart."""

from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.identity import colours
from chatserver.sessions import naming, service
from chatserver.sessions.models import MemberRole, Removal


async def sit_down(tx: Transaction, session_id: str, user_id: str, role: MemberRole) -> None:
    """Seats somebody; one who sat there before has the old place again. The caller holds the session's lock."""
    rows = await tx.fetch_all("sessions.hues", session_id=session_id, user_id=user_id)
    taken = {colours.hue_of(row["user_id"]) if row["hue"] is None else row["hue"] for row in rows}
    hue = colours.free_hue(user_id, taken)
    name = await naming.name_in(
        tx, session_id, user_id, await tx.fetch_value("sessions.account_name", user_id=user_id) or ""
    )
    await tx.fetch_value("sessions.seat_member", session_id=session_id, user_id=user_id, role=role, hue=hue, name=name)


async def remove_member(tx: Transaction, session_id: str, user_id: str) -> None:
    """A guest leaves, or the owner sends them away. `announce` follows as the worker role: who left sees nothing more.

    Whoever is sent away stays away, even one who was quicker to leave; whoever left may come back by an invite.
    """
    taken = await service.seat(tx, session_id)
    if not taken.owns and taken.user_id != user_id:
        raise NotAllowed("Only the owner of the session may send somebody away.")
    await service.lock(tx, session_id)  # or somebody who is just coming in by a link would undo it
    unseated = await tx.fetch_value("sessions.unseat", session_id=session_id, user_id=user_id)
    removed = await tx.fetch_value("sessions.remove", session_id=session_id, user_id=user_id) if taken.owns else None
    if unseated is None and removed is None:
        raise NotFound


async def list_removals(tx: Transaction, session_id: str) -> list[Removal]:
    """Who was sent away, the last first, by the owner."""
    await service.owner_seat(tx, session_id)
    return [Removal.from_row(row) for row in await tx.fetch_all("sessions.removals", session_id=session_id)]


async def let_back(tx: Transaction, session_id: str, user_id: str) -> None:
    """Somebody who was sent away may come back by an invite link, by the owner; NotFound where nobody was."""
    await service.owner_seat(tx, session_id)
    if await tx.fetch_value("sessions.let_back", session_id=session_id, user_id=user_id) is None:
        raise NotFound


async def was_removed(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether somebody was sent away and not let back in. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.was_removed", session_id=session_id, user_id=user_id))


async def was_deleted(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether a session in which somebody sat to its end was deleted. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.was_deleted", session_id=session_id, user_id=user_id))


async def has_left(tx: Transaction, session_id: str, user_id: str) -> bool:
    """Whether somebody sat in a session and does not any more. Needs the worker role."""
    return bool(await tx.fetch_value("sessions.has_left", session_id=session_id, user_id=user_id))
