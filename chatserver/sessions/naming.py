"""Under which name somebody is seen in a session: the account's own, or, where another there looks the same, with a number.

All of it needs the worker role, and the session's lock: two who come with one name wait for each other.
"""

from collections.abc import Iterable

from chatserver.database import Transaction
from chatserver.sessions import service
from chatserver.text import confusables
from chatserver.users import names

# Sessions from before whose people are named in one unit of work.
_AT_ONCE = 20


async def name_in(tx: Transaction, session_id: str, user_id: str, name: str) -> str:
    """The name for a seat, which nobody else in the session has, or had when they said something."""
    rows = await tx.fetch_all("sessions.names_beside", session_id=session_id, user_id=user_id)
    return distinct(names.shown(name), (row["name"] for row in rows))


def distinct(name: str, others: Iterable[str]) -> str:
    """The name, with a number behind it where one of the others looks like it."""
    taken = {key for other in others for key in confusables.keys(other)}
    candidate, number = name, 2
    while confusables.keys(candidate) & taken:
        candidate, number = f"{name} ({number})", number + 1
    return candidate


async def rename_member(tx: Transaction, user_id: str, name: str) -> None:
    """Somebody's new name in the sessions that still go on. What they said before keeps the old one, and keeps it theirs."""
    for row in await tx.fetch_all("sessions.open_seats", user_id=user_id):
        await service.lock(tx, row["session_id"])
        await _give(tx, row["session_id"], user_id, name)
        await service.announce(tx, row["session_id"])


async def name_next(tx: Transaction) -> bool:
    """Names the people of a few sessions from before, and says whether there were any."""
    found = await tx.fetch_all("sessions.unnamed", limit=_AT_ONCE)
    for row in found:
        await service.lock(tx, row["session_id"])
        for seat in await tx.fetch_all("sessions.unnamed_in", session_id=row["session_id"]):
            await _give(tx, row["session_id"], seat["user_id"], seat["name"])
    return bool(found)


async def _give(tx: Transaction, session_id: str, user_id: str, name: str) -> None:
    shown = await name_in(tx, session_id, user_id, name)
    await tx.execute("sessions.name_seat", session_id=session_id, user_id=user_id, name=shown)
