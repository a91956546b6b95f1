"""Files that the store has lost, as a comparison of rows and files has found them: marked as lost, and shown again where
they are back from a backup."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from chatserver import audit
from chatserver.assets.keys import EXTENSIONS, base_of
from chatserver.audit import Actor
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotFound
from chatserver.generations import withholding

# What stands in the place of the picture.
REASON = "its file was lost from the store. It comes back if it is found in a backup."


class LostFile(Struct, frozen=True, kw_only=True):
    """A file of which the store misses something. `hidden`: by a decision of an operator, or an upload marked as lost."""

    asset_id: str
    user_id: str
    keys: tuple[str, str]
    state: Literal["stored", "lost", "hidden"]

    @classmethod
    def from_row(cls, row: Row) -> "LostFile":
        hidden: Literal["lost", "hidden"] = "lost" if row["withheld"] == REASON else "hidden"
        return cls(
            asset_id=row["id"],
            user_id=row["user_id"],
            keys=(row["storage_key"], row["thumbnail_key"]),
            state="stored" if row["status"] == "stored" else hidden,
        )


async def of_keys(tx: Transaction, keys: Sequence[str]) -> dict[str, LostFile]:
    """The files to which these keys, of files or thumbnails, belong; those that are gone are left out."""
    candidates = [base_of(key) + extension for key in keys for extension in EXTENSIONS.values()]
    rows = await tx.fetch_all("admin.files_of_keys", keys=candidates)
    return {key: each for row in rows for each in (LostFile.from_row(row),) for key in each.keys}


async def find(tx: Transaction, asset_id: str) -> LostFile:
    """One file; NotFound where it is gone."""
    row = await tx.fetch_one("admin.file", id=asset_id)
    if row is None:
        raise NotFound
    return LostFile.from_row(row)


async def mark(tx: Transaction, actor: Actor, asset_id: str) -> None:
    """Takes a picture or clip without a file from all pages; its place says why. Conflict where it is hidden already."""
    file = await find(tx, asset_id)
    await withholding.hide_file(tx, asset_id, REASON)
    await audit.record(tx, actor, "file.marked_lost", "asset", asset_id, subject_id=file.user_id)


async def show_again(tx: Transaction, actor: Actor, asset_id: str) -> None:
    """Shows a file that was marked as lost. Conflict for one that was not, such as what a decision has hidden."""
    file = await find(tx, asset_id)
    if file.state != "lost":
        raise Conflict("That file was not marked as lost.")
    await withholding.show_file(tx, asset_id)
    await audit.record(tx, actor, "file.shown_again", "asset", asset_id, subject_id=file.user_id)
