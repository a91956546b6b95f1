"""API routes of sessions, invites and credits."""

from typing import Annotated

from msgspec import Struct
from starlette.responses import Response

from chatserver import credits, sessions
from chatserver.api.endpoint import ApiRequest, Endpoint, json_response
from chatserver.database import Transaction
from chatserver.generations import cancellation
from chatserver.payments.processing import PaymentProcessor
from chatserver.privacy import session_deletion
from chatserver.sessions import titles
from chatserver.sessions.models import Removal, Session, SessionOrder
from chatserver.users import request_identity
from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds
from chatserver.web.hosts import link_origin


class NewSession(Struct, frozen=True, forbid_unknown_fields=True):
    """Buy a session on a plan. `client_id` makes a repetition harmless."""

    plan_id: str
    title: Annotated[str, bounds(maxLength=titles.LONGEST)] | None = None
    client_id: ClientId | None = None


class Extension(Struct, frozen=True, forbid_unknown_fields=True):
    """Buy more time for a session. `client_id` makes a repetition harmless."""

    plan_id: str
    client_id: ClientId | None = None


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner changes; what is left out stays."""

    title: Annotated[str, bounds(maxLength=titles.LONGEST)] | None = None
    guests_may_generate: bool | None = None


class NewInvite(Struct, frozen=True, forbid_unknown_fields=True):
    """Make an invite link, and say whether guests may generate."""

    guests_may_generate: bool | None = None


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """An empty body."""


class SessionAnswer(Struct, frozen=True):
    """One session."""

    session: Session


class CheckoutAnswer(Struct, frozen=True):
    """Where what was asked for is paid: a page of the payment service, open for an hour. The session comes after that."""

    checkout_url: str


class SessionsAnswer(Struct, frozen=True):
    """One's own sessions and those one is a guest in, active ones first."""

    sessions: list[Session]


class RemovalsAnswer(Struct, frozen=True):
    """Who was sent away, the last first."""

    removals: list[Removal]


class InviteAnswer(Struct, frozen=True):
    """The link that guests open, and its code."""

    url: str
    code: str


class CreditsAnswer(Struct, frozen=True):
    """Both balances of a session."""

    credits: credits.Balances


async def buy_session(request: ApiRequest, body: NewSession) -> SessionAnswer | Response:
    return await _carry_out(request, SessionOrder(plan_id=body.plan_id, title=body.title, client_id=body.client_id))


async def extend_session(request: ApiRequest, body: Extension) -> SessionAnswer | Response:
    session_id = request.id("session_id")
    return await _carry_out(
        request, SessionOrder(plan_id=body.plan_id, session_id=session_id, client_id=body.client_id)
    )


async def _carry_out(request: ApiRequest, order: SessionOrder) -> SessionAnswer | Response:
    processor: PaymentProcessor = request.http.app.state.payments
    if sessions.INSTANT not in request.state.config.checkout and processor.gateways:
        return json_response(CheckoutAnswer(await processor.check_out(request.viewer.id, order)), 202)
    sessions.require_instant(request.state.config.checkout)
    take = request.state.database.run_system
    return SessionAnswer(await take(sessions.take, request.viewer.id, order, network=_network(request)))


def _network(request: ApiRequest) -> str:
    return sessions.network_of(request_identity.visitor(request.http), request.state.secret_key)


async def list_sessions(request: ApiRequest) -> SessionsAnswer:
    return SessionsAnswer(await request.state.database.run_as(request.viewer.id, sessions.list_sessions))


async def show_session(request: ApiRequest) -> SessionAnswer:
    session_id = request.id("session_id")
    return SessionAnswer(await request.state.database.run_as(request.viewer.id, sessions.find, session_id))


async def change_session(request: ApiRequest, body: Changes) -> SessionAnswer:
    run, session_id = request.state.database.run_as, request.id("session_id")
    return SessionAnswer(await run(request.viewer.id, _change_session, session_id, body))


async def _change_session(tx: Transaction, session_id: str, changes: Changes) -> Session:
    """One transaction: where one change is refused, the other is not made either."""
    if changes.title is not None:
        await sessions.rename(tx, session_id, changes.title)
    if changes.guests_may_generate is not None:
        await sessions.allow_guests(tx, session_id, changes.guests_may_generate)
    return await sessions.find(tx, session_id)


