"""Deleting an account: it is closed at once, and its files and rows are removed in steps.

The user's text messages in sessions of others stay there without the name. The user's files, own sessions and everything in
them are removed: files are handed to the sweeper of assets first and rows go when no file is left, so that every stored
object has a row that names it.
"""

import structlog

from chatserver import credits, messages, sessions, users
from chatserver.albums import service as albums
from chatserver.assets import service as assets
from chatserver.database import Database, Transaction
from chatserver.generations import cancellation
from chatserver.reports import service as reports
from chatserver.sharing import service as sharing
from chatserver.statistics import service as statistics
from chatserver.users import authentication
from chatserver.users.models import Visitor

FORMER_MEMBER = "Former member"
# Sessions may have thousands of messages: so many are removed within the deadline of a unit of work.
_SESSIONS_AT_ONCE = 5

log = structlog.get_logger(__name__)


async def delete_account(database: Database, viewer_id: str, password: str, visitor: Visitor) -> None:
    """Deletes the viewer's account, confirmed by the password, if it has one: Invalid where it is wrong, RateLimited for
    guessing, Conflict for the only admin."""
    if not (await database.run_system(users.get, viewer_id)).is_by_name:
        await authentication.check_own_password(database, viewer_id, password, visitor)
    await database.run_system(close_account, viewer_id)


async def close_account(tx: Transaction, user_id: str) -> None:
    """Removes a user's name, address, password, sign-ins and tokens, and hands over everything the user had for removal.

    NotSignedIn where there is no such account, Conflict for the only admin. Needs the worker role.
    """
    await _give_up(tx, user_id)
    if (await users.get(tx, user_id)).role == "admin":
        # After credits, generations and sessions, as everywhere: whoever creates something refers to the row of the user.
        await users.require_another_admin(tx, user_id)
    await users.close(tx, user_id, FORMER_MEMBER)
    log.info("user.deleted", user_id=user_id)


async def _give_up(tx: Transaction, user_id: str) -> None:
    # Credits, generations, assets, sessions: the order of locks everywhere.
    await credits.lock_of_running(tx, user_id)
    await cancellation.cancel_of_user(tx, user_id)
    await assets.delete_of_user(tx, user_id)
    await sessions.disown_memberships(tx, user_id, FORMER_MEMBER)
    await messages.disown(tx, user_id, FORMER_MEMBER)
    await sharing.delete_of_user(tx, user_id)
    await albums.delete_of_user(tx, user_id)
    await statistics.forget_user(tx, user_id)
    await reports.forget_user(tx, user_id)
    await sessions.delete_of_user(tx, user_id)


async def remove_closed_account(tx: Transaction) -> bool:
    """Takes one step in removing one closed account; whether there was one. Needs the worker role.

    Housekeeping calls it once a minute until it returns False.
    """
    row = await tx.fetch_one("privacy.closed_account")
    if row is None:
        return False
    # Workers that were busy when the account closed may have added to it since.
    await _give_up(tx, row["id"])
    if row["has_files"]:
        return True
    if not await sessions.remove_of_user(tx, row["id"], _SESSIONS_AT_ONCE):
        await users.remove(tx, row["id"])
        log.info("user.removed", user_id=row["id"])
    return True
