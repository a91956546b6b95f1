"""Links by e-mail, where SMTP_URL is set: /forgot for a new password, /verify-email for the address of an account."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import mail
from chatserver.errors import ChatserverError, NotFound
from chatserver.identity.viewer import current_viewer, require_viewer
from chatserver.state import State, state_of
from chatserver.users import email_verification, request_identity
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

# The same whether there is such an account or not.
ANSWER = "If there is an account with this address, a link for a new password is on its way to it."


def _state_with_mail(request: Request) -> State:
    """The parts of this process; NotFound where it sends no e-mail."""
    state = state_of(request)
    if not state.config.smtp_url:
        raise NotFound
    return state


async def show(request: Request) -> Response:
    """GET /forgot."""
    _state_with_mail(request)
    return form_pages.page(request, "mail/forgot.html", {"form": Form()})


async def ask(request: Request) -> Response:
    """POST /forgot: `email`."""
    state, form = _state_with_mail(request), await forms.read(request)
    try:
        visitor = request_identity.visitor(request)
        await mail.ask_for_reset(state.database, form.text("email"), visitor)
    except ChatserverError as error:
        return form_pages.page(request, "mail/forgot.html", {"form": form_pages.refuse(form, error)}, error)
    return forms.redirect(request, "/sign-in" if current_viewer(request) is None else "/sessions", notice=ANSWER)


# The address of an account -----------------------------------------------------------------------------------------


async def ask_for_verification(request: Request) -> Response:
    """POST /settings/verification: sends the viewer another link."""
    state, viewer = _state_with_mail(request), require_viewer(request)
    await forms.read(request)
    try:
        await mail.ask_for_verification(state.database, viewer.id, request_identity.visitor(request))
    except ChatserverError as error:
        return forms.redirect(request, "/settings", notice=error.message, kind="problem", at="profile")
    return forms.redirect(request, "/settings", notice="A link is on its way to your address.", at="profile")


async def show_verification(request: Request) -> Response:
    """GET /verify-email/{token}: asks before anything is done, since programs follow the links of e-mails too."""
    email = await _state_with_mail(request).database.run_system(email_verification.find, request.path_params["token"])
    return form_pages.page(request, "mail/verify_email.html", {"email": email})


async def verify(request: Request) -> Response:
    """POST /verify-email/{token}."""
    state = _state_with_mail(request)
    await forms.read(request)
    await state.database.run_system(email_verification.confirm, request.path_params["token"])
    onward = "/sign-in" if current_viewer(request) is None else "/plans"
    return forms.redirect(request, onward, notice="Your e-mail address is verified.")


PAGES = [
    Route("/forgot", show, methods=["GET"]),
    Route("/forgot", ask, methods=["POST"]),
    Route("/settings/verification", ask_for_verification, methods=["POST"]),
    Route("/verify-email/{token}", show_verification, methods=["GET"]),
    Route("/verify-email/{token}", verify, methods=["POST"]),
]
