"""Invites: the links by which guests join a session."""

import secrets

from chatserver import ids
from chatserver.database import Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.sessions import service
from chatserver.sessions.members import add_member, was_removed
from chatserver.sessions.models import Invitation, Session
from chatserver.text import normalization
from chatserver.users import rate_limits

# Guests in one session at a time.
MAX_GUESTS = 50


async def invite(tx: Transaction, session_id: str, *, guests_may_generate: bool | None = None) -> str:
    """The code of the session's invite link: the current one, or a new one, valid for a week. For the owner only."""
    await service.owner_membership(tx, session_id)
    if guests_may_generate is not None:
        await service.allow_guests(tx, session_id, guests_may_generate)
    code: str | None = await tx.fetch_value("sessions.current_invite", session_id=session_id)
    if code is None:
        code = secrets.token_urlsafe(16)
        await tx.execute("sessions.insert_invite", id=ids.new(), session_id=session_id, code=code)
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return code


async def current_invite(tx: Transaction, session_id: str) -> str:
    """The code of the session's invite link, where there is one; NotFound where it is yet to be made. For the owner only."""
    await service.owner_membership(tx, session_id)
    code: str | None = await tx.fetch_value("sessions.current_invite", session_id=session_id)
    if code is None:
        raise NotFound("This session has no invite link.")
    return code


async def revoke(tx: Transaction, session_id: str) -> None:
    """Revokes every invite link of the session. For the owner only."""
    await service.owner_membership(tx, session_id)
    await tx.execute("sessions.revoke_invites", session_id=session_id)


async def invitation(tx: Transaction, code: str) -> Invitation:
    """The session that an invite code leads to; NotFound where the code is unknown, expired or revoked.

    Needs the worker role.
    """
    row = await tx.fetch_one("sessions.invitation", code=normalization.invite_code(code))
    if row is None:
        raise NotFound("This invite link is not valid any more. Ask for a new one.")
    return Invitation.from_row(row)


async def join(tx: Transaction, code: str, user_id: str) -> Session:
    """Adds a guest by an invite code; a present member keeps their role. NotAllowed for a removed guest, Conflict where the
    session is full.

    Needs the worker role.
    """
    invited = await invitation(tx, code)
    await service.lock(tx, invited.session_id)  # so that concurrent joins cannot exceed MAX_GUESTS
    if await was_removed(tx, invited.session_id, user_id):
        raise NotAllowed("The owner of this session has sent you away. Only they can let you back in.")
    if (
        await tx.fetch_value("sessions.count_other_guests", session_id=invited.session_id, user_id=user_id)
        >= MAX_GUESTS
    ):
        raise Conflict(f"This session is full: it has {MAX_GUESTS} guests.")
    await add_member(tx, invited.session_id, user_id, "guest")
    await rate_limits.consume(tx, rate_limits.CHANGES, user_id)
    return await service.announce(tx, invited.session_id)
