"""/verify: a form that takes a picture or clip and says whether it was made here; for everybody, signed in or not."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver.errors import ChatserverError, Invalid
from chatserver.state import state_of
from chatserver.verification import service as verification
from chatserver.verification.models import Verdict
from chatserver.web import form_pages, forms
from chatserver.web.body_limits import MAX_UPLOAD_BYTES
from chatserver.web.forms import Form

FIELD = "file"


async def show_form(request: Request) -> Response:
    """GET /verify."""
    return _page(request)


async def verify(request: Request) -> Response:
    """POST /verify: the page again, with the verdict or with what is wrong."""
    state = state_of(request)
    address = request.client.host if request.client else ""
    try:
        await state.database.run_system(verification.count_attempt, address)
        data = await forms.read_upload(request, FIELD)
        if not data:
            raise Invalid.field(FIELD, "is missing: choose a picture or clip first")
        verdict = await verification.verify(state.database, state.pictures, state.sealer, data, address)
    except ChatserverError as error:
        return _page(request, error=error)
    return _page(request, verdict)


def _page(request: Request, verdict: Verdict | None = None, *, error: ChatserverError | None = None) -> Response:
    form = Form()
    if error is not None:
        form.message = error.message
    context = {"form": form, "verdict": verdict, "most_megabytes": MAX_UPLOAD_BYTES // 1024**2}
    return form_pages.page(request, "verification/verify.html", context, error)


PAGES = [Route("/verify", show_form, methods=["GET"]), Route("/verify", verify, methods=["POST"])]
