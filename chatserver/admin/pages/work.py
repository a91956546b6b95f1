"""/admin/work: what is stuck, the providers, and the checks, each with the press that mends it."""

from collections.abc import Sequence
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.admin import checks, lost_files, overview, providers, work
from chatserver.admin.checks import CheckKind, Checks
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.overview import ProviderStatus
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.admin.work import LostLease, WaitingJob
from chatserver.credits import Hold
from chatserver.database import Transaction
from chatserver.errors import ChatserverError, Conflict, NotFound
from chatserver.generations import provider_limits
from chatserver.generations.provider_limits import FallbackChain
from chatserver.monitoring.processes import RunningProcess
from chatserver.state import State, state_of
from chatserver.web import forms

PATH = "/admin/work"
# The columns of each table as a file.
TABLES: dict[str, tuple[str, ...]] = {
    "providers": ("name", "position", "state", "closed_seconds", "running", "calls", "last_error_code"),
    "waiting": WaitingJob.__struct_fields__,
    "leases": LostLease.__struct_fields__,
    "holds": Hold.__struct_fields__,
    "processes": RunningProcess.__struct_fields__,
}


async def show(request: Request) -> Response:
    """GET /admin/work."""
    require_admin(request)
    state = state_of(request)
    stuck, statuses, newest = await state.database.run_system(_read, _chain(state))
    files = newest.get("files")
    missing = files.findings.get("missing_shown", []) if files else []
    context = {
        "lost_files": await state.database.run_system(lost_files.of_keys, missing),
        "stuck": stuck,
        "providers": statuses,
        "checks": newest,
        "alive": [p for p in stuck.processes if p.is_alive],
    }
    return layout.render(request, "admin/work.html", context)


async def _read(
    tx: Transaction, chain: FallbackChain
) -> tuple[work.StuckWork, list[ProviderStatus], dict[str, checks.Check]]:
    return await work.read(tx), await overview.provider_statuses(tx, chain), await checks.newest(tx)


def _chain(state: State) -> FallbackChain:
    return provider_limits.fallback_chain(state.config, state.providers.values())


# Tables as files ------------------------------------------------------------------------------------------------------


async def download(request: Request) -> Response:
    """GET /admin/work/tables/{table}.csv: what the page shows of one kind."""
    require_admin(request)
    state = state_of(request)
    table = request.path_params["table"]
    if table not in TABLES:
        raise NotFound
    stuck, statuses, _ = await state.database.run_system(_read, _chain(state))
    if table == "providers":
        reports = [(each, each.report) for each in statuses]
        rows: list[Sequence[Cell]] = [
            (each.name, each.position, *(getattr(report, name) for name in TABLES[table][2:]))
            for each, report in reports
        ]
    else:
        rows = [[getattr(each, name) for name in TABLES[table]] for each in getattr(stuck, table)]
    return csv_response(request, table, TABLES[table], rows)


# Providers ------------------------------------------------------------------------------------------------------------


async def switch_provider(request: Request) -> Response:
    """POST /admin/work/providers/{name}/{lever}: pause, resume, up or down."""
    require_admin(request)
    await forms.read(request)
    state = state_of(request)
    name, lever = request.path_params["name"], request.path_params["lever"]
    if name not in state.providers:
        raise NotFound
    if lever in {"pause", "resume"}:
        await act(request, providers.pause, name, paused=lever == "pause")
        notice = f"{name} is paused: nothing new is asked of it." if lever == "pause" else f"{name} is asked again."
    elif lever in {"up", "down"}:
        await act(request, providers.move, _chain(state), name, -1 if lever == "up" else 1)
        notice = "The order is changed."
    else:
        raise NotFound
    return forms.redirect(request, PATH, notice=notice, at="providers")


# Jobs and credits -----------------------------------------------------------------------------------------------------


async def cancel(request: Request) -> Response:
    """POST /admin/work/generations/{generation_id}/cancel."""
    require_admin(request)
    await forms.read(request)
    generation_id = ids.parse(request.path_params["generation_id"], "generation_id")
    await act(request, work.cancel, generation_id)
    return forms.redirect(request, PATH, notice="It is cancelled, and its credit is back.", at="waiting")


async def give_back(request: Request) -> Response:
    """POST /admin/work/leases/{job_id}/give-back."""
    require_admin(request)
    await forms.read(request)
    state = state_of(request)
    job_id = ids.parse(request.path_params["job_id"], "job_id")
    try:
        await act(request, work.give_back, job_id)
    except ChatserverError as error:
        return _refused(request, error, "leases")
    await state.database.run_system(work.recover, job_id)
    return forms.redirect(request, PATH, notice="It is back in the queue.", at="leases")


async def settle(request: Request) -> Response:
    """POST /admin/work/holds/{generation_id}/settle."""
    require_admin(request)
    await forms.read(request)
    generation_id = ids.parse(request.path_params["generation_id"], "generation_id")
    try:
        outcome = await act(request, work.settle, generation_id)
    except ChatserverError as error:
        return _refused(request, error, "holds")
    notice = "The credit is given back." if outcome == "released" else "The credit is booked as spent."
    return forms.redirect(request, PATH, notice=notice, at="holds")


def _refused(request: Request, error: ChatserverError, at: str) -> Response:
    """What changed meanwhile is told on the page; whoever may not act gets the page of the error."""
    if error.status != 409:
        raise error
    return forms.redirect(request, PATH, notice=error.message, kind="problem", at=at)


# Checks ---------------------------------------------------------------------------------------------------------------


async def start_check(request: Request) -> Response:
    """POST /admin/work/checks/{kind}: books, files or sweep."""
    require_admin(request)
    await forms.read(request)
    kind: CheckKind | None = next((each for each in get_args(CheckKind) if each == request.path_params["kind"]), None)
    if kind is None:
        raise NotFound
    running: Checks = request.app.state.checks
    try:
        running.start(await act(request, checks.begin, kind), kind)
    except ChatserverError as error:
        return _refused(request, error, "checks")
    return forms.redirect(request, PATH, notice="It has begun. Open the page again to see what it found.", at="checks")


async def mend_file(request: Request) -> Response:
    """POST /admin/work/files/{asset_id}/{lever}: lost, for a file that the store misses; again, for one that is back."""
    require_admin(request)
    await forms.read(request)
    state = state_of(request)
    asset_id, lever = ids.parse(request.path_params["asset_id"], "asset_id"), request.path_params["lever"]
    if lever not in {"lost", "again"}:
        raise NotFound
    file = await state.database.run_system(lost_files.find, asset_id)
    is_whole = all([await state.storage.stat(key) is not None for key in file.keys])
    try:
        if is_whole != (lever == "again"):
            raise Conflict("The file is there." if is_whole else "The file is not there yet.")
        await act(request, lost_files.show_again if is_whole else lost_files.mark, asset_id)
    except Conflict as error:
        return _refused(request, error, "checks")
    notice = "It is shown again." if is_whole else "It is marked as lost: its place says why."
    return forms.redirect(request, PATH, notice=notice, at="checks")


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + "/tables/{table}.csv", download, methods=["GET"]),
    Route(PATH + "/providers/{name}/{lever}", switch_provider, methods=["POST"]),
    Route(PATH + "/generations/{generation_id}/cancel", cancel, methods=["POST"]),
    Route(PATH + "/leases/{job_id}/give-back", give_back, methods=["POST"]),
    Route(PATH + "/holds/{generation_id}/settle", settle, methods=["POST"]),
    Route(PATH + "/files/{asset_id}/{lever}", mend_file, methods=["POST"]),
    Route(PATH + "/checks/{kind}", start_check, methods=["POST"]),
]
