"""Files in a folder: the default storage, for one machine or a shared file system.

A file is written under a temporary name, fsynced, renamed, and its folder fsynced: a crash leaves the old file or the new
one, never a part. All of it runs in a thread pool of its own, so that a slow disk delays neither the event loop nor name
resolution (which uses the default pool).
"""

import asyncio
import contextlib
import errno
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from chatserver import ids
from chatserver.errors import ConfigurationError, StorageError
from chatserver.storage.base import StoredObject
from chatserver.storage.keys import check_folder, check_key

P = ParamSpec("P")
T = TypeVar("T")

# The timeout of one call, for a disk that hangs (a lost network mount); the largest clip takes a tenth of it.
DEADLINE_SECONDS = 30.0
PIECE_BYTES = 256 * 1024
# Threads of the pool: more would only make a disk seek.
THREADS = 8
# The folder of unfinished files. Keys never begin with a dot, so none can name it.
INCOMING = ".incoming"
# Attempts of a rename: a concurrent delete may remove the folder between our mkdir and our rename.
RENAME_ATTEMPTS = 5

log = structlog.get_logger(__name__)


class FolderStorage:
    """Objects as files below `root`. Safe for any number of processes at once."""

    def __init__(self, root: Path, *, deadline: float = DEADLINE_SECONDS) -> None:
        self.root = root.absolute()
        self._incoming = self.root / INCOMING
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="storage")

    async def create(self) -> list[str]:
        """Creates the folder where it is missing; returns its path. Raises ConfigurationError."""
        try:
            await self._in_thread(_make_folders, self._incoming)
        except OSError as error:
            raise ConfigurationError(f"The folder {self.root} cannot be written: {error.strerror}.") from None
        return [str(self.root)]

    async def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002 - a file has no type
        """Stores `data` under `key`, complete and on the disk, or raises StorageError."""
        await self._guarded(_write, self._incoming, self._path(key), data)

    async def get(self, key: str) -> bytes:
        """The whole object; KeyError where there is none."""
        return await self._guarded(_read_all, self._path(key), key)

    async def read(self, key: str, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """`length` bytes from `start`, in pieces; KeyError where there is none."""
        with await self._guarded(_open, self._path(key), key) as file:
            position, end = start, start + length
            while position < end:
                piece = await self._guarded(os.pread, file.fileno(), min(PIECE_BYTES, end - position), position)
                if not piece:
                    return
                yield piece
                position += len(piece)

    async def stat(self, key: str) -> StoredObject | None:
        """Size and time of an object, or None."""
        return await self._guarded(_stat, self._path(key), key)

    async def delete(self, key: str) -> None:
        """Removes an object, and the folders that it leaves empty."""
        await self._guarded(_delete, self.root, self._path(key))

    async def walk(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object below `prefix`, in the order of keys; one folder is read at a time."""
        waiting = [check_folder(prefix)]
        while waiting:
            name = waiting.pop()
            if name and not name.endswith("/"):
                found = await self._guarded(_stat, self.root / name, name)
                if found is not None:
                    yield found
            else:
                waiting += await self._guarded(_names, self.root / name, name)

    async def presign(self, key: str, *, content_type: str, disposition: str, seconds: int) -> str | None:  # noqa: ARG002
        """None: this server serves the files of a folder."""
        check_key(key)
        return None

    async def remove_unfinished(self, before: datetime) -> int:
        """Removes the files that killed puts left in the folder of unfinished files."""
        return await self._guarded(_remove_unfinished, self._incoming, before.timestamp())

    async def check(self) -> None:
        """Writes, reads and removes a probe."""
        key = f"probe/{ids.new()}"
        await self.put(key, b"probe", "text/plain")
        if await self.get(key) != b"probe":
            raise StorageError
        await self.delete(key)

    async def close(self) -> None:
        """Ends the thread pool."""
        self._threads.shutdown(wait=False)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    async def _guarded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await self._in_thread(work, *args, **kwargs)
        except TimeoutError as error:
            raise StorageError("The file store did not answer in time.") from error
        except OSError as error:
            raise _storage_error(error) from error

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with asyncio.timeout(self._deadline):
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))


def _storage_error(error: OSError) -> StorageError:
    log.error("storage.failed", error=errno.errorcode.get(error.errno or 0, "OSError"))
    cause = f"The system says: {error.strerror}."
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError("The file store is full.", cause=cause, mend="Free some of the disk, or move STORAGE_URL.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        mend = "Let the account that chatserver runs as write there."
        return StorageError("The file store may not be written by this server.", cause=cause, mend=mend)
    return StorageError(cause=cause)


# Run in the thread pool -----------------------------------------------------------------------------------------------


def _write(incoming: Path, path: Path, data: bytes) -> None:
    _make_folders(incoming)
    unfinished = incoming / ids.new()
    try:
        with open(unfinished, "xb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _rename(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _rename(unfinished: Path, path: Path) -> None:
    for attempt in range(1, RENAME_ATTEMPTS + 1):
        try:
            _make_folders(path.parent)
            os.replace(unfinished, path)
        except FileNotFoundError:
            if attempt == RENAME_ATTEMPTS:
                raise
        else:
            return


def _make_folders(path: Path) -> None:
    """Like mkdir -p, but fsyncs the parent of each new folder."""
    if path.is_dir():
        return
    _make_folders(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    # A concurrent delete has removed the empty folder; nothing is left to sync.
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open(path: Path, key: str) -> io.FileIO:
    """The open file: not a number, as one whose reader has left meanwhile must be closed by its last reference."""
    try:
        return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError):
        raise KeyError(key) from None


def _read_all(path: Path, key: str) -> bytes:
    with _open(path, key) as file:
        return file.readall()


def _stat(path: Path, key: str) -> StoredObject | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not os.path.isfile(path):
        return None
    return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _delete(root: Path, path: Path) -> None:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return
    _sync_folder(path.parent)
    for folder in path.parents:
        # Up to the first one that is not empty; root itself stays.
        if folder == root or not _remove_empty(folder):
            return


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _names(folder: Path, name: str) -> list[str]:
    """The names in one folder in descending order, folders with a trailing slash; none where it does not exist."""
    try:
        with os.scandir(folder) as entries:
            found = [name + entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "") for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((each for each in found if not each[len(name) :].startswith(".")), reverse=True)


def _remove_unfinished(incoming: Path, before: float) -> int:
    removed = 0
    for path in incoming.iterdir() if incoming.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed
