"""Stored files as the server handles them. As people see one, it is `messages.Asset`."""

from typing import Literal

from msgspec import Struct, field

from chatserver.database import Row


class Staged(Struct, frozen=True):
    """A row whose bytes are about to be put under these keys."""

    id: str
    storage_key: str
    thumbnail_key: str

    @classmethod
    def from_row(cls, row: Row) -> "Staged":
        return cls(row["id"], row["storage_key"], row["thumbnail_key"])


class File(Struct, frozen=True, kw_only=True):
    """What is needed to serve a file's bytes. `bytes` is its size."""

    id: str
    kind: Literal["image", "video"]
    content_type: str
    bytes: int
    sha256: str
    filename: str
    storage_key: str
    thumbnail_key: str

    @classmethod
    def from_row(cls, row: Row) -> "File":
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class Swept(Struct, frozen=True, kw_only=True):
    """What a sweep removed: rows with their bytes, objects without a row, puts that never ended."""

    rows: int = 0
    objects: int = 0
    unfinished: int = 0


class Comparison(Struct, kw_only=True):
    """Rows against bytes, key by key. Foreign objects are not ours and never touched."""

    rows: int = 0
    objects: int = 0
    missing: list[str] = field(default_factory=list)
    wrong_sizes: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every row has its bytes and all bytes have a row."""
        return not (self.missing or self.wrong_sizes or self.orphans)
