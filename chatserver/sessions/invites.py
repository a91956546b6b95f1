"""Invites: the links by which guests join a session."""

import secrets

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.sessions import service
from chatserver.sessions.models import Invitation, Session
from chatserver.sessions.seating import sit_down, was_removed
from chatserver.text import normalization
from chatserver.users import rate_limits

# Guests in one session; beyond it a room is no longer one.
MAX_GUESTS = 50


async def invite(tx: Transaction, session_id: str, *, guests_may_generate: bool | None = None) -> str:
    """The code of the session's invite link, by its owner: the one still good, or a new one. Good for a week."""
    await service.owner_seat(tx, session_id)
    if guests_may_generate is not None:
        await service.allow_guests(tx, session_id, guests_may_generate)
    code: str | None = await tx.fetch_value("sessions.current_invite", session_id=session_id)
    if code is None:
        code = secrets.token_urlsafe(16)
        await tx.execute("sessions.insert_invite", id=ids.new(), session_id=session_id, code=code)
    await rate_limits.spend(tx, rate_limits.CHANGES)
    return code


async def revoke(tx: Transaction, session_id: str) -> None:
    """Every invite link of the session stops working, by its owner."""
    await service.owner_seat(tx, session_id)
    await tx.execute("sessions.revoke_invites", session_id=session_id)


async def invitation(tx: Transaction, code: str) -> Invitation:
    """What a code leads to; NotFound where it is none, or no longer good. Needs the worker role."""
    row = await tx.fetch_one("sessions.invitation", code=normalization.invite_code(code))
    if row is None:
        raise NotFound("This invite link is not valid any more. Ask for a new one.")
    return Invitation.from_row(row)


async def join(tx: Transaction, code: str, user_id: str) -> Session:
    """Seats the caller as a guest; one who sits there already stays as they are. NotAllowed for one who was sent away.

    Needs the worker role.
    """
    invited = await invitation(tx, code)
    await service.lock(tx, invited.session_id)  # two who come for the last seat wait for each other
    if await was_removed(tx, invited.session_id, user_id):
        raise NotAllowed("The owner of this session has sent you away. Only they can let you back in.")
    if await tx.fetch_value("sessions.guests_beside", session_id=invited.session_id, user_id=user_id) >= MAX_GUESTS:
        raise Conflict(f"This session is full: it has {MAX_GUESTS} guests.")
    await sit_down(tx, invited.session_id, user_id, "guest")
    await rate_limits.spend(tx, rate_limits.CHANGES, user_id)
    return await service.announce(tx, invited.session_id)
