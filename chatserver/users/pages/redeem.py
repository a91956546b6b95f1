"""The page of a code: one form, by which a visitor makes an account, or signs in, and has the session that the code is for.

`/redeem/{code}` is the link that is sold or given away. Nothing is looked up before the form is sent: whoever opens the
link, and every program that follows links, learns nothing by it and uses nothing up. And the trial session.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import codes, ids, sessions
from chatserver.codes import spelling, trials
from chatserver.errors import ChatserverError, NotAllowed, NotFound
from chatserver.identity.viewer import current_viewer, require_viewer
from chatserver.sessions.models import Session
from chatserver.state import state_of
from chatserver.users import request_identity
from chatserver.users.pages import visitor_forms
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

PATH = "/redeem"


async def show_redeem(request: Request) -> Response:
    """The form."""
    return await _page(request, Form({"code": ""}))


async def show_link(request: Request) -> Response:
    """The form with the code of the link in it; 404 for what cannot be a code."""
    code = request.path_params["code"]
    form = Form({"code": _tidied(code)})
    if len(spelling.normal(code)) == spelling.LENGTH:
        return await _page(request, form)
    error = NotFound("This link is not complete: its code is cut off.")
    return await _page(request, form.with_error(error), error)


def _tidied(text: str) -> str:
    """A code as it is printed, of whatever was typed; no longer than a code."""
    return spelling.shown(spelling.normal(text)[: spelling.LENGTH])


async def redeem(request: Request) -> Response:
    """Redeems the code of the form and redirects to its session; a visitor signs up, or in, with the same form."""
    form, viewer = await forms.parse(request), current_viewer(request)
    if viewer is None and ("email" not in form.values or form.flag("has_account")):
        return await _page(request, form)
    if viewer is None:
        forms.verify(request, form)
        return await _redeem_for_visitor(request, form)
    try:
        forms.verify(request, form)
    except NotAllowed:
        return await _page(request, form)  # a form from before the sign-in is shown once more
    try:
        session = await _redeem(request, viewer.id, form)
    except ChatserverError as error:
        return await _page(request, form_pages.refuse(form, error), error)
    return forms.redirect(request, f"/sessions/{session.id}")


async def _redeem_for_visitor(request: Request, form: Form) -> Response:
    codes.require_taken(state_of(request).config.checkout)
    try:
        signed_in = await visitor_forms.sign_up_or_in(
            request, form, has_account=visitor_forms.has_account(request, form)
        )
    except ChatserverError as error:
        return await _page(request, form_pages.refuse(form, error), error)
    try:
        session = await _redeem(request, signed_in.user.id, form)
        response = forms.redirect(request, f"/sessions/{session.id}")
    except ChatserverError as error:
        # The account is made: the page says what is wrong with the code, which is still in its field.
        why = form_pages.refuse(form, error)
        code = _tidied(form.text("code"))
        response = forms.redirect(
            request,
            f"{PATH}/{code}" if code else PATH,
            notice=f"Code: {why.error('code') or why.message}",
            kind="problem",
        )
    return visitor_forms.remember(request, response, signed_in)


async def _redeem(request: Request, user_id: str, form: Form) -> Session:
    state = state_of(request)
    codes.require_taken(state.config.checkout)
    session_id = form.text("session_id")
    return await codes.redeem(
        state.database,
        user_id,
        form.text("code"),
        request_identity.visitor(request),
        ids.parse(session_id, "session_id") if session_id else None,
    )


async def _page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    policy = state_of(request).config.sign_up
    context = {
        "form": form,
        "taken": codes.CHECKOUT in state_of(request).config.checkout,
        "has_account": visitor_forms.has_account(request, form),
        "policy": policy,
    }
    return form_pages.page(request, "codes/redeem.html", context, error)


async def begin_trial(request: Request) -> Response:
    """POST /trial: gives the viewer their trial session and redirects to it; a refusal is shown on the page of plans."""
    viewer, state = require_viewer(request), state_of(request)
    await forms.read(request)
    network = sessions.network_of(request_identity.visitor(request), state.secret_key)
    try:
        session = await state.database.run_system(
            trials.begin, viewer.id, state.config.trial_plan, state.secret_key, network
        )
    except ChatserverError as error:
        return forms.redirect(request, "/plans", notice=error.message, kind="problem")
    return forms.redirect(request, f"/sessions/{session.id}")


PAGES = [
    Route(PATH, show_redeem, methods=["GET"]),
    Route(PATH, redeem, methods=["POST"]),
    Route(PATH + "/{code}", show_link, methods=["GET"]),
    Route("/trial", begin_trial, methods=["POST"]),
]
