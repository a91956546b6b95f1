"""A zip of stored files as an asynchronous stream: its size is known before the first byte, and it costs the memory of one
piece, whatever is in it.

Nothing is compressed: pictures and clips are. `zipstream` writes the format and asks synchronously for the bytes of each
file; a piece that was read asynchronously is laid before it for each step.

What the store has not is no reason to break the archive. Files that are missing at the start are named in `missing.txt`
inside. Each other file is opened before its entry begins: in the place of one that is gone by then, or that the receiver may
not have any more, there is a text named after it, as long as was announced.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing

import structlog
import zipstream

from chatserver.archives.models import ArchiveFile
from chatserver.errors import StorageError
from chatserver.storage.base import Storage

# Files of one archive: about as many as a form of ids holds, and what a reader of zips opens at once.
MOST_FILES = 5_000
# Seconds that one archive may take: 20 GB at 10 Mbit/s.
MOST_SECONDS = 16_000.0
# Questions to the store at once, whether it has a file.
_STATS_AT_ONCE = 16
# How often a file is read on where the store failed in the middle of it.
_RETRIES = 2
# Blank lines of one piece.
_BLANK_BYTES = 64 * 1024
_MISSING = "missing.txt"
# What the name of a lost file is followed by, in its header and in the archive's directory.
_LOST = ".missing.txt"

# Asked before each piece of a file, by its storage key: whether the receiver may still have it.
IsAllowed = Callable[[str], Awaitable[bool]]

log = structlog.get_logger(__name__)


async def open_archive(storage: Storage, files: Sequence[ArchiveFile]) -> "Archive":
    """An archive of those of at most MOST_FILES files that the store has, under names that differ. Raises StorageError."""
    assert len(files) <= MOST_FILES
    semaphore = asyncio.Semaphore(_STATS_AT_ONCE)

    async def size_of(file: ArchiveFile) -> int | None:
        async with semaphore:
            stored = await storage.stat(file.key)
        return None if stored is None else stored.size

    sizes = await asyncio.gather(*(size_of(file) for file in files))
    present = [
        ArchiveFile(file.name, file.key, size) for file, size in zip(files, sizes, strict=True) if size is not None
    ]
    missing = [file.name for file, size in zip(files, sizes, strict=True) if size is None]
    return Archive(storage, _renamed(present), missing)


def _renamed(files: Sequence[ArchiveFile]) -> list[ArchiveFile]:
    """The files under names of which no two are alike on any system: `boat.png`, `boat-2.png`."""
    taken, renamed = {_MISSING}, []
    for file in files:
        stem, dot, extension = file.name.rpartition(".") if "." in file.name else (file.name, "", "")
        name, number = file.name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}{dot}{extension}"
        taken.add(name.casefold())
        renamed.append(ArchiveFile(name, file.key, file.size))
    return renamed


class Archive:
    """A zip to be sent once. `size` is its length in bytes; `missing` are the names of the files that the store has not."""

    def __init__(self, storage: Storage, files: Sequence[ArchiveFile], missing: Sequence[str]) -> None:
        self._storage, self._files = storage, files
        self._piece = b""
        self.missing = missing
        self._missing_text = "\n".join(["These files are missing from the file store:", "", *missing, ""])
        self.size = self._planned_size()

    def _planned_size(self) -> int:
        plan = zipstream.ZipStream(sized=True)
        for file in self._files:
            plan.add((), file.name, size=file.size)
        if self.missing:
            plan.add(self._missing_text, _MISSING)
        return len(plan)

    async def chunks(self, is_allowed: IsAllowed | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes of the archive.

        Raises StorageError where the store fails, loses a file in the middle of it, or it is not allowed any more: the
        receiver has fewer bytes than were announced, and knows it.
        """
        archive = zipstream.ZipStream(sized=True)
        async with asyncio.timeout(MOST_SECONDS):
            for file in self._files:
                async with aclosing(self._entry(archive, file, is_allowed)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            if self.missing:
                archive.add(self._missing_text, _MISSING)
            for rest in archive.finalize():
                yield rest

    async def _entry(
        self, archive: zipstream.ZipStream, file: ArchiveFile, is_allowed: IsAllowed | None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of one entry: the file, or a text in its place."""
        async with aclosing(self._allowed_pieces(file, is_allowed)) as pieces:
            try:
                first = await anext(pieces, b"")
            except _Lost:
                log.warning("archive.file_lost", key=file.key)
                size, notice = _notice_of(file)
                archive.add(notice, f"{file.name}{_LOST}", size=size)
                for chunk in archive.file():
                    yield chunk
                return
            archive.add(self._pieces_of(file), file.name, size=file.size)
            entry = archive.file()
            yield next(entry)  # its header
            self._piece = first
            while self._piece:
                yield next(entry)
                self._piece = await anext(pieces, b"")
            for rest in entry:
                yield rest

    def _pieces_of(self, file: ArchiveFile) -> Iterator[bytes]:
        """The bytes of a file as `zipstream` asks for them: what lies there, until `file.size` of them were given."""
        left = file.size
        while left:
            piece, self._piece = self._piece, b""
            assert piece, "the archive was read before its piece lay there"
            left -= len(piece)
            yield piece

    async def _allowed_pieces(self, file: ArchiveFile, is_allowed: IsAllowed | None) -> AsyncGenerator[bytes, None]:
        """The pieces of a file while it is allowed. Raises _Lost when it is not, before the piece in question."""
        async with aclosing(self._read(file)) as pieces:
            async for piece in pieces:
                if is_allowed is not None and not await is_allowed(file.key):
                    raise _Lost
                yield piece

    async def _read(self, file: ArchiveFile) -> AsyncGenerator[bytes, None]:
        """Exactly `file.size` bytes of a file; where the store fails it is read on from there. Raises _Lost where the
        store has fewer."""
        position, failures = 0, 0
        while position < file.size:
            try:
                async with aclosing(self._storage.read(file.key, position, file.size - position)) as pieces:
                    async for piece in pieces:
                        position += len(piece)
                        yield piece
            except StorageError as error:
                failures += 1
                log.warning("archive.read_failed", key=file.key, position=position, error=error.code)
                if failures > _RETRIES:
                    raise
            except KeyError:
                raise _Lost from None
            else:
                if position < file.size:
                    raise _Lost


class _Lost(StorageError):
    """The store had the file when the archive began, and has it no more."""

    def __init__(self) -> None:
        super().__init__("A file was removed while it was being packed.")


def _notice_of(file: ArchiveFile) -> tuple[int, Iterator[bytes]]:
    """What stands in the place of a lost file, and its bytes: with its longer name it is as long as was announced, mostly
    blank lines. Raises _Lost where there is no room for it."""
    room = file.size - 2 * len(_LOST)
    text = f"{file.name} was removed while this archive was being made.\n".encode()
    if room < len(text):
        raise _Lost
    return room, _filled(text, room)


def _filled(text: bytes, size: int) -> Iterator[bytes]:
    """A text and then blank lines, `size` bytes in all, in pieces: each is summed on the event loop."""
    yield text
    for start in range(len(text), size, _BLANK_BYTES):
        yield b"\n" * min(_BLANK_BYTES, size - start)
