"""Moves a store to another (`chatserver storage copy`): a folder to S3, and back.

May be stopped and started again: what is there already, in the same size, is passed over. Files of ours never change
under their key, so that the same size means the same file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from chatserver.assets.keys import content_type_of, is_ours
from chatserver.assets.sweeper import batched
from chatserver.storage.base import Storage, StoredObject

# Objects on their way at once; each is held in memory whole.
AT_ONCE = 4


class Copied(Struct):
    """What became of the source's objects; foreign ones are left where they are."""

    copied: int = 0
    present: int = 0
    foreign: int = 0
    bytes: int = 0


async def copy(source: Storage, target: Storage, on_object: Callable[[Copied], None] = lambda _: None) -> Copied:
    """Copies every file of ours. `on_object` is told the state after each group of objects."""
    so_far = Copied()
    async for group in batched(_missing(source, target, so_far), AT_ONCE):
        sizes = await _copy_group(source, target, group)
        so_far.copied += len(sizes)
        so_far.bytes += sum(sizes)
        on_object(so_far)
    return so_far


async def _copy_group(source: Storage, target: Storage, group: list[StoredObject]) -> list[int]:
    # All end before an error is told, so that nothing goes on behind it.
    results = await asyncio.gather(*(_copy_one(source, target, each) for each in group), return_exceptions=True)
    sizes = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        sizes.append(result)
    return sizes


async def _missing(source: Storage, target: Storage, so_far: Copied) -> AsyncIterator[StoredObject]:
    """The source's objects that the target lacks. Both are walked side by side, in the order of keys."""
    there = target.walk()
    head = await anext(there, None)
    async for each in source.walk():
        while head is not None and head.key < each.key:
            head = await anext(there, None)
        if not is_ours(each.key):
            so_far.foreign += 1
        elif head is not None and (head.key, head.size) == (each.key, each.size):
            so_far.present += 1
        else:
            yield each


async def _copy_one(source: Storage, target: Storage, each: StoredObject) -> int:
    try:
        data = await source.get(each.key)
    except KeyError:
        return 0  # deleted since it was listed
    await target.put(each.key, data, content_type_of(each.key))
    return len(data)
