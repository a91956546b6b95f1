"""Hiding pictures, clips and whole messages by an operator, and showing them again.

Needs the worker role. Locks are taken in the order credits, generations, assets, session.
"""

from chatserver import credits, messages
from chatserver.assets import service as assets
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.generations import cancellation
from chatserver.messages import withholding


async def hide_file(tx: Transaction, asset_id: str, reason: str, *, again: bool = False) -> None:
    """Takes a picture or clip away from everybody at once; in its place in the stream stands the reason.

    NotFound where it is gone, Conflict where it is hidden already; with `again` it stays so.
    """
    row = await _lock(tx, asset_id)
    if again and row["status"] == "hidden":
        return
    await assets.hide(tx, asset_id)
    await _announce(tx, row["generation_id"], reason)


async def show_file(tx: Transaction, asset_id: str) -> None:
    """Shows a hidden picture or clip again where it was.

    NotFound where it is gone, Conflict where it is not hidden, or with its whole message.
    """
    row = await _lock(tx, asset_id)
    if row["hidden_with"] is not None:
        raise Conflict("This was hidden with its message. Restore the message.")
    await assets.unhide(tx, asset_id)
    await _announce(tx, row["generation_id"], None)


async def hide_message(tx: Transaction, message_id: str, reason: str, *, again: bool = False) -> None:
    """Hides a message with its words, prompts and files; what is being made or written for it ends.

    NotFound where it is gone, Conflict where it is hidden already; with `again` it stays so.
    """
    row = await withholding.find(tx, message_id)
    if again and row["withheld"] is not None:
        return
    if row["kind"] != "text":
        await credits.lock(tx, row["session_id"], row["kind"])
        made = [each["id"] for each in await tx.fetch_all("generations.of_message", message_id=message_id)]
        cancelled = await cancellation.cancel_all(tx, made)
        hidden = await assets.hide_of_message(tx, message_id)
        await tx.execute("generations.withhold_many", generation_ids=hidden, reason=reason)
        await tx.execute("generations.keep_prompts", message_id=message_id)
        for session_id in cancellation.sessions_of(cancelled):
            await credits.announce(tx, session_id)
    await withholding.withhold(tx, message_id, reason)


async def show_message(tx: Transaction, message_id: str) -> None:
    """Shows a hidden message again with what was hidden with it.

    NotFound where it is gone, Conflict where it is not hidden.
    """
    row = await withholding.find(tx, message_id)
    if row["kind"] != "text":
        await tx.fetch_all("generations.of_message", message_id=message_id)
        await tx.execute("generations.prompts_again", message_id=message_id)
        shown = await assets.unhide_of_message(tx, message_id)
        await tx.execute("generations.withhold_many", generation_ids=shown, reason=None)
    await withholding.show_again(tx, message_id)


async def _lock(tx: Transaction, asset_id: str) -> Row:
    row = await tx.fetch_one("generations.file_to_hide", asset_id=asset_id)
    if row is None:
        raise NotFound("This was deleted meanwhile.")
    if row["generation_id"] is not None:
        await tx.fetch_one("generations.lock", generation_id=row["generation_id"])
    return row


async def _announce(tx: Transaction, generation_id: str | None, reason: str | None) -> None:
    """Draws the message of a generation again; an upload stands in none."""
    if generation_id is None:
        return
    message_id = await tx.fetch_value("generations.withhold", generation_id=generation_id, reason=reason)
    if message_id is not None:
        await messages.touch(tx, message_id)
