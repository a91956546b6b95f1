"""Deleting messages: at any time, wholly. What is deleted is not kept for an undo; the browser waits before it asks.

Run as the worker role, for an author who has left the session, or whose time is up, may still delete; who may, is asked of
the database in the same transaction. The order of locks is everybody's: credits, generations, assets, the session's row.
"""

from chatserver import credits, sessions
from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.messages import service
from chatserver.messages.models import Message


async def delete(tx: Transaction, viewer_id: str, message_id: str) -> Message:
    """Empties a message, by its author or the session's owner: words, pictures, the title that came from it.

    What is still being made ends, and its credits come back. Repeating it changes nothing.
    """
    row = await tx.fetch_one("messages.standing", viewer_id=viewer_id, message_id=message_id)
    if row is None:
        raise NotFound
    if not (row["wrote"] or row["owns"]):
        raise NotAllowed("Only its author or the owner of the session may delete a message.")
    if row["kind"] != "text":
        await credits.lock(tx, row["session_id"], row["kind"])
        made = await tx.fetch_all("messages.generation_ids", message_id=message_id)
        await remove_generations(tx, row["session_id"], [generation["id"] for generation in made])
    await sessions.lock(tx, row["session_id"])
    if await tx.fetch_value("messages.erase", message_id=message_id) is None:
        return await service.find(tx, message_id)
    await _end_replies(tx, message_id, was_streaming=row["status"] == "streaming")
    await sessions.replace_automatic_title(tx, row["session_id"], row["text"])
    return await service.touch(tx, message_id)


async def remove_generations(tx: Transaction, session_id: str, generation_ids: list[str]) -> None:
    """Removes generations with their files; credits of what had not ended come back. The credits' lock is held."""
    cancelled = await tx.fetch_all("messages.cancel_generations", generation_ids=generation_ids)
    for row in cancelled:
        await credits.release(tx, row["id"])
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="generation", cancelled=row["id"]))
    await tx.execute("messages.let_files_go", generation_ids=generation_ids)
    await tx.execute("messages.remove_generations", generation_ids=generation_ids)
    if cancelled:
        await credits.announce(tx, session_id)


async def _end_replies(tx: Transaction, message_id: str, *, was_streaming: bool) -> None:
    """Nothing goes on being written in answer to what is gone, nor where somebody deleted the answer itself."""
    answers = [row["id"] for row in await tx.fetch_all("messages.erase_replies", message_id=message_id)]
    for answer in answers:
        await service.touch(tx, answer)
    for ended in [*answers, message_id] if was_streaming else answers:
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=ended))
