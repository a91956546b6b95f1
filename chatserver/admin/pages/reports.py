"""/admin/reports: what people have reported, the most urgent first, and what was decided."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.admin import decisions
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, act_alone, require_admin, while_admin
from chatserver.assets import delivery
from chatserver.assets import service as assets
from chatserver.assets.delivery import FileParts
from chatserver.assets.models import StoredFile
from chatserver.database import Transaction
from chatserver.errors import ChatserverError, NotFound
from chatserver.reports import service as reports
from chatserver.reports.models import KIND_WORDS
from chatserver.reports.service import Act
from chatserver.runtime import clock
from chatserver.state import state_of
from chatserver.web import forms

PATH = "/admin/reports"
_ACTS: dict[str, Act] = {"dismiss": "dismiss", "hide": "hide", "restore": "restore"}
_DONE = {
    "dismissed": "The report is dismissed.",
    "hidden": "It is hidden: gone for everybody within five seconds.",
    "restored": "It is restored, where it was.",
    "banned": "It is hidden, and its author banned.",
}


async def show(request: Request) -> Response:
    """GET /admin/reports: what waits for a decision, or with `?state=decided` what was decided."""
    return await _page(request, decided=request.query_params.get("state") == "decided")


async def _page(
    request: Request,
    *,
    decided: bool = False,
    read: tuple[str, str] | None = None,
    error: ChatserverError | None = None,
) -> Response:
    require_admin(request)
    state = state_of(request)
    cursor = request.query_params.get("after", "")
    after = ids.parse(cursor, "after") if cursor else None
    if decided:
        past = await state.database.run_system(reports.decided, after)
        queue, last = [], past[-1][0].id if len(past) == reports.PAGE else None
    else:
        queue = await state.database.run_system(reports.queue, after)
        past, last = [], queue[-1].cursor if len(queue) == reports.PAGE else None
    context = {
        "decided": decided,
        "queue": queue,
        "past": past,
        "next": last,
        "first": not cursor,
        "kinds": KIND_WORDS,
        "time": clock.now(),
        "read": read,
        "problem": error.message if error else "",
    }
    return layout.render(request, "admin/reports.html", context, error.status if error else 200)


async def decide(request: Request) -> Response:
    """POST /admin/reports/{target_id}/{act}: with a `reason`, and the newest decision that was `seen`."""
    require_admin(request)
    form = await forms.read(request)
    target_id, name = ids.parse(request.path_params["target_id"]), request.path_params["act"]
    decided, reason, seen = form.text("state") == "decided", form.raw("reason"), form.text("seen")
    try:
        if name == "ban":
            decision = await act_alone(request, decisions.hide_and_ban, target_id, reason, seen)
        elif name in _ACTS:
            decision = await act(request, reports.decide, target_id, _ACTS[name], reason, seen)
        else:
            raise NotFound
    except ChatserverError as error:
        return await _page(request, decided=decided, error=error)
    return forms.redirect(request, f"{PATH}?state=decided" if decided else PATH, notice=_DONE[decision.action])


async def read_message(request: Request) -> Response:
    """POST /admin/reports/{target_id}/read: the page again, with the words of a message, which is logged."""
    require_admin(request)
    form = await forms.read(request)
    target_id, decided = ids.parse(request.path_params["target_id"]), form.text("state") == "decided"
    try:
        words = await act(request, reports.read_message, target_id)
    except ChatserverError as error:
        return await _page(request, decided=decided, error=error)
    return await _page(request, decided=decided, read=(target_id, words))


async def serve_file(request: Request) -> Response:
    """GET /admin/reports/files/{target_id}/{version}: a reported file, `thumbnail` or `original`, also a hidden one."""
    require_admin(request)
    state = state_of(request)
    file = await state.database.run_system(_reported_file, ids.parse(request.path_params["target_id"]))
    version = delivery.original(file)
    if request.path_params["version"] == "thumbnail":
        version = delivery.thumbnail(file, "reported")
    elif request.path_params["version"] != "original":
        raise NotFound
    parts = FileParts(state.database, state.storage, state.pictures, state.sealer, delivery.asker_of(request))
    headers = {**delivery.HEADERS, "Cache-Control": "private, no-store"}
    return while_admin(request, await delivery.deliver(request, parts, file, version, headers=headers, watched=False))


async def _reported_file(tx: Transaction, asset_id: str) -> StoredFile:
    if not await reports.is_known(tx, asset_id):
        raise NotFound
    return await assets.find_for_operator(tx, asset_id)


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + "/{target_id}/read", read_message, methods=["POST"]),
    Route(PATH + "/{target_id}/{act}", decide, methods=["POST"]),
    Route(PATH + "/files/{target_id}/{version}", serve_file, methods=["GET"]),
]
