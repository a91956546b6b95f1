"""The operator's figures of a period: what was asked of providers, how it went, and what was sold. Needs the worker role."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from chatserver import rollups
from chatserver.database import Row, Transaction
from chatserver.rollups import histograms, pieces

# Models and errors of one table: more are no overview.
MOST_ROWS = 200
# Of more calls than these the times are read from histograms, which are right to within 1 %.
EXACT_CALLS = 20_000

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


_Read = Callable[[Transaction, Span], Awaitable[list[tuple[Cell, ...]]]]


async def totals(tx: Transaction, start: datetime, end: datetime) -> Totals:
    """All calls that ended from `start` to before `end`."""
    read = await rollups.attempts(tx, [("", start, end)])
    row = await tx.fetch_one("statistics.totals", **read)
    assert row is not None
    people = await tx.fetch_one("statistics.people", **read)
    return Totals(**row, people=people["people"] if people else 0)


async def table(tx: Transaction, name: str, span: Span) -> FigureTable:
    """One table of TABLES. KeyError where there is none with this name."""
    title, columns, rows = TABLES[name]
    return FigureTable(name, title, columns, await rows(tx, span))


async def _daily(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
    days = pieces.days(span.start, span.end, ZoneInfo(span.zone))
    read = await rollups.attempts(tx, days)
    counted = {row["day"]: row for row in await tx.fetch_all("statistics.daily", **read)}
    people = {row["label"]: row["people"] for row in await tx.fetch_all("statistics.people", **read)}
    names = ("calls", "done", "failed", "other")
    return [
        (day, *(counted[day][name] if day in counted else 0 for name in names), people.get(day, 0))
        for day, _, _ in days
    ]


async def _by_model(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
    read = await rollups.attempts(tx, [("", span.start, span.end)])
    rows = await tx.fetch_all("statistics.by_model", limit=MOST_ROWS, **read)
    is_exact = sum(row["calls"] for row in rows) <= EXACT_CALLS
    times = await (_exact_times if is_exact else _times)(tx, span)
    return [_of_model(row, times) for row in rows]


# Median and 95 % of each stage, by kind, provider and model.
_Shares = Sequence[float | None]
_Times = dict[tuple[str, str, str], dict[str, _Shares]]
_STAGES = ("waited", "loading", "rendering")
_NO_TIMES: dict[str, _Shares] = dict.fromkeys(_STAGES, (None, None))


async def _exact_times(tx: Transaction, span: Span) -> _Times:
    rows = await tx.fetch_all("statistics.exact_times", start=span.start, end=span.end)
    return {_model(row): {name: row[name] or (None, None) for name in _STAGES} for row in rows}


async def _times(tx: Transaction, span: Span) -> _Times:
    rows = await tx.fetch_all("statistics.histograms", **await rollups.times(tx, span.start, span.end))
    return {_model(row): {name: _shares(row[name]) for name in _STAGES} for row in rows}


def _shares(histogram: str | None) -> _Shares:
    if histogram is None:
        return (None, None)
    return histograms.percentile(histogram, 0.5), histograms.percentile(histogram, 0.95)


def _model(row: Row) -> tuple[str, str, str]:
    return row["kind"], row["provider"], row["model"]


def _of_model(row: Row, times: _Times) -> tuple[Cell, ...]:
    ended = row["measured"] + row["failed"]
    rate = round(row["measured"] / ended, 4) if ended else None
    counts = [row[name] for name in ("calls", "done", "failed", "cancelled", "lost")]
    of_stage = times.get(_model(row), _NO_TIMES)
    seconds = [None if share is None else round(share, 2) for name in _STAGES for share in of_stage[name]]
    return (*_model(row), *counts, rate, *seconds)


FAULTS = {"provider": "the provider's", "ours": "ours", "user": "the user's"}


async def _errors(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
    read = await rollups.attempts(tx, [("", span.start, span.end)])
    rows = await tx.fetch_all("statistics.errors", limit=MOST_ROWS, **read)
    return [(FAULTS[row["blame"]], row["error"], row["provider"], row["calls"], row["last"]) for row in rows]


async def _credits(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
    read = await rollups.credit_statement(tx, span.start, span.end)
    return [tuple(row.values()) for row in await tx.fetch_all("statistics.credits", **read)]


# Median and 95 % of the first words and of the whole reply, by service and model.
_ReplyTimes = dict[tuple[str, str], tuple[_Shares, _Shares]]
_NO_REPLY_TIMES: tuple[_Shares, _Shares] = ((None, None), (None, None))


async def _replies(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
    read = await rollups.replies(tx, [("", span.start, span.end)])
    rows = await tx.fetch_all("statistics.replies", limit=MOST_ROWS, **read)
    is_exact = sum(row["replies"] for row in rows) <= EXACT_CALLS
    times = await (_exact_reply_times if is_exact else _reply_times)(tx, span)
    return [_of_replies(row, times) for row in rows]


async def _exact_reply_times(tx: Transaction, span: Span) -> _ReplyTimes:
    rows = await tx.fetch_all("statistics.exact_reply_times", start=span.start, end=span.end)
    return {(row["provider"], row["model"]): _of_each(row, lambda shares: shares or (None, None)) for row in rows}


async def _reply_times(tx: Transaction, span: Span) -> _ReplyTimes:
    read = await rollups.reply_times(tx, span.start, span.end)
    rows = await tx.fetch_all("statistics.reply_histograms", **read)
    return {(row["provider"], row["model"]): _of_each(row, _shares) for row in rows}


def _of_each(row: Row, shares: Callable[[Any], _Shares]) -> tuple[_Shares, _Shares]:
    return shares(row["first_token"]), shares(row["seconds"])


def _of_replies(row: Row, times: _ReplyTimes) -> tuple[Cell, ...]:
    of_each = times.get((row["provider"], row["model"]), _NO_REPLY_TIMES)
    seconds = [share for shares in of_each for share in shares]
    counts = [row[name] for name in ("replies", "done", "failed", "stopped")]
    cost = None if row["cost"] is None else Decimal(f"{row['cost'].normalize():f}")
    return (
        *(row["provider"], row["model"], *counts, *(None if share is None else round(share, 2) for share in seconds)),
        *(row["tokens_in"], row["tokens_out"], cost, row["currency"], row["unknown"]),
    )


def _rows_of(statement: str) -> _Read:
    """The rows of a statement that takes a period."""

    async def read(tx: Transaction, span: Span) -> list[tuple[Cell, ...]]:
        return [tuple(row.values()) for row in await tx.fetch_all(statement, start=span.start, end=span.end)]

    return read


_Table = tuple[str, tuple[str, ...], _Read]
TABLES: dict[str, _Table] = {
    "daily": ("By day", ("day", "calls", "done", "failed", "cancelled or lost", "people"), _daily),
    "by_model": (
        "By model",
        (
            *("kind", "provider", "model", "calls", "done", "failed", "cancelled", "lost", "success rate"),
            *("waiting, median", "waiting, 95 %", "loading, median", "loading, 95 %", "rendering, median"),
            "rendering, 95 %",
        ),
        _by_model,
    ),
    "errors": ("What went wrong", ("whose fault", "error", "provider", "calls", "last"), _errors),
    "replies": (
        "Replies of the assistant",
        (
            *("service", "model", "replies", "done", "failed", "stopped"),
            *("first words, median", "first words, 95 %", "whole reply, median", "whole reply, 95 %"),
            *("tokens read", "tokens written", "known cost", "currency", "of unknown cost"),
        ),
        _replies,
    ),
    "credits": ("Credits", ("plan", "kind", "held", "spent", "returned", "given"), _credits),
    "sold": (
        "Sold",
        ("plan", "checkout", "purchases", "sessions", "amount", "currency"),
        _rows_of("statistics.sold"),
    ),
    "per_session": (
        "Made in a session",
        ("plan", "sessions ended", "pictures each", "clips each"),
        _rows_of("statistics.per_session"),
    ),
}
