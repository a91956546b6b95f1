"""Hiding messages by an operator: the words leave the stream, and come back when the message is shown again.

Needs the worker role. The caller has locked the generations of the message; here the session is locked.
"""

from chatserver import sessions
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.messages import service


async def withhold(tx: Transaction, message_id: str, reason: str) -> None:
    """Hides a message, and announces it with the reason in its place. A reply that is being written ends.

    NotFound where it is gone, Conflict where it is hidden or deleted already.
    """
    row = await find(tx, message_id)
    await sessions.lock(tx, row["session_id"])
    # Read again: it may have changed while the lock was awaited.
    row = await find(tx, message_id)
    if row["withheld"] is not None or row["status"] == "deleted":
        raise Conflict("This message is hidden already, or was deleted meanwhile.")
    await tx.execute("messages.keep_words", message_id=message_id)
    await tx.fetch_value("messages.withhold", message_id=message_id, reason=reason)
    if row["status"] == "streaming":
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=message_id))
    await sessions.replace_automatic_title(tx, row["session_id"], row["text"])
    await service.touch(tx, message_id)


async def show_again(tx: Transaction, message_id: str) -> None:
    """Shows a hidden message again, and announces it. NotFound where it is gone, Conflict where it is not hidden."""
    row = await find(tx, message_id)
    await sessions.lock(tx, row["session_id"])
    if await tx.fetch_value("messages.show_again", message_id=message_id) is None:
        raise Conflict("This message is not hidden, or was deleted meanwhile.")
    await tx.execute("messages.forget_words", message_id=message_id)
    await service.touch(tx, message_id)


async def find(tx: Transaction, message_id: str) -> Row:
    """The row of a message, hidden or not. Raises NotFound."""
    row = await tx.fetch_one("messages.find", message_id=message_id)
    if row is None:
        raise NotFound("This message was deleted meanwhile.")
    return row
