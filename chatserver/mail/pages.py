"""/forgot: a link for a new password by e-mail, where SMTP_URL is set."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import mail
from chatserver.errors import ChatserverError, NotFound
from chatserver.state import State
from chatserver.users import request_identity
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

# The same whether there is such an account or not.
ANSWER = "If there is an account with this address, a link for a new password is on its way to it."


def _state(request: Request) -> State:
    state: State = request.app.state.chatserver
    if not state.config.smtp_url:
        raise NotFound
    return state


async def show(request: Request) -> Response:
    """GET /forgot."""
    _state(request)
    return form_pages.page(request, "mail/forgot.html", {"form": Form()})


async def ask(request: Request) -> Response:
    """POST /forgot: `email`."""
    state, form = _state(request), await forms.read(request)
    try:
        visitor = request_identity.visitor(request)
        await state.database.run_system(mail.ask_for_reset, form.text("email"), visitor)
    except ChatserverError as error:
        return form_pages.page(request, "mail/forgot.html", {"form": form_pages.refuse(form, error)}, error)
    return forms.redirect(request, "/sign-in", notice=ANSWER)


PAGES = [Route("/forgot", show, methods=["GET"]), Route("/forgot", ask, methods=["POST"])]
