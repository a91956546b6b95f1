"""What only the operator does: find people, make admins, ban. All of it needs the worker role, and is logged."""

import structlog

from chatserver.database import Transaction
from chatserver.errors import NotFound
from chatserver.events import user_channel
from chatserver.users import entry, sign_ins
from chatserver.users.events import SignInsEnded
from chatserver.users.models import Listed, Role, User

log = structlog.get_logger(__name__)


async def list_users(tx: Transaction, *, before: str | None = None, limit: int = 100) -> list[Listed]:
    """Accounts, newest first; the next page is `before` the last one's id."""
    return [Listed.from_row(row) for row in await tx.fetch_all("users.list", before=before, limit=limit)]


async def find(tx: Transaction, email: str) -> User:
    """The account of an address, banned or not; NotFound where there is none."""
    row = await entry.find_by_email(tx, email)
    if row is None:
        raise NotFound(f"There is no account with the address {email.strip()!r}.")
    return User.from_row(row)


async def set_role(tx: Transaction, user_id: str, role: Role) -> None:
    """Makes somebody an admin, or a member again."""
    if await tx.fetch_value("users.set_role", id=user_id, role=role) is None:
        raise NotFound
    log.warning("user.role_set", user_id=user_id, role=role)


async def ban(tx: Transaction, user_id: str) -> None:
    """Closes the door: sign-ins end, API tokens rest, sockets close. What the person made stays."""
    if await tx.fetch_value("users.set_status", id=user_id, status="banned") is None:
        raise NotFound
    # Announced before the sign-ins that end with it: the first reason that a socket hears is its last.
    tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, account_closed=True))
    await sign_ins.end_other_sign_ins(tx, user_id, None)
    log.warning("user.banned", user_id=user_id)


async def unban(tx: Transaction, user_id: str) -> None:
    """Opens the door again; API tokens work once more."""
    if await tx.fetch_value("users.set_status", id=user_id, status="active") is None:
        raise NotFound
    log.warning("user.unbanned", user_id=user_id)
