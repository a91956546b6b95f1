"""The report of what a share link shows, by whoever has the link: /s/<token>/<asset>/report."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import ChatserverError, NotFound
from chatserver.identity import addresses
from chatserver.identity.viewer import current_viewer
from chatserver.reports import service as reports
from chatserver.reports.models import KIND_WORDS
from chatserver.sharing import visits
from chatserver.sharing.models import SharedPicture
from chatserver.sharing.pages.visits import asset_id_of, open_share, shown, visit
from chatserver.state import state_of
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form


async def show(request: Request) -> Response:
    """GET /s/{token}/{asset_id}/report: the form."""
    return await _page(request, Form())


async def send(request: Request) -> Response:
    """POST /s/{token}/{asset_id}/report: `kind` and `words`."""
    form = await forms.read(request)
    state = state_of(request)
    share, asset_id = await open_share(request), asset_id_of(request)
    await state.database.run_system(visits.find_file, share, asset_id)
    viewer, address = current_viewer(request), request.client.host if request.client else ""
    refusal = await state.database.run_system(visits.count_report, address)
    if refusal is not None:
        return await _page(request, form.with_error(refusal), refusal)
    try:
        made = await state.database.run_system(
            reports.report_shared,
            asset_id,
            form.text("kind"),
            form.raw("words"),
            addresses.hidden(address, state.secret_key),
            state.config.hours_by_report_kind,
            viewer.id if viewer else None,
        )
    except NotFound:
        raise
    except ChatserverError as error:
        return await _page(request, form.with_error(error), error)
    notice = (
        "Thank you. The operator will look at it." if made else "It is reported already. The operator will look at it."
    )
    return forms.redirect(request, request.url.path.removesuffix("/report"), notice=notice)


async def _page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    state = state_of(request)
    share = await open_share(request)
    picture: SharedPicture = (await state.database.run_system(visits.find_picture, share, asset_id_of(request))).picture
    context = {**shown(request, share), "picture": picture, "form": form, "kinds": KIND_WORDS}
    return form_pages.page(request, "sharing/report.html", context, error)


PAGES = [
    Route("/s/{token}/{asset_id}/report", visit(show), methods=["GET"]),
    Route("/s/{token}/{asset_id}/report", visit(send), methods=["POST"]),
]
