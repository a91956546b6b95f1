"""/admin/audit: who did what as an operator, with filters, and as CSV."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import require_admin, while_admin
from chatserver.audit import service as audit
from chatserver.audit.models import AuditEntry, AuditFilter
from chatserver.database import Database, Transaction
from chatserver.state import state_of

PATH = "/admin/audit"
PAGE = 50
# A file has at most so many entries, the newest; read in pages of so many.
MOST_ROWS, ROWS_AT_ONCE = 100_000, 500
# No action, name or id is longer.
LONGEST = 200
COLUMNS = (
    "id",
    "at",
    "actor",
    "actor_id",
    "action",
    "target_kind",
    "target_id",
    "subject_id",
    "address",
    "reason",
    "details",
)


async def show(request: Request) -> Response:
    """GET /admin/audit."""
    require_admin(request)
    state = state_of(request)
    wanted, before = _filter(request), request.query_params.get("before", "")
    after_id = ids.parse(before, "before") if before else None
    acts, actions = await state.database.run_system(_read, wanted, after_id)
    context = {
        "acts": acts,
        "actions": actions,
        "wanted": wanted,
        "query": _query(wanted),
        "next": acts[-1].id if len(acts) == PAGE else None,
        "first": not before,
    }
    return layout.render(request, "admin/audit.html", context)


async def _read(tx: Transaction, wanted: AuditFilter, before: str | None) -> tuple[list[AuditEntry], list[str]]:
    return await audit.page(tx, wanted, before, PAGE), await audit.actions(tx)


async def download(request: Request) -> Response:
    """GET /admin/audit.csv: what the filter leaves, the newest first."""
    require_admin(request)
    state = state_of(request)
    return while_admin(request, csv_response(request, "audit-log", COLUMNS, _rows(state.database, _filter(request))))


async def _rows(database: Database, wanted: AuditFilter) -> AsyncIterator[Sequence[Cell]]:
    before: str | None = None
    for _ in range(MOST_ROWS // ROWS_AT_ONCE):
        page = await database.run_system(audit.page, wanted, before, ROWS_AT_ONCE)
        for entry in page:
            yield _cells(entry)
        if len(page) < ROWS_AT_ONCE:
            return
        before = page[-1].id


def _cells(entry: AuditEntry) -> tuple[Cell, ...]:
    return tuple(entry.details_in_words if name == "details" else getattr(entry, name) for name in COLUMNS)


def _filter(request: Request) -> AuditFilter:
    query = request.query_params
    return AuditFilter(
        action=query.get("action", "").strip()[:LONGEST],
        actor=query.get("actor", "").strip()[:LONGEST],
        target=query.get("target", "").strip()[:LONGEST],
    )


def _query(wanted: AuditFilter) -> str:
    given = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return urlencode({name: value for name, value in given.items() if value})


PAGES = [Route(PATH, show, methods=["GET"]), Route(PATH + ".csv", download, methods=["GET"])]
