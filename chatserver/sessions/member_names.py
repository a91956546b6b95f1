"""The name under which a member is shown in a session: the account's name, numbered where another member's looks the same.

Needs the worker role and the session's lock, so that two members who join with one name wait for each other.
"""

import asyncio
from collections.abc import Iterable

from chatserver import users
from chatserver.database import Transaction
from chatserver.sessions import service
from chatserver.text import confusables
from chatserver.users import display_names

# Sessions in one unit of work of `name_unnamed_members`.
_BATCH = 20
# Names that are compared on the event loop, within a few milliseconds; more of them, of all who ever were there, beside it.
MOST_ON_LOOP = 500


async def name_for(tx: Transaction, session_id: str, user_id: str, name: str) -> str:
    """The name to show for a member: different from that of every other present or former member of the session."""
    rows = await tx.fetch_all("sessions.names_of_others", session_id=session_id, user_id=user_id)
    shown, others = display_names.shown(name), [row["name"] for row in rows]
    if len(others) <= MOST_ON_LOOP:
        return distinct_name(shown, others)
    return await asyncio.to_thread(distinct_name, shown, others)


def distinct_name(name: str, others: Iterable[str]) -> str:
    """The name, with a number after it where one of the others is the same or confusable with it (UTS 39)."""
    taken = {key for other in others for key in confusables.keys(other)}
    candidate, number = name, 2
    while confusables.keys(candidate) & taken:
        candidate, number = f"{name} ({number})", number + 1
    return candidate


async def rename_user(tx: Transaction, user_id: str, name: str) -> None:
    """Changes a user's name, and shows it in their running sessions: one transaction, so that the new name is never shown
    where another member's looks the same. Earlier messages keep the old name, which stays reserved.

    Sessions are locked before the account and its rate limit, as everywhere. Invalid for a name that is not accepted.
    """
    locked = set()
    for row in await tx.fetch_all("sessions.open_memberships", user_id=user_id):
        await service.lock(tx, row["session_id"])
        locked.add(row["session_id"])
    user = await users.rename(tx, user_id, name)
    # Read again: a session may have been deleted, or left, before it was locked.
    for row in await tx.fetch_all("sessions.open_memberships", user_id=user_id):
        if row["session_id"] in locked:
            await _set_shown_name(tx, row["session_id"], user_id, user.name)
            await service.announce(tx, row["session_id"])


async def name_unnamed_members(tx: Transaction) -> bool:
    """Gives a shown name to members from before shown names existed, in a few sessions; whether there were any."""
    found = await tx.fetch_all("sessions.with_unnamed_members", limit=_BATCH)
    for row in found:
        await service.lock(tx, row["session_id"])
        for membership in await tx.fetch_all("sessions.unnamed_members", session_id=row["session_id"]):
            await _set_shown_name(tx, row["session_id"], membership["user_id"], membership["name"])
    return bool(found)


async def _set_shown_name(tx: Transaction, session_id: str, user_id: str, name: str) -> None:
    shown = await name_for(tx, session_id, user_id, name)
    await tx.execute("sessions.set_shown_name", session_id=session_id, user_id=user_id, name=shown)
