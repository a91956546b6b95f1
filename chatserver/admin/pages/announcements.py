"""/admin/announcements: a line that all open pages show at once."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import announcements, ids
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.errors import ChatserverError, NotAllowed
from chatserver.runtime import clock
from chatserver.state import state_of
from chatserver.web import forms
from chatserver.web.forms import Form

PATH = "/admin/announcements"


async def show(request: Request) -> Response:
    """GET /admin/announcements."""
    return await _page(request, Form())


async def _page(request: Request, form: Form, status: int = 200) -> Response:
    require_admin(request)
    state = state_of(request)
    context = {"form": form, "newest": await state.database.run_system(announcements.newest), "time": clock.now()}
    return layout.render(request, "admin/announcements.html", context, status)


async def add(request: Request) -> Response:
    """POST /admin/announcements: `text` and `until`."""
    require_admin(request)
    form = await forms.read(request)
    try:
        await act(
            request, announcements.add, form.text("text"), form.text("until"), client_id=form.text("client_id") or None
        )
    except NotAllowed:
        raise
    except ChatserverError as error:
        return await _page(request, form.with_error(error), error.status)
    return forms.redirect(request, PATH, notice="All open pages show it within two seconds.")


async def withdraw(request: Request) -> Response:
    """POST /admin/announcements/{announcement_id}/withdraw."""
    require_admin(request)
    await forms.read(request)
    await act(request, announcements.withdraw, ids.parse(request.path_params["announcement_id"], "announcement_id"))
    return forms.redirect(request, PATH, notice="It is withdrawn.")


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH, add, methods=["POST"]),
    Route(PATH + "/{announcement_id}/withdraw", withdraw, methods=["POST"]),
]
