"""/admin/attempts: the calls of providers behind the figures, with filters, and as CSV. No prompts and no people."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.admin.pages import layout, rows
from chatserver.statistics import calls
from chatserver.statistics.calls import CallFilter, KeptCall
from chatserver.statistics.figures import FAULTS

PATH = "/admin/attempts"


async def show(request: Request) -> Response:
    """GET /admin/attempts."""
    context = await rows.context(request, CallFilter, calls.page)
    return layout.render(request, "admin/attempts.html", {**context, "faults": FAULTS})


async def download(request: Request) -> Response:
    """GET /admin/attempts.csv."""
    return await rows.download(request, "attempts", CallFilter, calls.page, KeptCall.__struct_fields__)


PAGES = [Route(PATH, show, methods=["GET"]), Route(PATH + ".csv", download, methods=["GET"])]
