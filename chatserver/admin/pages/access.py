"""Who may open the operator's pages: admins with a browser's sign-in. The role is read with each request, and again in the
transaction of each act, so that a demoted admin is out at once."""

from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from chatserver import users
from chatserver.assets.streams import WhileOpen
from chatserver.audit import Actor
from chatserver.database import Transaction
from chatserver.errors import NotAllowed
from chatserver.identity.viewer import Viewer, require_browser
from chatserver.state import state_of

P = ParamSpec("P")
R = TypeVar("R")

# Seconds between two looks whether the receiver of a long response may have the rest of it.
CHECK_SECONDS = 2.0
REFUSAL = "This page is for the operator of this site."


def require_admin(request: Request) -> Viewer:
    """The admin who sends a request. Raises NotSignedIn, which leads a browser to the sign-in page, or NotAllowed."""
    viewer = require_browser(request)
    if viewer.role != "admin":
        raise NotAllowed(REFUSAL)
    return viewer


def while_admin(request: Request, response: Response) -> Response:
    """A long response, cut once its receiver is no admin any more, or has signed out."""
    viewer, database = require_admin(request), state_of(request).database
    return WhileOpen(response, lambda: database.run_system(_is_admin, viewer), CHECK_SECONDS)


async def _is_admin(tx: Transaction, viewer: Viewer) -> bool:
    is_valid = viewer.credential_id in await users.valid_credentials(tx, [viewer.credential_id])
    return is_valid and viewer.id in {row["id"] for row in await tx.fetch_all("admin.admins")}


async def act(
    request: Request,
    verb: Callable[Concatenate[Transaction, Actor, P], Awaitable[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """Runs `verb(tx, actor, …)` as the worker role for an admin whose role holds until COMMIT. Raises NotAllowed."""
    require_admin(request)
    database = state_of(request).database
    return await database.run_system(_confirmed, verb, Actor.of(request), *args, **kwargs)


async def act_alone(
    request: Request,
    verb: Callable[Concatenate[Transaction, Actor, P], Awaitable[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """`act` for verbs that change who is an admin: they lock the admins in one order, and confirm the actor's role then."""
    require_admin(request)
    database = state_of(request).database
    return await database.run_system(verb, Actor.of(request), *args, **kwargs)


async def _confirmed(
    tx: Transaction,
    verb: Callable[Concatenate[Transaction, Actor, P], Awaitable[R]],
    actor: Actor,
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    if await tx.fetch_value("admin.hold_role", id=actor.id) is None:
        raise NotAllowed(REFUSAL)
    return await verb(tx, actor, *args, **kwargs)
