"""What goes into an archive."""

from msgspec import Struct


class ArchiveFile(Struct, frozen=True):
    """A stored file: its name in the archive, its storage key, and its size in bytes as its row has it."""

    name: str
    key: str
    size: int
