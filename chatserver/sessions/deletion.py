"""Deleting a session: `delete` hides it from everybody at once, `purge` removes its rows in steps, as they may be many.

The session's row stays without content, for purchases and the ledger of credits. Needs the worker role; the transaction
itself queries whether the viewer may.
"""

from chatserver import credits
from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.events import session_channel
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.sessions.events import SessionDeleted

# Messages that one step removes with their generations, well within the deadline of a unit of work.
_BATCH = 500


async def delete(tx: Transaction, viewer_id: str, session_id: str) -> None:
    """Deletes a session for all of its members. For the owner only: NotAllowed for guests, NotFound for others.

    Running generations and replies end, credits are released, sockets close. `purge` removes the rows afterwards.
    """
    row = await tx.fetch_one("sessions.ownership", viewer_id=viewer_id, session_id=session_id)
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
    if await tx.fetch_value("sessions.mark_deleted", session_id=session_id) is None:
        raise NotFound
    for reply in await tx.fetch_all("sessions.end_replies", session_id=session_id):
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=reply["id"]))
    await tx.execute("sessions.end_all_memberships", session_id=session_id)
    tx.announce(session_channel(session_id), SessionDeleted(session_id=session_id))


async def purge(tx: Transaction, session_id: str) -> bool:
    """Removes one batch of a deleted session's messages; whether there may be more. May be repeated."""
    # A worker may have stored a file after the deletion.
    await tx.execute("sessions.let_files_go", session_id=session_id)
    if await tx.fetch_all("sessions.remove_messages", session_id=session_id, limit=_BATCH):
        return True
    await tx.execute("sessions.mark_purged", session_id=session_id)
    return False


async def purge_next(tx: Transaction) -> bool:
    """Purges one batch of some deleted session that a process left unfinished; whether there was one."""
    session_id = await tx.fetch_value("sessions.next_to_purge")
    if session_id is None:
        return False
    await purge(tx, session_id)
    return True
