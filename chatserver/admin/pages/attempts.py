"""/admin/attempts: the calls of providers behind the figures, with filters, and as CSV. No prompts and no people."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlencode

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.admin import layout
from chatserver.admin.access import require_admin
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.period import Period
from chatserver.database import Database
from chatserver.errors import Invalid
from chatserver.state import State
from chatserver.statistics import calls
from chatserver.statistics.calls import CallFilter, KeptCall
from chatserver.statistics.figures import FAULTS, Span
from chatserver.validation import unreadable

PATH = "/admin/attempts"
PAGE = 50
# A file has at most so many calls, the newest; read in pages of so many.
MOST_ROWS, ROWS_AT_ONCE = 100_000, 2_000
# No provider, model, plan or error has a longer name.
LONGEST = 200


async def show(request: Request) -> Response:
    """GET /admin/attempts."""
    require_admin(request)
    state: State = request.app.state.chatserver
    wanted, period, before = _filter(request), Period.of(request), request.query_params.get("before", "")
    after_id = ids.parse(before, "before") if before else None
    found = await state.database.run_system(calls.page, wanted, _span(period), after_id, PAGE)
    context = {
        "calls": found,
        "wanted": wanted,
        "faults": FAULTS,
        "query": _query(wanted, period),
        "next": found[-1].id if len(found) == PAGE else None,
        "first": not before,
        # It belongs to the figures, from where it is opened.
        "current": "/admin/figures",
    }
    return layout.render(request, "admin/attempts.html", context)


async def download(request: Request) -> Response:
    """GET /admin/attempts.csv: what the filter leaves, the newest first."""
    require_admin(request)
    state: State = request.app.state.chatserver
    rows = _rows(state.database, _filter(request), _span(Period.of(request)))
    return csv_response("attempts", KeptCall.__struct_fields__, rows)


async def _rows(database: Database, wanted: CallFilter, span: Span) -> AsyncIterator[Sequence[Cell]]:
    before: str | None = None
    for _ in range(MOST_ROWS // ROWS_AT_ONCE):
        page = await database.run_system(calls.page, wanted, span, before, ROWS_AT_ONCE)
        for call in page:
            yield structs.astuple(call)
        if len(page) < ROWS_AT_ONCE:
            return
        before = page[-1].id


def _filter(request: Request) -> CallFilter:
    given = {name: request.query_params.get(name, "").strip()[:LONGEST] for name in CallFilter.__struct_fields__}
    for name, value in given.items():
        if why := unreadable(value):
            raise Invalid.field(name, why)
    return CallFilter(**given)


def _span(period: Period) -> Span:
    return Span(start=period.start, end=period.end, zone=period.zone)


def _query(wanted: CallFilter, period: Period) -> str:
    given = {name: value for name, value in structs.asdict(wanted).items() if value}
    return "&".join(part for part in (period.query, urlencode(given)) if part)


PAGES = [Route(PATH, show, methods=["GET"]), Route(PATH + ".csv", download, methods=["GET"])]
