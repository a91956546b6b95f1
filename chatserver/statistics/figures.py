"""The operator's figures of a period: what was asked of providers, how it went, and what was sold. Needs the worker role."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from chatserver.database import Row, Transaction

# Models and errors of one table: more are no overview.
MOST_ROWS = 200

Cell = str | int | float | Decimal | datetime | None


class Totals(Struct, frozen=True, kw_only=True):
    """All calls of a period by how they ended, and how many people they were made for.

    `measured` of the `done` ones were kept at the time; of what was made before, only successes are known.
    """

    calls: int
    done: int
    measured: int
    failed: int
    cancelled: int
    lost: int
    people: int

    @property
    def success_rate(self) -> float | None:
        """The share of those that ended by themselves which succeeded, 0–1; None where there were none."""
        ended = self.measured + self.failed
        return self.measured / ended if ended else None


class FigureTable(Struct, frozen=True):
    """A table of figures: its name in addresses, its title, the words of its columns, and its rows."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


class Span(Struct, frozen=True, kw_only=True):
    """From `start` to before `end`, which are aware, with the days of a time zone of IANA's."""

    start: datetime
    end: datetime
    zone: str


async def totals(tx: Transaction, start: datetime, end: datetime) -> Totals:
    """All calls that ended from `start` to before `end`."""
    row = await tx.fetch_one("statistics.totals", start=start, end=end)
    assert row is not None
    return Totals(**{field: row[field] for field in Totals.__struct_fields__})


async def table(tx: Transaction, name: str, span: Span) -> FigureTable:
    """One table of TABLES. KeyError where there is none with this name."""
    statement, title, columns, given, cells = TABLES[name]
    values = {field: _VALUES[field](span) for field in given}
    rows = await tx.fetch_all(statement, start=span.start, end=span.end, **values)
    return FigureTable(name, title, columns, [cells(row) for row in rows])


_VALUES: dict[str, Callable[[Span], Any]] = {"zone": lambda span: span.zone, "limit": lambda _: MOST_ROWS}


def _plain(row: Row) -> tuple[Cell, ...]:
    return tuple(dict(row).values())


def _by_model(row: Row) -> tuple[Cell, ...]:
    ended = row["measured"] + row["failed"]
    rate = round(row["measured"] / ended, 4) if ended else None
    counts = [row[name] for name in ("calls", "done", "failed", "cancelled", "lost")]
    times = [
        None if share is None else round(share, 2)
        for name in ("waited", "loading", "rendering")
        for share in row[name] or (None, None)
    ]
    return (row["kind"], row["provider"], row["model"], *counts, rate, *times)


_FAULT = {"provider": "the provider's", "ours": "ours", "user": "the user's"}


def _error(row: Row) -> tuple[Cell, ...]:
    return (_FAULT[row["blame"]], row["error"], row["provider"], row["calls"], row["last"])


_Table = tuple[str, str, tuple[str, ...], Sequence[str], Callable[[Row], tuple[Cell, ...]]]
TABLES: dict[str, _Table] = {
    "daily": (
        "statistics.daily",
        "By day",
        ("day", "calls", "done", "failed", "cancelled or lost", "people"),
        ("zone",),
        _plain,
    ),
    "by_model": (
        "statistics.by_model",
        "By model",
        (
            *("kind", "provider", "model", "calls", "done", "failed", "cancelled", "lost", "success rate"),
            *("waiting, median", "waiting, 95 %", "loading, median", "loading, 95 %", "rendering, median"),
            "rendering, 95 %",
        ),
        ("limit",),
        _by_model,
    ),
    "errors": (
        "statistics.errors",
        "What went wrong",
        ("whose fault", "error", "provider", "calls", "last"),
        ("limit",),
        _error,
    ),
    "credits": ("statistics.credits", "Credits", ("plan", "kind", "held", "spent", "returned", "given"), (), _plain),
    "sold": (
        "statistics.sold",
        "Sold",
        ("plan", "checkout", "purchases", "sessions", "amount", "currency"),
        (),
        _plain,
    ),
    "per_session": (
        "statistics.per_session",
        "Made in a session",
        ("plan", "sessions ended", "pictures each", "clips each"),
        (),
        _plain,
    ),
}
