"""Gives a fingerprint to files from before there were fingerprints: from their thumbnails, a bounded number a minute.

Every worker does so. Each step may be repeated, and two workers at the same file write the same.
"""

import asyncio
from typing import NoReturn

import structlog

from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadBytes, Busy, StorageError
from chatserver.imaging.processor import ImageProcessor
from chatserver.storage.base import Storage

# About three seconds of work a minute; 100,000 files take eight hours.
BATCH = 200
ROUND_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Fingerprinter:
    """Runs until it is cancelled."""

    def __init__(self, database: Database, storage: Storage, pictures: ImageProcessor) -> None:
        self._database, self._storage, self._pictures = database, storage, pictures

    async def run(self) -> NoReturn:
        """One batch a minute. Errors are logged, and the files tried again."""
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            try:
                if done := await fill(self._database, self._storage, self._pictures):
                    log.info("fingerprints.filled", files=done)
            except (Busy, StorageError) as error:
                log.warning("fingerprints.failed", code=error.code)


async def fill(database: Database, storage: Storage, pictures: ImageProcessor) -> int:
    """Gives at most BATCH files their fingerprint; returns how many. A thumbnail that cannot be read counts as plain."""
    rows = await database.run_system(_without)
    for row in rows:
        found = await _fingerprint(storage, pictures, row["thumbnail_key"])
        await database.run_system(_set, row["id"], found)
    return len(rows)


async def _fingerprint(storage: Storage, pictures: ImageProcessor, key: str) -> str | None:
    try:
        return (await pictures.inspect(await storage.get(key))).fingerprint
    except (KeyError, BadBytes):
        return None


async def _without(tx: Transaction) -> list[Row]:
    return await tx.fetch_all("assets.without_fingerprint", limit=BATCH)


async def _set(tx: Transaction, asset_id: str, fingerprint: str | None) -> None:
    await tx.execute("assets.set_fingerprint", asset_id=asset_id, fingerprint=fingerprint)
