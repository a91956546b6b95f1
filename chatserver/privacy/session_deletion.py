"""Deleting a session: `delete_session` hides it from everybody at once, `purge_session` removes its rows in batches.

The session's row stays without content, for purchases and the ledger of credits. Needs the worker role; the transaction
itself queries whether the viewer may.
"""

from chatserver import credits, messages, sessions
from chatserver.assets import service as assets
from chatserver.database import Transaction
from chatserver.generations import cancellation
from chatserver.statistics import service as statistics

# Messages that one batch removes with their generations, well within the deadline of a unit of work.
_BATCH = 500


async def delete_session(tx: Transaction, viewer_id: str, session_id: str) -> None:
    """Deletes a session for all of its members. For the owner only: NotAllowed for guests, NotFound for others.

    Running generations and replies end, credits are released, sockets close. `purge_session` removes the rows afterwards.
    """
    await sessions.require_owner(tx, viewer_id, session_id)
    await credits.lock_all(tx, session_id)
    await cancellation.cancel_of_session(tx, session_id)
    await assets.delete_of_session(tx, session_id)
    await sessions.mark_deleted(tx, session_id)
    await messages.end_replies_of_session(tx, session_id)
    await sessions.close(tx, session_id)


async def purge_session(tx: Transaction, session_id: str) -> bool:
    """Removes one batch of a deleted session's messages; whether there may be more. May be repeated."""
    await credits.lock_all(tx, session_id)
    # A worker may have stored a file after the deletion.
    await assets.delete_of_session(tx, session_id)
    await statistics.forget_session(tx, session_id)
    await sessions.lock(tx, session_id)
    if await messages.remove_of_session(tx, session_id, _BATCH):
        return True
    await sessions.mark_purged(tx, session_id)
    return False


async def purge_next_session(tx: Transaction) -> bool:
    """Purges one batch of some deleted session that a process left unfinished; whether there was one."""
    session_id = await sessions.next_to_purge(tx)
    if session_id is None:
        return False
    await purge_session(tx, session_id)
    return True
