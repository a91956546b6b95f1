"""The page of an invite link: one form, by which a visitor makes an account, or signs in, and is in the session."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatserver import sessions, users
from chatserver.errors import ChatserverError, NotFound
from chatserver.identity.viewer import Viewer, current_viewer
from chatserver.sessions.models import Invitation
from chatserver.state import state_of
from chatserver.users import authentication, request_identity
from chatserver.users.models import SignedIn
from chatserver.users.pages import visitor_forms
from chatserver.web import form_pages, forms, templating
from chatserver.web.forms import Form


async def show_invite(request: Request) -> Response:
    """What an invite leads to, and the form by which one joins; a member is led to the session."""
    viewer = current_viewer(request)
    try:
        invitation = await _invitation(request)
    except NotFound as error:
        return templating.render(request, "sessions/invite_gone.html", {"error": error}, error.status)
    if viewer is not None and await _was_removed(request, invitation.session_id, viewer.id):
        return templating.render(request, "sessions/removed.html", status=403)
    if viewer is not None and await _is_member(request, invitation.session_id, viewer):
        return RedirectResponse(f"/sessions/{invitation.session_id}", 303)
    return await _page(request, invitation, Form())


async def join(request: Request) -> Response:
    """Joins by an invite and redirects to the session; a visitor signs up, or in, with the same form."""
    form, viewer = await forms.parse(request), current_viewer(request)
    if viewer is None and form.flag("has_account"):
        return await _page(request, await _invitation(request), form)
    forms.verify(request, form)
    if viewer is not None:
        return await _enter(request, viewer.id)
    invitation = await _invitation(request)
    try:
        signed_in = await _identified(request, form)
    except ChatserverError as error:
        return await _page(request, invitation, form_pages.refuse(form, error), error)
    try:
        response = await _enter(request, signed_in.user.id)
    except ChatserverError as error:
        # The account is made: the page says why its session is closed to it.
        response = forms.redirect(request, request.url.path, notice=error.message, kind="problem")
    return visitor_forms.remember(request, response, signed_in)


async def _identified(request: Request, form: Form) -> SignedIn:
    """The account of a visitor: of a name only where that is enough, otherwise of an address and password."""
    if not _is_by_name(request, form):
        return await visitor_forms.sign_up_or_in(
            request, form, has_account=_has_account(request, form), invite=_code(request)
        )
    state, visitor = state_of(request), request_identity.visitor(request)
    issuer = authentication.sign_in_issuer()
    return await users.join_by_name(
        state.database, form.text("name"), _code(request), visitor, policy=state.config.sign_up, issuer=issuer
    )


async def _enter(request: Request, user_id: str) -> Response:
    session = await state_of(request).database.run_system(sessions.join, _code(request), user_id)
    return forms.redirect(request, f"/sessions/{session.id}")


async def _invitation(request: Request) -> Invitation:
    return await state_of(request).database.run_system(sessions.invitation, _code(request))


async def _was_removed(request: Request, session_id: str, viewer_id: str) -> bool:
    return await state_of(request).database.run_system(sessions.was_removed, session_id, viewer_id)


async def _is_member(request: Request, session_id: str, viewer: Viewer) -> bool:
    try:
        await state_of(request).database.run_as(viewer.id, sessions.membership, session_id)
    except NotFound:
        return False
    return True


def _has_account(request: Request, form: Form) -> bool:
    """Whether the form is that of a sign-in: asked for, or because nobody can make an account."""
    return visitor_forms.asks_to_sign_in(form) or state_of(request).config.sign_up == "closed"


def _is_by_name(request: Request, form: Form) -> bool:
    return state_of(request).config.guests_by_name and not _has_account(request, form)


async def _page(request: Request, invitation: Invitation, form: Form, error: ChatserverError | None = None) -> Response:
    context = {
        "invitation": invitation,
        "code": _code(request),
        "form": form,
        "has_account": _has_account(request, form),
        "by_name": _is_by_name(request, form),
        "policy": state_of(request).config.sign_up,
    }
    return form_pages.page(request, "sessions/invite.html", context, error)


def _code(request: Request) -> str:
    code: str = request.path_params["code"]
    return code


PAGES = [Route("/invite/{code}", show_invite, methods=["GET"]), Route("/invite/{code}", join, methods=["POST"])]
