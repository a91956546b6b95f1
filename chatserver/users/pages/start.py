"""The page between "Make it" and the first picture: one form that makes an account, buys a session and queues the picture.

`POST /start` without an address shows that form; with one it signs up, or in, and starts. Somebody who has signed in starts
at once. Whatever is sent twice, by a double press, a reload or Back, starts once (`generations/session_start.py`).
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatserver import plans, sessions
from chatserver.errors import ChatserverError, NotAllowed, NotFound
from chatserver.generations import session_start
from chatserver.generations.model_choice import model_choices
from chatserver.generations.session_start import StartOrder
from chatserver.identity.viewer import Viewer, current_viewer
from chatserver.plans.models import Plan
from chatserver.state import state_of
from chatserver.users import request_identity
from chatserver.users.pages import visitor_forms
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

# Where those are sent for whom nothing can be started: the page says how to get a session.
OTHERWISE = "/plans"


async def show_start(request: Request) -> Response:
    """The form for a plan, `?plan=<id>`, and no picture yet."""
    return await _page(request, Form({"plan_id": request.query_params.get("plan", ""), "start_id": str(uuid4())}))


async def start(request: Request) -> Response:
    """Shows the form for what was typed on the landing page, or carries it out."""
    form, viewer = await forms.parse(request), current_viewer(request)
    if viewer is not None:
        return await _start_for_viewer(request, form, viewer)
    if "email" not in form.values or form.flag("has_account"):
        return await _page(request, form)
    forms.verify(request, form)
    return await _start_for_visitor(request, form)


async def _start_for_viewer(request: Request, form: Form, viewer: Viewer) -> Response:
    """Starts at once. A form from before the sign-in finds what it has started, or is shown once more."""
    try:
        order = await _order(request, form)
        try:
            forms.verify(request, form)
        except NotAllowed:
            started = await session_start.find_started(
                state_of(request).database, viewer.id, order, checkout=sessions.INSTANT
            )
            return forms.redirect(request, f"/sessions/{started.id}") if started else await _page(request, form)
        return await _carry_out(request, viewer.id, order)
    except NotFound:
        return forms.redirect(request, "/sessions")  # what was started has been deleted since
    except ChatserverError as error:
        return await _page(request, form_pages.refuse(form, error), error)


async def _start_for_visitor(request: Request, form: Form) -> Response:
    try:
        order = await _order(request, form)
        signed_in = await visitor_forms.sign_up_or_in(
            request, form, has_account=visitor_forms.has_account(request, form)
        )
    except ChatserverError as error:
        return await _page(request, form_pages.refuse(form, error), error)
    try:
        response = await _carry_out(request, signed_in.user.id, order)
    except ChatserverError as error:
        # The account is made: the page of plans says why there is no session yet, and the browser keeps the prompt.
        response = forms.redirect(request, OTHERWISE, notice=error.message, kind="problem")
    return visitor_forms.remember(request, response, signed_in)


async def _order(request: Request, form: Form) -> StartOrder:
    return session_start.check(form.text("start_id"), (await _plan(request, form)).id, form.raw("prompt"))


async def _plan(request: Request, form: Form) -> Plan:
    """The plan of the form, or the default one. Raises NotFound where none is on offer."""
    state = state_of(request)
    offered = await state.database.run_system(plans.list_plans)
    if not offered:
        raise NotFound("There is no plan on offer.")
    return plans.default_of(offered, form.text("plan_id") or state.config.default_plan)


async def _carry_out(request: Request, user_id: str, order: StartOrder) -> Response:
    """Starts the session and redirects to it; to the plans where the operator grants sessions."""
    state = state_of(request)
    if sessions.INSTANT not in state.config.checkout:
        return forms.redirect(request, OTHERWISE)
    choices = model_choices(state.providers)
    network = sessions.network_of(request_identity.visitor(request), state.secret_key)
    session = await session_start.start(
        state.database, user_id, order, choices, checkout=sessions.INSTANT, network=network
    )
    return forms.redirect(request, f"/sessions/{session.id}")


async def _page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    state, viewer = state_of(request), current_viewer(request)
    if viewer is not None and sessions.INSTANT not in state.config.checkout:
        return RedirectResponse(OTHERWISE, 303)
    context: Mapping[str, Any] = {
        "form": form,
        "plan": await _plan(request, form),
        "checkout": state.config.checkout,
        "has_account": visitor_forms.has_account(request, form),
        "policy": state.config.sign_up,
    }
    response = form_pages.page(request, "users/start.html", context, error)
    # Back leads here from the session, and a browser that has not stored the page would ask to send the form again; with
    # `Vary: Cookie` the sign-in in between would make it another page. It holds no secret.
    response.headers["Cache-Control"] = "private, no-cache"
    del response.headers["Vary"]
    return response


PAGES = [Route("/start", show_start, methods=["GET"]), Route("/start", start, methods=["POST"])]
