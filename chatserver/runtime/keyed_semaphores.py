"""A semaphore for each key, such as a user's id or a file's name, kept while somebody holds it or waits."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFull(Exception):
    """Too many hold the semaphore of one key, or wait for it, already."""


class KeyedSemaphores:
    """At most `at_once` hold the semaphore of a key; others wait in the order in which they came.

    `most` bounds those who hold one and wait together; None leaves that to the callers.
    """

    def __init__(self, at_once: int, most: int | None = None) -> None:
        self._at_once, self._most = at_once, most
        self._semaphores: dict[str, asyncio.Semaphore] = {}
        self._here: Counter[str] = Counter()

    def is_full(self, key: str) -> bool:
        """Whether whoever comes now has to wait."""
        return self._here.get(key, 0) >= self._at_once

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        """Holds the semaphore of a key. Raises QueueFull."""
        if self._most is not None and self._here[key] >= self._most:
            raise QueueFull
        self._here[key] += 1
        try:
            async with self._semaphores.setdefault(key, asyncio.Semaphore(self._at_once)):
                yield
        finally:
            self._here[key] -= 1
            if not self._here[key]:
                del self._here[key], self._semaphores[key]
