"""The interface of every storage backend. Keys are made by this server only, such as `<user>/<generation>/<attempt>.png`.

A `put` is all or nothing and durable when it returns; putting the same key again replaces it. No call outlives its
deadline. A key that could leave the store (`..`, empty parts, control characters) raises ValueError before any I/O.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class StoredObject(Struct, frozen=True):
    """One kept object: its key, its size in bytes and when it was written (UTC)."""

    key: str
    size: int
    modified: datetime


class Storage(Protocol):
    """A folder or a bucket."""

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Stores `data` under `key`. Raises StorageError."""

    async def get(self, key: str) -> bytes:
        """The whole object; KeyError where there is none."""

    def read(self, key: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """`length` bytes from `start` in pieces of at most 256 KiB; KeyError where there is none. Close it."""

    async def stat(self, key: str) -> StoredObject | None:
        """Size and time of an object, or None."""

    async def delete(self, key: str) -> None:
        """Removes an object; no error where there is none."""

    def walk(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object below `prefix`, in the order of keys."""

    async def presign(self, key: str, *, content_type: str, disposition: str, seconds: int) -> str | None:
        """A URL that serves the object directly for `seconds`, or None where this server has to serve it."""

    async def remove_unfinished(self, before: datetime) -> int:
        """Removes the remains of unfinished puts that began before this time; returns how many."""

    async def create(self) -> list[str]:
        """Creates the folder or the buckets where they are missing; returns the names of all."""

    async def check(self) -> None:
        """Writes, reads and removes a probe. Raises StorageError. For /readyz and the doctor."""

    async def close(self) -> None:
        """Closes connections and threads. Called once, at the end."""
