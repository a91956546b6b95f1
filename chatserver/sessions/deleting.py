"""Deleting a session: at once nobody sees anything of it any more; its rows go in steps, as there may be very many.

What is left is a row without content, for the purchases and the books. Run as the worker role; who may, is asked of the
database in the same transaction.
"""

from chatserver import credits
from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.events import session_channel
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.sessions.events import SessionDeleted

# Messages that one step removes, with all that hangs on them: far within a unit of work's deadline.
_STEP = 500


async def delete(tx: Transaction, viewer_id: str, session_id: str) -> None:
    """Deletes a session for everyone in it, by its owner. Running work ends, sockets close; `empty` removes the rest."""
    row = await tx.fetch_one("sessions.standing", viewer_id=viewer_id, session_id=session_id)
    if row is None:
        raise NotFound
    if not row["owns"]:
        raise NotAllowed("Only the owner of the session may delete it.")
    await credits.lock(tx, session_id, "image")
    await credits.lock(tx, session_id, "video")
    for generation in await tx.fetch_all("sessions.cancel_running", session_id=session_id):
        await credits.release(tx, generation["id"])
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="generation", cancelled=generation["id"]))
    await tx.execute("sessions.let_files_go", session_id=session_id)
    if await tx.fetch_value("sessions.bury", session_id=session_id) is None:
        raise NotFound
    for reply in await tx.fetch_all("sessions.end_replies", session_id=session_id):
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=reply["id"]))
    await tx.execute("sessions.clear_room", session_id=session_id)
    tx.announce(session_channel(session_id), SessionDeleted(session_id=session_id))


async def empty(tx: Transaction, session_id: str) -> bool:
    """Takes one step in removing what a deleted session held; whether there may be more. May be repeated."""
    # What was under way when it was deleted may have come since.
    await tx.execute("sessions.let_files_go", session_id=session_id)
    if await tx.fetch_all("sessions.remove_messages", session_id=session_id, limit=_STEP):
        return True
    await tx.execute("sessions.emptied", session_id=session_id)
    return False


async def empty_next(tx: Transaction) -> bool:
    """Takes a step in some deleted session that a process left half emptied; whether there was one."""
    session_id = await tx.fetch_value("sessions.unemptied")
    if session_id is None:
        return False
    await empty(tx, session_id)
    return True
