"""The calls and replies behind the figures: pages of them by filters, the newest first. Needs the worker role."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from chatserver import rollups
from chatserver.database import Row, Transaction
from chatserver.rollups import pieces
from chatserver.rollups.pieces import Labelled
from chatserver.statistics.figures import Span

_LEAST = timedelta(microseconds=1)


class CallFilter(Struct, frozen=True, kw_only=True):
    """Which calls to show; what is empty may be anything."""

    kind: str = ""
    provider: str = ""
    model: str = ""
    outcome: str = ""
    error: str = ""
    blame: str = ""
    plan: str = ""


class KeptCall(Struct, frozen=True, kw_only=True):
    """A call as it was kept, without whom it was made for. Times are seconds, None where unknown."""

    id: str
    started_at: datetime
    ended_at: datetime
    kind: str
    provider: str
    model: str
    outcome: str
    error: str | None
    blame: str | None
    plan: str | None
    attempt: int
    waited: float | None
    loading: float | None
    rendering: float | None
    width: int | None
    height: int | None
    cost: Decimal | None
    currency: str | None


class ReplyFilter(Struct, frozen=True, kw_only=True):
    """Which replies to show; what is empty may be anything."""

    provider: str = ""
    model: str = ""
    outcome: str = ""
    error: str = ""
    plan: str = ""


class KeptReply(Struct, frozen=True, kw_only=True):
    """A reply as it was kept. Seconds are from the request: to the first words (None: there were none), and to the end."""

    id: str
    ended_at: datetime
    provider: str
    model: str
    outcome: str
    error: str | None
    plan: str | None
    first_words: float | None
    seconds: float
    tokens_in: int
    tokens_out: int
    cost: Decimal | None
    currency: str | None


class _Source(Struct, frozen=True):
    """Where rows are read: the pieces of their sums, and the statements of a row's time, the days that fit, and the rows."""

    pieces: Callable[[Transaction, Sequence[Labelled]], Awaitable[dict[str, list[Any]]]]
    ended_at: str
    days: str
    rows: str


_CALLS = _Source(rollups.attempts, "statistics.call_ended_at", "statistics.days_of_calls", "statistics.calls")
_REPLIES = _Source(rollups.replies, "statistics.reply_ended_at", "statistics.days_of_replies", "statistics.reply_rows")


async def page(tx: Transaction, wanted: CallFilter, span: Span, before: str | None, limit: int) -> list[KeptCall]:
    """The newest calls of a period that fit, those older than the call `before` where it is given (and still kept)."""
    return [KeptCall(**row) for row in await _newest(tx, _CALLS, wanted, span, before, limit)]


async def reply_page(
    tx: Transaction, wanted: ReplyFilter, span: Span, before: str | None, limit: int
) -> list[KeptReply]:
    """The newest replies of a period that fit, those older than the reply `before` where it is given (and still kept)."""
    return [KeptReply(**row) for row in await _newest(tx, _REPLIES, wanted, span, before, limit)]


async def _newest(
    tx: Transaction, source: _Source, wanted: Struct, span: Span, before: str | None, limit: int
) -> list[Row]:
    """The sums say on which days there are such rows, so that however rare they are only those days are read."""
    end = span.end
    if before is not None:
        ended_at = await tx.fetch_value(source.ended_at, id=before)
        before = None if ended_at is None else before
        end = end if ended_at is None else min(end, ended_at + _LEAST)
    if end <= span.start:
        return []
    filters = {name: value or None for name, value in structs.asdict(wanted).items()}
    days = pieces.days(span.start, end, pieces.UTC_ZONE)
    read = await source.pieces(tx, days)
    fits = {row["day"] for row in await tx.fetch_all(source.days, **read, **filters)}
    found: list[Row] = []
    for day, start, stop in reversed(days):
        if len(found) < limit and day in fits:
            found += await tx.fetch_all(
                source.rows, start=start, stop=stop, before=before, limit=limit - len(found), **filters
            )
    return found
