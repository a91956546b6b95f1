"""The full compare of rows and bytes (`chatserver storage check`): finds what no sweep may decide.

Works through the store one owner's folder at a time, so that its memory does not grow with the store. What looks wrong
is looked at again before it is told: rows and bytes go on changing meanwhile.
"""

from collections.abc import AsyncIterator, Callable

from chatserver.assets.keys import is_ours, is_probe
from chatserver.assets.models import Comparison
from chatserver.assets.sweeper import orphans
from chatserver.database import Database, Row, Transaction
from chatserver.storage.base import Storage, StoredObject


async def compare(database: Database, storage: Storage, on_object: Callable[[], None] = lambda: None) -> Comparison:
    """Every row without its bytes, bytes without a row, and wrong size. `on_object` is called once for each object."""
    comparison = Comparison()
    owners = set(await database.run_system(_owners))
    async for owner, objects in _by_owner(storage.walk(), on_object):
        await _compare_objects(database, storage, comparison, objects)
        if owner in owners:
            owners.discard(owner)
            await _compare_rows(database, storage, comparison, owner, objects)
    for owner in sorted(owners):
        await _compare_rows(database, storage, comparison, owner, [])
    return comparison


async def _by_owner(
    walk: AsyncIterator[StoredObject], on_object: Callable[[], None]
) -> AsyncIterator[tuple[str, list[StoredObject]]]:
    """Keys come in order, and the owner's folder comes first in them: each folder is one run."""
    owner, objects = "", list[StoredObject]()
    async for each in walk:
        on_object()
        folder = each.key.partition("/")[0]
        if folder != owner and objects:
            yield owner, objects
            objects = []
        owner = folder
        objects.append(each)
    if objects:
        yield owner, objects


async def _compare_objects(
    database: Database, storage: Storage, comparison: Comparison, objects: list[StoredObject]
) -> None:
    comparison.objects += len(objects)
    comparison.foreign += [each.key for each in objects if not is_ours(each.key)]
    kept = [each for each in objects if is_ours(each.key) and not is_probe(each.key)]
    for orphan in await orphans(database, kept):
        if await storage.stat(orphan.key) is not None:
            comparison.orphans.append(orphan.key)


async def _compare_rows(
    database: Database, storage: Storage, comparison: Comparison, owner: str, objects: list[StoredObject]
) -> None:
    sizes = {each.key: each.size for each in objects}
    for row in await database.run_system(_stored_of, owner):
        comparison.rows += 1
        await _compare_row(storage, comparison, row, sizes)


async def _compare_row(storage: Storage, comparison: Comparison, row: Row, sizes: dict[str, int]) -> None:
    for key, wanted in ((row["storage_key"], row["bytes"]), (row["thumbnail_key"], None)):
        size = sizes.get(key)
        if size is None or (wanted is not None and size != wanted):
            found = await storage.stat(key)
            size = found.size if found else None
        if size is None:
            comparison.missing.append(key)
        elif wanted is not None and size != wanted:
            comparison.wrong_sizes.append(key)


async def _owners(tx: Transaction) -> list[str]:
    return [row["user_id"] for row in await tx.fetch_all("assets.owners")]


async def _stored_of(tx: Transaction, owner: str) -> list[Row]:
    return await tx.fetch_all("assets.of_owner", user_id=owner)
