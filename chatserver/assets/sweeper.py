"""The sweeper of the file store: removes deleted files, staged rows that were abandoned, and objects without a row.

Several processes may sweep at once, as every step may be repeated. A row is marked first, then its objects are deleted,
then the row; after a crash in between the next sweep goes on. An object without a row is deleted only where its key has the
form of this product's keys, and it is too old for a row to be about to name it; and only while such objects are few. Where
they are much of the store, the database is not the one that the store belongs to, and nothing of it is removed.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

import structlog

from chatserver.assets.keys import all_keys, is_ours, is_probe, possible_rows
from chatserver.assets.models import StagedFile, SweepReport
from chatserver.database import Database, Transaction
from chatserver.errors import Busy, StorageError
from chatserver.runtime import clock
from chatserver.storage.base import Storage, StoredObject

T = TypeVar("T")

# Longer than any attempt: the longest deadline of a generation is an hour, and files are staged near its end.
GRACE_SECONDS = 3600.0
# Crashes leave a few objects without a row. More than so many, and more than this share of the store, are those of another
# database: DATABASE_URL is wrong or missing, or an older backup was restored.
FEW_ORPHANS = 8
LARGEST_SHARE = 0.1
# Objects removed in one sweep at most; the next one goes on.
MOST_REMOVED = 10_000
# Rows or objects in one transaction.
BATCH = 200
# Files of one round whose objects cannot be deleted, before the store counts as away.
MOST_FAILED = 10
# The intervals of removing deleted files, and of the sweep of the whole store.
ROWS_SECONDS = 60.0
SWEEP_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps until it is cancelled. One in a deployment is enough; more do no harm."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage

    async def run(self) -> NoReturn:
        """Removes deleted files every minute and sweeps the whole store every hour. Errors are logged and retried."""
        next_sweep = random.uniform(0.1, 1) * SWEEP_SECONDS  # noqa: S311 - many nodes do not begin together
        elapsed = 0.0
        while True:
            await asyncio.sleep(ROWS_SECONDS)
            elapsed += ROWS_SECONDS
            whole = elapsed >= next_sweep
            next_sweep += SWEEP_SECONDS if whole else 0
            await self._sweep_once(whole)

    async def _sweep_once(self, whole: bool) -> None:
        try:
            if whole:
                _log(await sweep(self._database, self._storage))
            else:
                await sweep_rows(self._database, self._storage)
        except (Busy, StorageError) as error:
            log.warning("storage.sweep_failed", code=error.code)
        except Exception:
            log.exception("storage.sweep_failed")


def _log(swept: SweepReport) -> None:
    log.info("storage.swept", **{name: getattr(swept, name) for name in swept.__struct_fields__})
    if swept.kept:
        log.error("storage.of_another_database", objects=swept.kept)


async def sweep(
    database: Database, storage: Storage, *, grace: float = GRACE_SECONDS, however_many: bool = False
) -> SweepReport:
    """Removes all unreachable rows and objects; `grace` is the age in seconds from which staged ones count as abandoned.

    Objects without a row are kept where they are too much of the store, but for `however_many`.
    """
    before = clock.now() - timedelta(seconds=grace)
    rows = await sweep_rows(database, storage, grace=grace)
    removable, count, total = await _removable(database, storage, before)
    kept = 0 if however_many or count <= max(FEW_ORPHANS, LARGEST_SHARE * total) else count
    for orphan in [] if kept else removable:
        await storage.delete(orphan.key)
    return SweepReport(
        rows=rows,
        objects=0 if kept else len(removable),
        kept=kept,
        unfinished=await storage.remove_unfinished(before),
    )


async def sweep_rows(database: Database, storage: Storage, *, grace: float = GRACE_SECONDS) -> int:
    """Removes deleted and abandoned rows with all of their objects; returns how many.

    Raises StorageError where the objects of MOST_FAILED files cannot be deleted.
    """
    await database.run_system(_abandon, grace)
    removed, failed = 0, list[str]()
    while rows := await database.run_system(_deleted, failed):
        gone = []
        for row in rows:
            if await _delete_objects(storage, row, is_last_try=len(failed) + 1 == MOST_FAILED):
                gone.append(row.id)
            else:
                failed.append(row.id)
        await database.run_system(_remove, gone)
        removed += len(gone)
    return removed


async def _delete_objects(storage: Storage, row: StagedFile, *, is_last_try: bool) -> bool:
    """Whether all objects of a file are gone. One that stays is left for the next round, and holds up no other."""
    try:
        for key in all_keys(row.storage_key, row.thumbnail_key):
            await storage.delete(key)
    except ValueError:
        # A row that was written by hand: nothing can be stored under what is no key.
        log.warning("storage.invalid_key", asset_id=row.id)
    except StorageError as error:
        if is_last_try:
            raise
        log.warning("storage.file_not_deleted", asset_id=row.id, cause=error.cause)
        return False
    return True


async def _abandon(tx: Transaction, older_than: float) -> None:
    await tx.execute("assets.abandon", older_than=older_than)


async def _deleted(tx: Transaction, failed: list[str]) -> list[StagedFile]:
    rows = await tx.fetch_all("assets.deleted", failed=failed, limit=BATCH)
    return [StagedFile.from_row(row) for row in rows]


async def _remove(tx: Transaction, asset_ids: list[str]) -> None:
    await tx.execute("assets.remove", asset_ids=asset_ids)


async def _removable(database: Database, storage: Storage, before: datetime) -> tuple[list[StoredObject], int, int]:
    """Old objects without a row, at most MOST_REMOVED; how many there are, and of how many objects of this product."""
    removable, count, total = list[StoredObject](), 0, 0
    async for batch in batched(storage.walk(), BATCH):
        ours = [each for each in batch if is_ours(each.key)]
        found = await orphans(database, [each for each in ours if each.modified < before])
        removable += found[: MOST_REMOVED - len(removable)]
        # What interrupted checks of the store left says nothing of whose it is.
        count += sum(not is_probe(each.key) for each in found)
        total += len(ours)
    return removable, count, total


async def orphans(database: Database, objects: list[StoredObject]) -> list[StoredObject]:
    """Those of these objects that no row names, whatever its status."""
    found = []
    for start in range(0, len(objects), BATCH):
        some = objects[start : start + BATCH]
        known = await database.run_system(_known, [key for each in some for key in possible_rows(each.key)])
        found += [each for each in some if known.isdisjoint(possible_rows(each.key))]
    return found


async def _known(tx: Transaction, keys: list[str]) -> set[str]:
    return {row["storage_key"] for row in await tx.fetch_all("assets.known", keys=keys)}


async def batched(items: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    """Lists of at most `size` items."""
    batch: list[T] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
