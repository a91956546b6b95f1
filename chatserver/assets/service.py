"""Files and their rows: a row is staged, its bytes are stored, then the transaction that ends the generation shows it."""

from collections.abc import Iterable, Sequence
from typing import Literal

from chatserver import ids
from chatserver.assets import favorites
from chatserver.assets.events import PicturesChanged
from chatserver.assets.filenames import readable_name
from chatserver.assets.keys import EXTENSIONS, base_key, thumbnail_key
from chatserver.assets.models import Asset, FileOrigin, StagedFile, StoredFile
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.events import user_channel
from chatserver.imaging.protocol import Clip, Picture

# The file name where no word of the prompt can be spelled in ASCII.
_NAMELESS: dict[Literal["image", "video"], str] = {"image": "picture", "video": "clip"}


async def stage(tx: Transaction, generation_id: str, attempt: int, file: Picture | Clip) -> StagedFile:
    """Stages a row for the verified file of an attempt; the caller stores the bytes under its keys next.

    NotFound where the generation is gone, Conflict where this attempt has stored a file. Needs the worker role.
    """
    origin = await tx.fetch_one("assets.origin", generation_id=generation_id)
    if origin is None:
        raise NotFound
    asset_id, extension = ids.new(), EXTENSIONS[file.content_type]
    base = base_key(origin["user_id"], generation_id, attempt)
    row = await tx.fetch_one(
        "assets.stage",
        id=asset_id,
        session_id=origin["session_id"],
        user_id=origin["user_id"],
        generation_id=generation_id,
        attempt=attempt,
        kind=origin["kind"],
        content_type=file.content_type,
        width=file.width,
        height=file.height,
        bytes=len(file.data),
        sha256=file.sha256,
        filename=readable_name(origin["prompt"], asset_id, extension, fallback=_NAMELESS[origin["kind"]]),
        storage_key=base + extension,
        thumbnail_key=thumbnail_key(base),
        placeholder=file.placeholder,
        hue=file.hue,
        duration_seconds=file.duration_seconds if isinstance(file, Clip) else None,
        fingerprint=file.fingerprint,
    )
    if row is None:
        raise Conflict("This attempt has published already.")
    return StagedFile.from_row(row)


async def store(tx: Transaction, asset_id: str) -> None:
    """Shows a staged asset, whose bytes are stored by now. Conflict where the sweeper has taken it as abandoned."""
    if not await store_if_staged(tx, asset_id):
        raise Conflict("This file was given up.")


async def store_if_staged(tx: Transaction, asset_id: str) -> bool:
    """Shows an asset where it is staged, and says whether it was."""
    user_id = await tx.fetch_value("assets.store", asset_id=asset_id)
    if user_id is not None:
        announce_changes(tx, [user_id])
    return user_id is not None


def announce_changes(tx: Transaction, user_ids: Iterable[str]) -> None:
    """Tells the open galleries of these users to look again."""
    for user_id in set(user_ids):
        tx.announce(user_channel(user_id), PicturesChanged(user_id=user_id))


async def find(tx: Transaction, asset_id: str) -> Asset:
    """One file as people see it; NotFound where it does not exist or the user may not see it."""
    return Asset.from_row(await _find(tx, asset_id))


async def newest_hue(tx: Transaction, session_id: str) -> int | None:
    """The hue (OKLCH, 0–359) of the session's newest file that is not grey."""
    hue: int | None = await tx.fetch_value("assets.newest_hue", session_id=session_id)
    return hue


async def find_file(tx: Transaction, asset_id: str) -> StoredFile:
    """One file as it is served; NotFound where it does not exist or the user may not see it."""
    return StoredFile.from_row(await _find(tx, asset_id))


async def find_signed_file(tx: Transaction, asset_id: str, credential_id: str | None) -> StoredFile:
    """One file for an address signed by this transaction's user.

    NotFound, as well, where the signer's account is closed, or the sign-in or API token by which it was signed has ended.
    """
    row = await tx.fetch_one("assets.find_for_signer", asset_id=asset_id, credential_id=credential_id)
    if row is None:
        raise NotFound
    return StoredFile.from_row(row)


