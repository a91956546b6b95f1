"""The pages to sign up, sign in, sign out and reset a password."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatserver import mail, sessions, users
from chatserver.errors import ChatserverError, NotFound
from chatserver.identity.viewer import current_viewer
from chatserver.sessions.models import Invitation
from chatserver.state import state_of
from chatserver.text import normalization
from chatserver.users import authentication, device_cookies, request_identity
from chatserver.users.pages import visitor_forms
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

# Where a user is sent without a `next` address: a new one has no session yet.
AFTER_SIGN_UP = "/plans"
AFTER_SIGN_IN = "/sessions"
_INVITE = "/invite/"


# Sign up ----------------------------------------------------------------------------------------------------------


async def show_sign_up(request: Request) -> Response:
    onward = forms.local_path(request.query_params.get("next", ""), AFTER_SIGN_UP)
    if current_viewer(request) is not None:
        return RedirectResponse(onward, 303)
    return await _sign_up_page(request, Form({"next": onward, "invite": _invite_of(onward)}))


def _invite_of(path: str) -> str:
    """The invite code of a path to an invite, or an empty text."""
    return normalization.invite_code(path) if path.startswith(_INVITE) else ""


async def _invitation(request: Request, form: Form) -> Invitation | None:
    """The session that somebody is about to join, or None."""
    code = _invite_of(form.text("next"))
    try:
        return await state_of(request).database.run_system(sessions.invitation, code) if code else None
    except NotFound:
        return None


async def _entered(request: Request, onward: str, user_id: str) -> str:
    """Where somebody goes who has just signed up or in: an invite is accepted, and its session is where they go."""
    code = _invite_of(onward)
    if not code:
        return onward
    try:
        session = await state_of(request).database.run_system(sessions.join, code, user_id)
    except ChatserverError:
        return onward  # the invite's page says why
    return f"/sessions/{session.id}"


async def _sign_up_page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    policy = state_of(request).config.sign_up
    may = policy == "open" or (policy == "invite" and form.text("invite") != "")
    context = {
        "form": form,
        "may_sign_up": may,
        "policy": policy,
        "sign_in": _with_next("/sign-in", form),
        "invitation": await _invitation(request, form),
    }
    return form_pages.page(request, "users/sign_up.html", context, error)


def _with_next(path: str, form: Form) -> str:
    onward = form.text("next")
    return path if onward in {"", AFTER_SIGN_IN, AFTER_SIGN_UP} else f"{path}?{urlencode({'next': onward})}"


async def sign_up(request: Request) -> Response:
    state, form = state_of(request), await forms.read(request)
    registration = authentication.Registration(
        email=form.text("email"), name=form.text("name"), password=form.raw("password"), invite=form.text("invite")
    )
    issuer = mail.with_verification(state.config, authentication.sign_in_issuer(replacing=current_viewer(request)))
    visitor, policy = request_identity.visitor(request), state.config.sign_up
    try:
        signed_in = await users.sign_up(state.database, registration, visitor, policy=policy, issuer=issuer)
    except ChatserverError as error:
        return await _sign_up_page(request, form_pages.refuse(form, error), error)
    onward = await _entered(request, forms.local_path(form.text("next"), AFTER_SIGN_UP), signed_in.user.id)
    response = forms.redirect(request, onward, notice=f"Welcome, {signed_in.user.name}!")
    return visitor_forms.remember(request, response, signed_in)


# Sign in and out --------------------------------------------------------------------------------------------------


async def show_sign_in(request: Request) -> Response:
    onward = forms.local_path(request.query_params.get("next", ""), AFTER_SIGN_IN)
    if current_viewer(request) is not None:
        return RedirectResponse(onward, 303)
    return await _sign_in_page(request, Form({"next": onward}))


async def _sign_in_page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    context = {
        "form": form,
        "sign_up": _with_next("/sign-up", form),
        "policy": state_of(request).config.sign_up,
        "invitation": await _invitation(request, form),
    }
    return form_pages.page(request, "users/sign_in.html", context, error)


async def sign_in(request: Request) -> Response:
    state, form = state_of(request), await forms.read(request)
    issuer = authentication.sign_in_issuer(replacing=current_viewer(request))
    email, password, visitor = form.text("email"), form.raw("password"), request_identity.visitor(request)
    try:
        signed_in = await users.sign_in(state.database, email, password, visitor, issuer=issuer)
    except ChatserverError as error:
        return await _sign_in_page(request, form_pages.refuse(form, error), error)
    onward = await _entered(request, forms.local_path(form.text("next"), AFTER_SIGN_IN), signed_in.user.id)
    return visitor_forms.remember(request, forms.redirect(request, onward), signed_in)


async def sign_out(request: Request) -> Response:
    """Ends the sign-in; for whom it has ended already, as in another tab, what this browser has of it."""
    state, viewer = state_of(request), current_viewer(request)
    if viewer is not None:
        await forms.read(request)
    if viewer is not None and viewer.via == "cookie":
        await state.database.run_as(viewer.id, users.sign_out, viewer)
    response = forms.redirect(request, "/", notice="You are signed out.")
    request_identity.clear_cookie(response, state.config)
    return response


# Reset ------------------------------------------------------------------------------------------------------------


async def show_reset(request: Request) -> Response:
    return await _reset_page(request, Form())


async def _reset_page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    email = await state_of(request).database.run_system(users.find_reset, request.path_params["token"])
    return form_pages.page(request, "users/reset.html", {"form": form, "email": email}, error)


async def reset(request: Request) -> Response:
    state, form = state_of(request), await forms.read(request)
    try:
        user = await users.reset_password(state.database, request.path_params["token"], form.raw("password"))
    except ChatserverError as error:
        return await _reset_page(request, form_pages.refuse(form, error), error)
    response = forms.redirect(request, "/sign-in", notice="Your new password is set. Please sign in with it.")
    # The holder of the link is the owner: earlier guesses of strangers must not make this browser's sign-in wait.
    device_cookies.remember(request, response, user.id)
    return response


PAGES = [
    Route("/sign-up", show_sign_up, methods=["GET"]),
    Route("/sign-up", sign_up, methods=["POST"]),
    Route("/sign-in", show_sign_in, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/reset/{token}", show_reset, methods=["GET"]),
    Route("/reset/{token}", reset, methods=["POST"]),
]
