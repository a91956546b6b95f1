"""What the pages of rows behind the figures share: the filter, period and day in the address, and the rows as CSV."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from msgspec import Struct, structs
from starlette.requests import Request
from starlette.responses import Response

from chatserver import ids
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.pages.access import require_admin, while_admin
from chatserver.admin.period import Period
from chatserver.database import Database, Transaction
from chatserver.errors import Invalid
from chatserver.rollups import pieces
from chatserver.state import state_of
from chatserver.statistics.calls import CallFilter, KeptCall, KeptReply, ReplyFilter
from chatserver.statistics.figures import Span
from chatserver.validation import unreadable

PAGE = 50
# A file has at most so many rows, the newest; read in pages of so many.
MOST_ROWS, ROWS_AT_ONCE = 100_000, 2_000
# No provider, model, plan or error has a longer name.
LONGEST = 200

Filter = TypeVar("Filter", CallFilter, ReplyFilter)
Kept = TypeVar("Kept", KeptCall, KeptReply)
ReadPage = Callable[[Transaction, Filter, Span, str | None, int], Awaitable[list[Kept]]]


async def context(request: Request, kind: type[Filter], read: ReadPage[Filter, Kept]) -> dict[str, Any]:
    """What the template of a page takes: `rows`, `wanted`, `day` and the `days` that there are, `query`, `next`, `first`."""
    require_admin(request)
    state = state_of(request)
    wanted, period, before = _filter(kind, request), Period.of(request), request.query_params.get("before", "")
    days, after_id = _days(period), ids.parse(before, "before") if before else None
    day = _day(request, days)
    rows = await state.database.run_system(read, wanted, days.get(day, period.span), after_id, PAGE)
    return {
        "rows": rows,
        "wanted": wanted,
        "day": day,
        "days": list(days)[::-1],
        "query": _query(wanted, period, day),
        "next": rows[-1].id if len(rows) == PAGE else None,
        "first": not before,
        # They belong to the figures, from where they are opened.
        "current": "/admin/figures",
    }


async def download(
    request: Request, name: str, kind: type[Filter], read: ReadPage[Filter, Kept], columns: Sequence[str]
) -> Response:
    """What the filter leaves, the newest first, as CSV."""
    require_admin(request)
    state = state_of(request)
    wanted, period = _filter(kind, request), Period.of(request)
    days = _days(period)
    span = days.get(_day(request, days), period.span)
    return while_admin(request, csv_response(request, name, columns, _rows(state.database, read, wanted, span)))


async def _rows(
    database: Database, read: ReadPage[Filter, Kept], wanted: Filter, span: Span
) -> AsyncIterator[Sequence[Cell]]:
    before: str | None = None
    for _ in range(MOST_ROWS // ROWS_AT_ONCE):
        page = await database.run_system(read, wanted, span, before, ROWS_AT_ONCE)
        for row in page:
            yield structs.astuple(row)
        if len(page) < ROWS_AT_ONCE:
            return
        before = page[-1].id


def _filter(kind: type[Filter], request: Request) -> Filter:
    given = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in kind.__struct_fields__}
    for name, value in given.items():
        if why := unreadable(value):
            raise Invalid.field(name, why)
    return kind(**given)


def _days(period: Period) -> dict[str, Span]:
    """The days of the period's zone, by date, with the part of each that is in the period."""
    days = pieces.days(period.start, period.end, ZoneInfo(period.zone))
    return {day: Span(start=start, end=stop, zone=period.zone) for day, start, stop in days}


def _day(request: Request, days: dict[str, Span]) -> str:
    """The day of an address; a day that the period has not counts as not given, as in `Period.of`."""
    day = request.query_params.get("day", "")
    return day if day in days else ""


def _query(wanted: Struct, period: Period, day: str) -> str:
    given = {name: value for name, value in {**structs.asdict(wanted), "day": day}.items() if value}
    return "&".join(part for part in (period.query, urlencode(given)) if part)
