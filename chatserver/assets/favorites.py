"""Favourites: a person's own marks on pictures and clips that they may see. Only their own sockets hear of a change."""

from collections.abc import Sequence

from msgspec import structs

from chatserver.assets.events import FavoritesChanged
from chatserver.database import Row, Transaction
from chatserver.events import user_channel
from chatserver.messages.models import Message
from chatserver.users import rate_limits

# What a socket is told at its beginning: far more than one session has pictures.
MOST_IN_SESSION = 2_000


async def mark(tx: Transaction, asset_ids: Sequence[str], on: bool) -> list[str]:
    """Makes files the user's favourites, or no longer; the ids of those that changed. Others' and unknown ids are left out.

    Also after the session's time is up. Repeating it changes nothing and announces nothing.
    """
    rows = await tx.fetch_all("assets.mark" if on else "assets.unmark", asset_ids=list(asset_ids))
    changed = [row["asset_id"] for row in rows]
    if rows:
        user_id = rows[0]["user_id"]
        tx.announce(user_channel(user_id), FavoritesChanged(user_id=user_id, asset_ids=tuple(changed), on=on))
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return changed


def whole(user_id: str, asset_ids: Sequence[str]) -> FavoritesChanged:
    """The user's favourites in a session, as a new socket is told of them."""
    return FavoritesChanged(user_id=user_id, asset_ids=tuple(asset_ids), on=True, whole=True)


async def marked(tx: Transaction, asset_ids: Sequence[str]) -> set[str]:
    """Those of the files that are the user's favourites."""
    return {row["asset_id"] for row in await tx.fetch_all("assets.marks", asset_ids=list(asset_ids))}


async def with_marks(tx: Transaction, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as one user reads them: each file says whether it is their favourite."""
    files = [asset.id for message in messages for made in message.generations for asset in made.assets]
    if not files:
        return tuple(messages)
    own = await marked(tx, files)
    return tuple(_marked_message(message, own) for message in messages)


def _marked_message(message: Message, own: set[str]) -> Message:
    generations = tuple(
        structs.replace(made, assets=tuple(structs.replace(asset, favorite=asset.id in own) for asset in made.assets))
        for made in message.generations
    )
    return structs.replace(message, generations=generations)


async def remove_of_user(tx: Transaction, user_id: str) -> None:
    """Removes all favourites of a user. Needs the worker role."""
    await tx.execute("assets.unmark_all", user_id=user_id)


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` favourites of a user with ids beyond `after`. Needs the worker role."""
    return await tx.fetch_all("assets.export_marks", user_id=user_id, after=after, limit=limit)
