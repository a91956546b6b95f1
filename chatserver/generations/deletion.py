"""Deleting messages with what was made in them, single generations, and files: at any time, without an undo.

Needs the worker role, as authors may delete what is theirs after they have left the session or its time is up; the
transaction itself queries whether the viewer may. Locks are taken in the order credits, generations, assets, session.
"""

from chatserver import credits, messages, sessions
from chatserver.assets import service as assets
from chatserver.database import Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.generations import cancellation
from chatserver.messages.models import Message
from chatserver.uploads import service as uploads


async def delete_message(tx: Transaction, viewer_id: str, message_id: str) -> Message:
    """Empties a message and removes its generations, by its author or the session's owner. May be repeated.

    Unfinished generations are cancelled and their credits released. NotFound for users outside the session, NotAllowed for
    other members.
    """
    row = await messages.require_deletable(tx, viewer_id, message_id)
    if row["kind"] != "text":
        await credits.lock(tx, row["session_id"], row["kind"])
        made = await tx.fetch_all("generations.of_message", message_id=message_id)
        await _remove(tx, row["session_id"], [generation["id"] for generation in made])
    return await messages.erase(tx, row)


async def delete(tx: Transaction, viewer_id: str, generation_id: str) -> Message:
    """Removes a generation, by who asked for it or the session's owner; its later versions stay. Returns its message.

    An unfinished one is cancelled and its credit released; a finished one stays paid. The message of the last generation is
    deleted too, where the viewer may.
    """
    row = await tx.fetch_one("generations.rights", viewer_id=viewer_id, generation_id=generation_id)
    if row is None:
        raise NotFound
    if not (row["asked"] or row["owns"]):
        raise NotAllowed("Only who asked for it or the owner of the session may delete it.")
    await credits.lock(tx, row["session_id"], row["kind"])
    made = await tx.fetch_all("generations.of_message", message_id=row["message_id"])
    if generation_id not in {each["id"] for each in made}:
        raise NotFound
    if len(made) == 1 and (row["owns"] or row["wrote"]):
        return await delete_message(tx, viewer_id, row["message_id"])
    await tx.execute("generations.adopt", generation_id=generation_id, parent_id=row["parent_id"])
    await _remove(tx, row["session_id"], [generation_id])
    return await messages.touch(tx, row["message_id"])


async def delete_asset(tx: Transaction, viewer_id: str, asset_id: str) -> None:
    """Deletes the generation of a file, or an upload; NotFound where there is no such file."""
    row = await tx.fetch_one("generations.of_asset", asset_id=asset_id)
    if row is None:
        raise NotFound
    if row["origin"] == "upload":
        await uploads.delete(tx, viewer_id, asset_id)
    else:
        await delete(tx, viewer_id, row["generation_id"])


async def _remove(tx: Transaction, session_id: str, generation_ids: list[str]) -> None:
    cancelled = await cancellation.cancel_all(tx, generation_ids)
    await assets.delete_of_generations(tx, generation_ids)
    # Before the keys that are kept, which refer to the session: two deletions would share its row, and then each wait for
    # the other to lock it.
    await sessions.lock(tx, session_id)
    await tx.execute("generations.remove", generation_ids=generation_ids)
    if cancelled:
        await credits.announce(tx, session_id)
