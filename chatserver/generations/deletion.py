"""Deleting one picture or clip: its row, its file, and all that was said of it. As the worker role, like messages."""

from chatserver import credits, messages
from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.messages.models import Message


async def delete(tx: Transaction, viewer_id: str, generation_id: str) -> Message:
    """Removes a generation, by who asked for it or the session's owner; its later versions stay.

    One that has not ended gives its credit back; what was made stays paid. With its last picture a message goes, too,
    where the caller may delete it.
    """
    row = await tx.fetch_one("generations.standing", viewer_id=viewer_id, generation_id=generation_id)
    if row is None:
        raise NotFound
    if not (row["asked"] or row["owns"]):
        raise NotAllowed("Only who asked for it or the owner of the session may delete it.")
    await credits.lock(tx, row["session_id"], row["kind"])
    made = await tx.fetch_all("messages.generation_ids", message_id=row["message_id"])
    if generation_id not in {each["id"] for each in made}:
        raise NotFound
    if len(made) == 1 and (row["owns"] or row["wrote"]):
        return await messages.delete(tx, viewer_id, row["message_id"])
    await tx.execute("generations.adopt", generation_id=generation_id, parent_id=row["parent_id"])
    await messages.remove_generations(tx, row["session_id"], [generation_id])
    return await messages.touch(tx, row["message_id"])


async def delete_asset(tx: Transaction, viewer_id: str, asset_id: str) -> Message:
    """The same by the id of its file."""
    generation_id = await tx.fetch_value("generations.of_asset", asset_id=asset_id)
    if generation_id is None:
        raise NotFound
    return await delete(tx, viewer_id, generation_id)