async def delete_session(request: ApiRequest) -> None:
    run, session_id = request.state.database.run_system, request.id("session_id")
    await run(session_deletion.delete_session, request.viewer.id, session_id)
    # Already hidden from everybody; housekeeping purges what is left if this process ends here.
    while await run(session_deletion.purge_session, session_id):
        pass


async def remove_member(request: ApiRequest) -> None:
    run, user_id = request.state.database.run_as, request.id("user_id")
    session_id = request.id("session_id")
    await run(request.viewer.id, _remove_member, session_id, user_id)
    await request.state.database.run_system(sessions.announce, session_id)


async def _remove_member(tx: Transaction, session_id: str, user_id: str) -> None:
    # If the viewer may not remove this member, the transaction is rolled back, and nothing is cancelled.
    await cancellation.cancel_of_member(tx, session_id, user_id)
    await sessions.remove_member(tx, session_id, user_id)


async def list_removals(request: ApiRequest) -> RemovalsAnswer:
    return RemovalsAnswer(
        await request.state.database.run_as(request.viewer.id, sessions.list_removals, request.id("session_id"))
    )


async def readmit(request: ApiRequest) -> None:
    run, session_id = request.state.database.run_as, request.id("session_id")
    await run(request.viewer.id, sessions.readmit, session_id, request.id("user_id"))


async def create_invite(request: ApiRequest, body: NewInvite) -> InviteAnswer:
    code = await request.state.database.run_as(
        request.viewer.id, sessions.invite, request.id("session_id"), guests_may_generate=body.guests_may_generate
    )
    return InviteAnswer(f"{link_origin(request.state.config, request.http.scope)}/invite/{code}", code)


async def revoke_invites(request: ApiRequest) -> None:
    await request.state.database.run_as(request.viewer.id, sessions.revoke, request.id("session_id"))


async def accept_invite(request: ApiRequest, _body: Nothing) -> SessionAnswer:
    join = request.state.database.run_system
    return SessionAnswer(await join(sessions.join, request.text("code"), request.viewer.id))


async def show_credits(request: ApiRequest) -> CreditsAnswer:
    session_id = request.id("session_id")
    session = await request.state.database.run_as(request.viewer.id, sessions.find, session_id)
    return CreditsAnswer(session.credits)


_ONE = "/sessions/{session_id}"
# Where sessions are paid for, and none is given for nothing.
_CHECKOUT = {202: CheckoutAnswer}

ROUTES = [
    Endpoint(
        "POST",
        "/sessions",
        buy_session,
        summary="Buy a session",
        body=NewSession,
        answer=SessionAnswer,
        status=201,
        also=_CHECKOUT,
        errors=(502,),
    ),
    Endpoint("GET", "/sessions", list_sessions, summary="Your sessions", answer=SessionsAnswer),
    Endpoint("GET", _ONE, show_session, summary="One session", answer=SessionAnswer),
    Endpoint(
        "PATCH", _ONE, change_session, summary="Change title or guests' rights", body=Changes, answer=SessionAnswer
    ),
    Endpoint(
        "POST",
        f"{_ONE}/extend",
        extend_session,
        summary="Buy more time",
        body=Extension,
        answer=SessionAnswer,
        also=_CHECKOUT,
        errors=(502,),
    ),
    Endpoint("DELETE", _ONE, delete_session, summary="Delete a session for everyone in it", status=204),
    Endpoint("DELETE", f"{_ONE}/members/{{user_id}}", remove_member, summary="Send away, or leave", status=204),
    Endpoint(
        "GET", f"{_ONE}/removals", list_removals, summary="Who was sent away, by the owner", answer=RemovalsAnswer
    ),
    Endpoint("DELETE", f"{_ONE}/removals/{{user_id}}", readmit, summary="Let somebody back in", status=204),
    Endpoint(
        "POST",
        f"{_ONE}/invites",
        create_invite,
        summary="An invite link",
        body=NewInvite,
        answer=InviteAnswer,
        status=201,
    ),
    Endpoint("DELETE", f"{_ONE}/invites", revoke_invites, summary="End all invite links", status=204),
    Endpoint("POST", "/invites/{code}", accept_invite, summary="Join by an invite", body=Nothing, answer=SessionAnswer),
    Endpoint("GET", f"{_ONE}/credits", show_credits, summary="A session's credits", answer=CreditsAnswer),
]
