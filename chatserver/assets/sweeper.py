"""The sweeper of the file store: removes deleted files, staged rows that were abandoned, and objects without a row.

Several processes may sweep at once, as every step may be repeated. A row is marked first, then its objects are deleted,
then the row; after a crash in between the next sweep goes on. An object without a row is deleted only where its key has the
form of this product's keys, and it is too old for a row to be about to name it.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

import structlog

from chatserver.assets.keys import all_keys, is_ours, possible_rows
from chatserver.assets.models import StagedFile, SweepReport
from chatserver.database import Database, Transaction
from chatserver.errors import Busy, StorageError
from chatserver.runtime import clock
from chatserver.storage.base import Storage, StoredObject

T = TypeVar("T")

# Longer than any attempt: the longest deadline of a generation is an hour, and files are staged near its end.
GRACE_SECONDS = 3600.0
# Rows or objects in one transaction.
BATCH = 200
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
                log.info("storage.swept", **_counts(await sweep(self._database, self._storage)))
            else:
                await sweep_rows(self._database, self._storage)
        except (Busy, StorageError) as error:
            log.warning("storage.sweep_failed", code=error.code)
        except Exception:
            log.exception("storage.sweep_failed")


def _counts(swept: SweepReport) -> dict[str, int]:
    return {name: getattr(swept, name) for name in swept.__struct_fields__}


async def sweep(database: Database, storage: Storage, *, grace: float = GRACE_SECONDS) -> SweepReport:
    """Removes all unreachable rows and objects; `grace` is the age in seconds from which staged ones count as abandoned."""
    before = clock.now() - timedelta(seconds=grace)
    rows = await sweep_rows(database, storage, grace=grace)
    objects = await _sweep_objects(database, storage, before)
    return SweepReport(rows=rows, objects=objects, unfinished=await storage.remove_unfinished(before))


async def sweep_rows(database: Database, storage: Storage, *, grace: float = GRACE_SECONDS) -> int:
    """Removes deleted and abandoned rows with all of their objects; returns how many."""
    await database.run_system(_abandon, grace)
    removed = 0
    while rows := await database.run_system(_deleted):
        for row in rows:
            for key in all_keys(row.storage_key, row.thumbnail_key):
                await storage.delete(key)
        await database.run_system(_remove, [row.id for row in rows])
        removed += len(rows)
    return removed


async def _abandon(tx: Transaction, older_than: float) -> None:
    await tx.execute("assets.abandon", older_than=older_than)


async def _deleted(tx: Transaction) -> list[StagedFile]:
    return [StagedFile.from_row(row) for row in await tx.fetch_all("assets.deleted", limit=BATCH)]


async def _remove(tx: Transaction, asset_ids: list[str]) -> None:
    await tx.execute("assets.remove", asset_ids=asset_ids)


async def _sweep_objects(database: Database, storage: Storage, before: datetime) -> int:
    removed = 0
    async for batch in batched(storage.walk(), BATCH):
        old = [each for each in batch if each.modified < before and is_ours(each.key)]
        for orphan in await orphans(database, old):
            await storage.delete(orphan.key)
            removed += 1
    return removed


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
