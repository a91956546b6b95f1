"""/admin/replies: the replies of the assistant behind the figures, with filters, and as CSV. No words and no people."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.admin.pages import layout, rows
from chatserver.statistics import calls
from chatserver.statistics.calls import KeptReply, ReplyFilter

PATH = "/admin/replies"


async def show(request: Request) -> Response:
    """GET /admin/replies."""
    context = await rows.context(request, ReplyFilter, calls.reply_page)
    return layout.render(request, "admin/replies.html", context)


async def download(request: Request) -> Response:
    """GET /admin/replies.csv."""
    return await rows.download(request, "replies", ReplyFilter, calls.reply_page, KeptReply.__struct_fields__)


PAGES = [Route(PATH, show, methods=["GET"]), Route(PATH + ".csv", download, methods=["GET"])]
