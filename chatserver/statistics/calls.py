"""The calls behind the figures: pages of them by filters, the newest first. Needs the worker role."""

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct, structs

from chatserver import rollups
from chatserver.database import Transaction
from chatserver.rollups import pieces
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


async def page(tx: Transaction, wanted: CallFilter, span: Span, before: str | None, limit: int) -> list[KeptCall]:
    """The newest calls of a period that fit, those older than the call `before` where it is given (and still kept).

    The sums say on which days there are such calls, so that however rare they are only those days are read.
    """
    end = span.end
    if before is not None:
        ended_at = await tx.fetch_value("statistics.call_ended_at", id=before)
        before = None if ended_at is None else before
        end = end if ended_at is None else min(end, ended_at + _LEAST)
    if end <= span.start:
        return []
    filters = {name: value or None for name, value in structs.asdict(wanted).items()}
    days = pieces.days(span.start, end, pieces.UTC_ZONE)
    read = await rollups.attempts(tx, days)
    counts = {row["day"]: row["calls"] for row in await tx.fetch_all("statistics.days_of_calls", **read, **filters)}
    found: list[KeptCall] = []
    for day, start, stop in reversed(days):
        if len(found) < limit and day in counts:
            rows = await tx.fetch_all(
                "statistics.calls", start=start, stop=stop, before=before, limit=limit - len(found), **filters
            )
            found += [KeptCall(**row) for row in rows]
    return found