async def storage_key(tx: Transaction, asset_id: str) -> str:
    """The key under which a file is stored."""
    key: str = (await _find(tx, asset_id))["storage_key"]
    return key


async def origin(tx: Transaction, asset_id: str) -> FileOrigin:
    """How a stored file was made; NotFound where it is gone. Needs the worker role."""
    row = await tx.fetch_one("assets.provenance", asset_id=asset_id)
    if row is None:
        raise NotFound
    return FileOrigin.from_row(row)


async def favorite(tx: Transaction, asset_id: str, on: bool) -> None:
    """Makes a file the user's favourite, or no longer; NotFound where it does not exist or the user may not see it."""
    await _find(tx, asset_id)
    await favorites.mark(tx, [asset_id], on)


async def find_for_operator(tx: Transaction, asset_id: str) -> StoredFile:
    """One file also while it is hidden; NotFound where it is gone. Needs the worker role."""
    row = await tx.fetch_one("assets.find_hidden_too", asset_id=asset_id)
    if row is None:
        raise NotFound
    return StoredFile.from_row(row)


async def is_stored(tx: Transaction, asset_id: str) -> bool:
    """Whether a file is there for people to see. Needs the worker role."""
    stored: bool = await tx.fetch_value("assets.is_stored", asset_id=asset_id)
    return stored


async def hide(tx: Transaction, asset_id: str) -> None:
    """Takes a file away from everybody, with its places and marks, until `unhide`. Conflict where it is not shown.

    Needs the worker role, as all of these.
    """
    rows = await tx.fetch_all("assets.hide", asset_id=asset_id, hidden_with=None)
    if not rows:
        raise Conflict("This is hidden already, or was deleted meanwhile.")
    announce_files(tx, rows)


async def unhide(tx: Transaction, asset_id: str) -> None:
    """Shows a hidden file again where it was. Conflict where it is not hidden."""
    rows = await tx.fetch_all("assets.unhide", asset_id=asset_id)
    if not rows:
        raise Conflict("This is not hidden, or was deleted meanwhile.")
    announce_files(tx, rows)


async def hide_of_message(tx: Transaction, message_id: str) -> list[str]:
    """Hides the files of a message with it; the ids of their generations."""
    rows = await tx.fetch_all("assets.hide_of_message", message_id=message_id)
    announce_files(tx, rows)
    return [row["generation_id"] for row in rows]


async def unhide_of_message(tx: Transaction, message_id: str) -> list[str]:
    """Shows the files again that were hidden with a message; the ids of their generations."""
    rows = await tx.fetch_all("assets.unhide_with", message_id=message_id)
    announce_files(tx, rows)
    return [row["generation_id"] for row in rows]


async def delete_of_generations(tx: Transaction, generation_ids: Sequence[str]) -> None:
    """Hands the files of these generations to the sweeper. Needs the worker role."""
    announce_files(tx, await tx.fetch_all("assets.delete_of_generations", generation_ids=list(generation_ids)))


async def delete_of_session(tx: Transaction, session_id: str) -> None:
    """Hands the files of a session to the sweeper. Needs the worker role."""
    announce_files(tx, await tx.fetch_all("assets.delete_of_session", session_id=session_id))


async def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Hands a user's files, and all files in the user's sessions, to the sweeper, and removes the user's favourites.

    Needs the worker role.
    """
    await favorites.remove_of_user(tx, user_id)
    announce_files(tx, await tx.fetch_all("assets.delete_of_user", user_id=user_id))


def announce_files(tx: Transaction, files: Sequence[Row]) -> None:
    """Announces that these files have come or gone, to whom they belong and whose favourites they are.

    Each row has `user_id` and `marked_by`, the ids of those who marked it.
    """
    announce_changes(tx, (user_id for row in files for user_id in (row["user_id"], *row["marked_by"])))


async def _find(tx: Transaction, asset_id: str) -> Row:
    row = await tx.fetch_one("assets.find", asset_id=asset_id)
    if row is None:
        raise NotFound
    return row
