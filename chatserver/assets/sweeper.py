"""Keeps the store free of what nobody can reach: abandoned rows, deleted files, bytes without a row.

Any process may sweep, and several at once: every step may be repeated. A row is marked first, then its bytes go, then
the row; killed in between, the next sweep goes on. Bytes without a row go only when they are old enough that no row can
be on its way, and only where their key has our own form.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

import structlog

from chatserver.assets.keys import all_keys, is_ours, possible_rows
from chatserver.assets.models import Staged, Swept
from chatserver.database import Database, Transaction
from chatserver.errors import Busy, StorageError
from chatserver.runtime import clock
from chatserver.storage.base import Storage, StoredObject

T = TypeVar("T")

# No attempt lasts as long: the longest deadline of a generation is an hour, and staging comes near its end.
GRACE_SECONDS = 3600.0
# Rows or objects that are looked at in one transaction.
BATCH = 200
# How often deleted files go, and how often the whole store is looked through.
ROWS_SECONDS = 60.0
SWEEP_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class Sweeper:
    """Sweeps until it is cancelled. One in each deployment is enough; more do no harm."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database, self._storage = database, storage

    async def run(self) -> NoReturn:
        """Deleted files within a minute, the whole store once an hour; what fails is tried again the next time."""
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
            log.exception("storage.sweep_broke")


def _counts(swept: Swept) -> dict[str, int]:
    return {name: getattr(swept, name) for name in swept.__struct_fields__}


async def sweep(database: Database, storage: Storage, *, grace: float = GRACE_SECONDS) -> Swept:
    """Removes everything that nobody can reach; `grace` is the age in seconds from which it counts as left behind."""
    before = clock.now() - timedelta(seconds=grace)
    rows = await sweep_rows(database, storage, grace=grace)
    objects = await _sweep_objects(database, storage, before)
    return Swept(rows=rows, objects=objects, unfinished=await storage.remove_unfinished(before))


async def sweep_rows(database: Database, storage: Storage, *, grace: float = GRACE_SECONDS) -> int:
    """Removes deleted and abandoned rows with all of their bytes; how many."""
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


async def _deleted(tx: Transaction) -> list[Staged]:
    return [Staged.from_row(row) for row in await tx.fetch_all("assets.deleted", limit=BATCH)]


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
    """Those of these objects that belong to no row, whatever its status."""
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
