"""The audit of the file store (`chatserver storage check`): compares all rows with all objects.

Works through one owner's folder at a time, so that memory does not grow with the store. Each difference is checked again
before it is reported, as rows and objects change meanwhile.
"""

from collections.abc import AsyncIterator, Callable

from chatserver.assets.keys import is_ours, is_probe
from chatserver.assets.models import AuditReport
from chatserver.assets.sweeper import orphans
from chatserver.database import Database, Row, Transaction
from chatserver.storage.base import Storage, StoredObject


async def audit_store(
    database: Database, storage: Storage, on_object: Callable[[], None] = lambda: None
) -> AuditReport:
    """Reports rows without objects, objects without a row, and wrong sizes. `on_object` is called for each object."""
    report = AuditReport()
    owners = set(await database.run_system(_owners))
    async for owner, objects in _by_owner(storage.walk(), on_object):
        await _compare_objects(database, storage, report, objects)
        if owner in owners:
            owners.discard(owner)
            await _compare_rows(database, storage, report, owner, objects)
    for owner in sorted(owners):
        await _compare_rows(database, storage, report, owner, [])
    return report


async def _by_owner(
    walk: AsyncIterator[StoredObject], on_object: Callable[[], None]
) -> AsyncIterator[tuple[str, list[StoredObject]]]:
    """The objects of each owner, in one pass: keys are listed in order and begin with the owner's folder."""
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
    database: Database, storage: Storage, report: AuditReport, objects: list[StoredObject]
) -> None:
    report.objects += len(objects)
    report.foreign += [each.key for each in objects if not is_ours(each.key)]
    kept = [each for each in objects if is_ours(each.key) and not is_probe(each.key)]
    for orphan in await orphans(database, kept):
        if await storage.stat(orphan.key) is not None:
            report.orphans.append(orphan.key)


async def _compare_rows(
    database: Database, storage: Storage, report: AuditReport, owner: str, objects: list[StoredObject]
) -> None:
    sizes = {each.key: each.size for each in objects}
    for row in await database.run_system(_stored_files_of, owner):
        report.rows += 1
        await _compare_row(storage, report, row, sizes)


async def _compare_row(storage: Storage, report: AuditReport, row: Row, sizes: dict[str, int]) -> None:
    for key, wanted in ((row["storage_key"], row["bytes"]), (row["thumbnail_key"], None)):
        size = sizes.get(key)
        if size is None or (wanted is not None and size != wanted):
            found = await storage.stat(key)
            size = found.size if found else None
        if size is None:
            report.missing.append(key)
        elif wanted is not None and size != wanted:
            report.wrong_sizes.append(key)


async def _owners(tx: Transaction) -> list[str]:
    return [row["user_id"] for row in await tx.fetch_all("assets.owners")]


async def _stored_files_of(tx: Transaction, owner: str) -> list[Row]:
    return await tx.fetch_all("assets.of_owner", user_id=owner)
