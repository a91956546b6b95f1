"""Leaving for good: the account closes at once, its files and rows follow.

What somebody wrote in the sessions of others stays there without the name. Their pictures and clips, their own sessions
and all in them go: files are handed to the sweeper of assets first, and rows go when no file is left, so that nothing
in the storage is ever without a row that names it.
"""

import structlog

from chatserver.database import Database, Transaction
from chatserver.errors import NotSignedIn
from chatserver.events import user_channel
from chatserver.users import api_tokens, authentication, sign_ins
from chatserver.users.events import SignInsEnded
from chatserver.users.models import Visitor

FORMER_MEMBER = "Former member"
# A session may have thousands of messages; this many go in one unit of work without straining its deadline.
_SESSIONS_AT_ONCE = 5

log = structlog.get_logger(__name__)


async def delete_account(database: Database, viewer_id: str, password: str, visitor: Visitor) -> None:
    """Deletes one's own account, with the password as the last word."""
    checked = await authentication.check_own_password(database, viewer_id, password, visitor)
    await database.run_system(close_account, checked.user.id)


async def close_account(tx: Transaction, user_id: str) -> None:
    """Makes the account nobody's, and lets go of everything that it had. Needs the worker role."""
    await _let_go(tx, user_id)
    if await tx.fetch_value("users.close_account", id=user_id, name=FORMER_MEMBER) is None:
        raise NotSignedIn
    # Announced before the sign-ins that end with it: the first reason that a socket hears is its last.
    tx.announce(user_channel(user_id), SignInsEnded(user_id=user_id, account_closed=True))
    await sign_ins.end_other_sign_ins(tx, user_id, None)
    await api_tokens.revoke_tokens(tx, user_id)
    log.info("user.deleted", user_id=user_id)


async def _let_go(tx: Transaction, user_id: str) -> None:
    # Credits, generations, assets, sessions: the order in which everybody locks.
    await tx.fetch_all("users.lock_running_credits", user_id=user_id)
    cancelled = await tx.fetch_all("users.cancel_running", user_id=user_id)
    await tx.execute("users.release_cancelled", ids=[row["id"] for row in cancelled])
    await tx.execute("users.mark_assets_deleted", user_id=user_id)
    await tx.execute("users.disown_seats", user_id=user_id, name=FORMER_MEMBER)
    await tx.execute("users.disown_messages", user_id=user_id, name=FORMER_MEMBER)
    await tx.execute("users.empty_sessions", user_id=user_id)


async def remove_closed_account(tx: Transaction) -> bool:
    """Takes one step in removing one deleted account, and says whether there was one to take. Needs the worker role.

    Called again and again by whoever sweeps, after the assets' own sweep.
    """
    row = await tx.fetch_one("users.closed_account")
    if row is None:
        return False
    # What was under way when the account closed may have added to it since.
    await _let_go(tx, row["id"])
    if row["has_files"]:
        return True
    if not await tx.fetch_all("users.remove_sessions", user_id=row["id"], limit=_SESSIONS_AT_ONCE):
        await tx.execute("users.remove_account", id=row["id"])
        log.info("user.removed", user_id=row["id"])
    return True
