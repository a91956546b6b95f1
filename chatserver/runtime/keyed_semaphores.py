"""A semaphore for each key, such as a user's id or a file's name, kept while somebody holds it or waits."""

import asyncio
from types import TracebackType


class QueueFull(Exception):
    """Too many hold the semaphore of one key, or wait for it, already."""


class KeyedSemaphores:
    """At most `at_once` hold the semaphore of a key; others wait in the order in which they came.

    `most` bounds those who hold one and wait together; None leaves that to the callers.
    """

    def __init__(self, at_once: int, most: int | None = None) -> None:
        self.at_once, self.most = at_once, most
        self.kept: dict[str, KeyedSemaphore] = {}

    def is_full(self, key: str) -> bool:
        """Whether whoever comes now has to wait."""
        semaphore = self.kept.get(key)
        return semaphore is not None and semaphore.here >= self.at_once

    def held(self, key: str) -> "KeyedSemaphore":
        """`async with` holds the semaphore of a key. Raises QueueFull."""
        return self.kept.get(key) or KeyedSemaphore(self, key)


class KeyedSemaphore:
    """The semaphore of one key. `here` is the number of those who hold it or wait for it.

    A class and no generator, because it is entered in each unit of work: `contextlib` takes three times as long.
    """

    __slots__ = ("_key", "_owner", "_semaphore", "here")

    def __init__(self, owner: KeyedSemaphores, key: str) -> None:
        self._owner, self._key = owner, key
        self._semaphore = asyncio.Semaphore(owner.at_once)
        self.here = 0

    async def __aenter__(self) -> None:
        if self._owner.most is not None and self.here >= self._owner.most:
            raise QueueFull
        self._owner.kept[self._key] = self
        self.here += 1
        try:
            await self._semaphore.acquire()
        except BaseException:
            self._depart()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._semaphore.release()
        self._depart()

    def _depart(self) -> None:
        self.here -= 1
        if not self.here:
            del self._owner.kept[self._key]
