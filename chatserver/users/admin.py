"""The operator's verbs for accounts: list, find, set a role, ban. They need the worker role; changes are logged."""

import structlog

from chatserver.database import Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.events import user_channel
from chatserver.users import authentication, sign_ins
from chatserver.users.events import SignInsEnded
from chatserver.users.models import AccountSummary, Role, User

log = structlog.get_logger(__name__)


async def list_users(tx: Transaction, *, before: str | None = None, limit: int = 100) -> list[AccountSummary]:
    """Accounts, newest first; the next page is `before` the id of the last one."""
    return [AccountSummary.from_row(row) for row in await tx.fetch_all("users.list", before=before, limit=limit)]


async def find(tx: Transaction, email: str) -> User:
    """The account of an address, banned or not; NotFound where there is none."""
    row = await authentication.find_by_email(tx, email)
    if row is None:
        raise NotFound(f"There is no account with the address {email.strip()!r}.")
    return User.from_row(row)


async def lock_admins(tx: Transaction) -> list[str]:
    """Locks the active admins, in one order, and returns their ids: none of them loses the role meanwhile."""
    return [row["id"] for row in await tx.fetch_all("users.lock_admins")]


async def require_another_admin(tx: Transaction, user_id: str) -> None:
    """Raises Conflict for the only active admin. The admins stay locked, so that of two who go at once one stays."""
    if await lock_admins(tx) == [user_id]:
        raise Conflict("This is the only admin. Make somebody else an admin first.")


async def set_role(tx: Transaction, user_id: str, role: Role) -> None:
    """Makes a user an admin or a member; NotFound where there is no such account, Conflict for the last admin."""
    if role == "member":
        await require_another_admin(tx, user_id)
    if await tx.fetch_value("users.set_role", id=user_id, role=role) is None:
        raise NotFound
    log.warning("user.role_changed", user_id=user_id, role=role)


async def ban(tx: Transaction, user_id: str) -> None:
    """Bans a user: sign-ins end, API tokens stop working until `unban`, sockets close. Messages and files stay.

    NotFound where there is no such account, Conflict for the last admin.
    """
    await require_another_admin(tx, user_id)
    if await tx.fetch_value("users.set_status", id=user_id, status="banned") is None:
        raise NotFound
    # Announced before the ended sign-ins: a socket closes with the first reason that it gets.
    tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, account_closed=True))
    await sign_ins.end_other_sign_ins(tx, user_id, None)
    log.warning("user.banned", user_id=user_id)


async def unban(tx: Transaction, user_id: str) -> None:
    """Lifts a ban; API tokens work again."""
    if await tx.fetch_value("users.set_status", id=user_id, status="active") is None:
        raise NotFound
    log.warning("user.unbanned", user_id=user_id)
