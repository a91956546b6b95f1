"""/admin/figures: what was asked of providers and how it went, what was sold, and what credits became of it."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.admin import charts
from chatserver.admin.csv import csv_response
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import require_admin
from chatserver.admin.period import Period
from chatserver.database import Transaction
from chatserver.errors import NotFound
from chatserver.state import state_of
from chatserver.statistics import figures
from chatserver.statistics.figures import FigureTable, Totals

PATH = "/admin/figures"


async def show(request: Request) -> Response:
    """GET /admin/figures."""
    require_admin(request)
    state = state_of(request)
    totals, earlier, tables = await state.database.run_system(_read, Period.of(request))
    days = tables[0].rows
    outcomes = {"done": 2, "failed": 3, "cancelled or lost": 4}
    counted = {name: [int(str(row[place])) for row in days] for name, place in outcomes.items()}
    bars = charts.stacked_bars([str(row[0]) for row in days], counted)
    context = {"totals": totals, "earlier": earlier, "tables": tables, "bars": bars, "chart": charts}
    context["exact_calls"] = figures.EXACT_CALLS
    return layout.render(request, "admin/figures.html", context)


async def _read(tx: Transaction, period: Period) -> tuple[Totals, Totals, list[FigureTable]]:
    return (
        await figures.totals(tx, period.start, period.end),
        await figures.totals(tx, period.before_start, period.before_end),
        [await figures.table(tx, name, period.span) for name in figures.TABLES],
    )


async def download(request: Request) -> Response:
    """GET /admin/figures/tables/{table}.csv."""
    require_admin(request)
    state = state_of(request)
    name = request.path_params["table"]
    if name not in figures.TABLES:
        raise NotFound
    found = await state.database.run_system(figures.table, name, Period.of(request).span)
    return csv_response(request, name.replace("_", "-"), found.columns, found.rows)


PAGES = [Route(PATH, show, methods=["GET"]), Route(PATH + "/tables/{table}.csv", download, methods=["GET"])]
