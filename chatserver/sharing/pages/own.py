"""The list of one's share links, and the dialogs by which pictures are shared and put into albums."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.identity.viewer import require_viewer
from chatserver.reports.models import KIND_WORDS
from chatserver.sharing import requests
from chatserver.sharing import service as sharing
from chatserver.state import state_of
from chatserver.web import templating
from chatserver.web.hosts import link_origin


async def list_own(request: Request) -> Response:
    """GET /shares: all of one's links, with when they were last used; `?before=<id>` continues."""
    state = state_of(request)
    viewer, before = require_viewer(request), request.query_params.get("before")
    page = await state.database.run_as(
        viewer.id, sharing.list_shares, state.secret_key, before=ids.parse(before, "before") if before else None
    )
    context = {
        "page": page,
        "origin": link_origin(state.config, request.scope),
        "first": not before,
        "kept_days": sharing.KEPT_DAYS,
    }
    return templating.render(request, "sharing/index.html", context)


async def show_dialogs(request: Request) -> Response:
    """GET /shares/dialogs: "Share", "Add to album" and "Report", which pages fetch when one is first asked for."""
    require_viewer(request)
    return templating.render(
        request, "sharing/dialogs.html", {"default_days": requests.DEFAULT_DAYS, "kinds": KIND_WORDS}
    )


PAGES = [Route("/shares", list_own, methods=["GET"]), Route("/shares/dialogs", show_dialogs, methods=["GET"])]
