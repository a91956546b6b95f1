"""Copies all files to another store (`chatserver storage copy`): from a folder to S3, or back.

May be interrupted and repeated: objects that the target has in the same size are skipped. Files never change under
their key, so that the same size means the same file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from chatserver.assets.keys import content_type_of, folder_above, is_ours
from chatserver.assets.sweeper import batched
from chatserver.storage.base import Storage, StoredObject

# Objects copied at once; each is held in memory whole.
CONCURRENCY = 4


class MigrationReport(Struct):
    """Counts of the source's objects: copied, present in the target before, and foreign, which are not copied."""

    copied: int = 0
    present: int = 0
    foreign: int = 0
    bytes: int = 0


class SourceContents(Struct):
    """Counts of a source's objects before they are copied, and the folder in it where this product's files lie instead."""

    ours: int = 0
    foreign: int = 0
    folder: str = ""


async def survey(source: Storage) -> SourceContents:
    """What a source holds: nothing of the product's where its address is wrong."""
    found = SourceContents()
    async for each in source.walk():
        if is_ours(each.key):
            found.ours += 1
        else:
            found.foreign += 1
            found.folder = found.folder or folder_above(each.key)
    return found


async def migrate(
    source: Storage, target: Storage, on_object: Callable[[MigrationReport], None] = lambda _: None
) -> MigrationReport:
    """Copies every file of this product. `on_object` gets the counts so far after each group of objects."""
    report = MigrationReport()
    async for group in batched(_missing(source, target, report), CONCURRENCY):
        sizes = await _copy_group(source, target, group)
        report.copied += len(sizes)
        report.bytes += sum(sizes)
        on_object(report)
    return report


async def _copy_group(source: Storage, target: Storage, group: list[StoredObject]) -> list[int]:
    # All copies end before an error is raised, so that none goes on in the background.
    results = await asyncio.gather(*(_copy_one(source, target, each) for each in group), return_exceptions=True)
    sizes = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        sizes.append(result)
    return sizes


async def _missing(source: Storage, target: Storage, report: MigrationReport) -> AsyncIterator[StoredObject]:
    """The source's objects that the target lacks; both are listed side by side, in the order of keys."""
    there = target.walk()
    head = await anext(there, None)
    async for each in source.walk():
        while head is not None and head.key < each.key:
            head = await anext(there, None)
        if not is_ours(each.key):
            report.foreign += 1
        elif head is not None and (head.key, head.size) == (each.key, each.size):
            report.present += 1
        else:
            yield each


async def _copy_one(source: Storage, target: Storage, each: StoredObject) -> int:
    try:
        data = await source.get(each.key)
    except KeyError:
        return 0  # deleted since it was listed
    await target.put(each.key, data, content_type_of(each.key))
    return len(data)
