"""Deleting the text of messages. `generations.delete_message` deletes a message whole, with what was made in it.

Needs the worker role: authors may delete what is theirs after they have left the session or its time is up.
"""

from chatserver import sessions
from chatserver.database import Row, Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.messages import reading, service
from chatserver.messages.models import Message


async def require_deletable(tx: Transaction, viewer_id: str, message_id: str) -> Row:
    """The row of a message that the viewer may delete: its author, or the session's owner.

    NotFound for users outside the session, NotAllowed for other members.
    """
    row = await tx.fetch_one("messages.rights", viewer_id=viewer_id, message_id=message_id)
    if row is None:
        raise NotFound
    if not (row["wrote"] or row["owns"]):
        raise NotAllowed("Only its author or the owner of the session may delete a message.")
    return row


async def erase(tx: Transaction, row: Row) -> Message:
    """Empties a message of `require_deletable` with its other versions, ends replies to it, and drops a session's title
    made from it."""
    message_id = row["id"]
    await sessions.lock(tx, row["session_id"])
    first = row["replaces"] or message_id
    others = [each["id"] for each in await tx.fetch_all("messages.versions_of", message_id=first)]
    unseen = [each["id"] for each in await tx.fetch_all("messages.hidden_replies_of", message_id=first)]
    for other in dict.fromkeys([*others, *unseen]):
        if other != message_id and await tx.fetch_value("messages.erase", message_id=other) is not None:
            await service.touch(tx, other)
            _announce_ended(tx, [other])
    if await tx.fetch_value("messages.erase", message_id=message_id) is None:
        return await reading.find(tx, message_id)
    await _end_replies(tx, message_id, was_streaming=row["status"] == "streaming")
    await sessions.replace_automatic_title(tx, row["session_id"], row["text"])
    return await service.touch(tx, message_id)


async def _end_replies(tx: Transaction, message_id: str, *, was_streaming: bool) -> None:
    """Ends replies being written to a deleted message, and the message itself where it is such a reply."""
    answers = [row["id"] for row in await tx.fetch_all("messages.erase_replies", message_id=message_id)]
    for answer in answers:
        await service.touch(tx, answer)
    _announce_ended(tx, [*answers, message_id] if was_streaming else answers)


async def end_replies_of_session(tx: Transaction, session_id: str) -> None:
    """Ends and empties what the assistant is writing in a session that is being deleted."""
    _announce_ended(
        tx, [row["id"] for row in await tx.fetch_all("messages.end_replies_of_session", session_id=session_id)]
    )


def _announce_ended(tx: Transaction, message_ids: list[str]) -> None:
    for message_id in message_ids:
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=message_id))


async def remove_of_session(tx: Transaction, session_id: str, limit: int) -> bool:
    """Removes up to `limit` messages of a deleted session, with their generations; whether there were any."""
    return bool(await tx.fetch_all("messages.remove_of_session", session_id=session_id, limit=limit))


async def disown(tx: Transaction, user_id: str, name: str) -> None:
    """Shows a deleted user's messages in sessions of others under `name`, and empties those that showed pictures.

    Changed messages take the next numbers of their sessions and are not announced: the hub finds them by `seq`.
    """
    await tx.execute("messages.disown", user_id=user_id, name=name)
