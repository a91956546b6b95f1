"""Cancelling generations that have not ended: the one way to do it, whether by people, a deletion or an erasure.

The caller holds the lock of the credits, which comes before that of the generations.
"""

from collections.abc import Sequence

from chatserver import credits, messages
from chatserver.database import Row, Transaction
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting


async def cancel_all(tx: Transaction, generation_ids: Sequence[str]) -> list[Row]:
    """Cancels those of these generations that have not ended, and releases their credits; returns their rows.

    Announced to workers only: the caller announces messages and the sessions' credits.
    """
    rows = await tx.fetch_all("generations.cancel", generation_ids=list(generation_ids))
    await credits.release_all(tx, [row["id"] for row in rows])
    for row in rows:
        # Wakes the worker that has it, in whatever process: its next write finds the lease gone.
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="generation", cancelled=row["id"]))
    return rows


async def cancel_of_session(tx: Transaction, session_id: str) -> None:
    """Cancels every unfinished generation of a session. Needs the worker role."""
    rows = await tx.fetch_all("generations.running_of_session", session_id=session_id)
    await cancel_all(tx, [row["id"] for row in rows])


async def cancel_of_member(tx: Transaction, session_id: str, user_id: str) -> None:
    """Cancels a member's unfinished generations in one session, before the membership ends. Locks the credits itself."""
    await credits.lock_all(tx, session_id)
    rows = await tx.fetch_all("generations.running_of_member", session_id=session_id, user_id=user_id)
    await _cancel_and_announce(tx, rows)


async def cancel_of_banned_user(tx: Transaction, user_id: str) -> None:
    """Cancels a banned user's unfinished generations in all sessions, and those of all members in the user's own sessions.

    Needs the worker role.
    """
    await credits.lock_of_running(tx, user_id)
    await _cancel_and_announce(tx, await tx.fetch_all("generations.running_of_user", user_id=user_id))


async def cancel_of_user(tx: Transaction, user_id: str) -> None:
    """Cancels a user's unfinished generations, and all those in the user's sessions. Needs the worker role."""
    rows = await tx.fetch_all("generations.running_of_user", user_id=user_id)
    for session_id in sessions_of(await cancel_all(tx, [row["id"] for row in rows])):
        await credits.announce(tx, session_id)


async def _cancel_and_announce(tx: Transaction, rows: list[Row]) -> None:
    cancelled = await cancel_all(tx, [row["id"] for row in rows])
    for message_id in sorted({row["message_id"] for row in cancelled}):
        await messages.touch(tx, message_id)
    for session_id in sessions_of(cancelled):
        await credits.announce(tx, session_id)


def sessions_of(rows: list[Row]) -> list[str]:
    """The ids of the sessions of these generations."""
    return sorted({row["session_id"] for row in rows})
