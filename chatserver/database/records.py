"""Rows as objects, and rows that came as JSON."""

from datetime import datetime
from typing import Self

from msgspec import Struct

from chatserver.database.transaction import Row


class Record(Struct, frozen=True, kw_only=True):
    """One row as it was read: each field has the column of its name."""

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The row as an object; columns that are no fields are left out."""
        return cls(**{name: row[name] for name in cls.__struct_fields__})


def with_times(row: Row, *names: str) -> Row:
    """A row that came as JSON, with its moments read; other columns stay as JSON has them."""
    return {**row, **{name: datetime.fromisoformat(row[name]) for name in names if row[name] is not None}}
