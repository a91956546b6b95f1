"""The pages of sessions: landing, plans and buying, the list of sessions."""

from math import ceil
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids, plans, sessions
from chatserver.codes import trials
from chatserver.database import Transaction
from chatserver.errors import AddressNotVerified, ChatserverError, RateLimited
from chatserver.generations import examples
from chatserver.identity.viewer import current_viewer, require_viewer
from chatserver.sessions import service
from chatserver.state import state_of
from chatserver.users import email_verification, request_identity
from chatserver.web import errors, forms, templating


async def show_landing(request: Request) -> Response:
    """What the product is, and the plans; for somebody signed in, the list of their sessions."""
    if current_viewer(request) is not None:
        return await list_own(request)
    state = state_of(request)
    offered = await state.database.run_system(plans.list_plans)
    context = {
        "offers": plans.offers(offered, state.config.default_plan),
        "checkout": state.config.checkout,
        "examples": examples,
        "start_id": str(uuid4()),
        "origin": state.config.origin,
    }
    return templating.render(request, "sessions/landing.html", context)


async def list_own(request: Request) -> Response:
    """The viewer's sessions, active ones first; with `?before=<id>` the page after that one."""
    viewer, state = require_viewer(request), state_of(request)
    before = request.query_params.get("before")
    cards = await state.database.run_as(viewer.id, sessions.list_cards, ids.parse(before, "before") if before else None)
    names = {plan.id: plan.name for plan in await state.database.run_system(plans.list_all)}
    context = {
        "cards": cards,
        "plan_names": names,
        "older": cards[-1].session.id if len(cards) == service.PAGE else None,
        "checkout": state.config.checkout,
        "examples": examples,
        "start_id": str(uuid4()),
    }
    return templating.render(request, "sessions/index.html", context)


async def show_plans(request: Request) -> Response:
    """The plans, to buy a session or, with `?session=<id>`, to extend one."""
    return await _plans_page(request, await _extended(request, request.query_params.get("session")))


async def _plans_page(
    request: Request, extended: sessions.Session | None, error: ChatserverError | None = None
) -> Response:
    """The plans and the viewer's quota of sessions; `error` says why a purchase was refused."""
    state, viewer = state_of(request), current_viewer(request)
    run = state.database.run_system
    offered = await run(plans.list_plans)
    fitting = [plan for plan in offered if extended is None or sessions.can_extend(plan, extended)]
    context = {
        "offers": plans.offers(fitting, state.config.default_plan),
        "checkout": state.config.checkout,
        "payments_mode": state.config.payments_mode,
        "extended": extended,
        "quota": await run(sessions.session_quota, viewer.id) if viewer else None,
        "free": await run(sessions.free_quotas, viewer.id, _network(request)) if viewer else [],
        "unverified": await run(_unverified, viewer.id) if viewer else None,
        "trial": await run(trials.offered, viewer.id if viewer else None, state.config.trial_plan, state.secret_key),
        "form": forms.Form(),
        "error": error,
    }
    response = templating.render(request, "sessions/plans.html", context, error.status if error else 200)
    if error is not None and error.retry_after is not None:
        response.headers["Retry-After"] = str(ceil(error.retry_after))
    return response


async def _unverified(tx: Transaction, user_id: str) -> email_verification.AddressStatus | None:
    """The address that somebody has yet to verify, or to give, before they may have a free session."""
    if not tx.limits.free_sessions_need_verified_address:
        return None
    address = await email_verification.status(tx, user_id)
    return None if address.may_have_free_sessions else address


async def _extended(request: Request, session_id: str | None) -> sessions.Session | None:
    if not session_id:
        return None
    return await state_of(request).database.run_as(
        require_viewer(request).id, sessions.find, ids.parse(session_id, "session")
    )


async def buy(request: Request) -> Response:
    """Buys or extends a session and redirects to it; a limit reached is shown on the page of plans."""
    viewer, run, form = require_viewer(request), state_of(request).database.run_system, await forms.read(request)
    sessions.require_instant(state_of(request).config.checkout)
    order = sessions.SessionOrder(
        plan_id=form.text("plan_id"),
        session_id=ids.parse(form.text("session_id")) if form.text("session_id") else None,
        title=form.text("title"),
        client_id=form.text("client_id") or None,
    )
    try:
        session = await run(sessions.take, viewer.id, order, network=_network(request))
    except (RateLimited, AddressNotVerified) as error:
        if not errors.wants_html(request):
            raise
        return await _plans_page(request, await _extended(request, order.session_id), error)
    return forms.redirect(request, f"/sessions/{session.id}")


def _network(request: Request) -> str:
    return sessions.network_of(request_identity.visitor(request), state_of(request).secret_key)


PAGES = [
    Route("/", show_landing),
    Route("/plans", show_plans),
    Route("/sessions", list_own),
    Route("/sessions", buy, methods=["POST"]),
]
