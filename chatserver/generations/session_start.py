"""Starts a session on a plan with its first picture under way: what "Make it" on the landing page leads to.

    order = session_start.check(start_id, plan_id, prompt)
    session = await session_start.start(database, user_id, order, choices, checkout="instant", network=network)

An order is carried out once however often it is sent: `start_id`, made when its form was rendered, is the reference of the
purchase and the key of the picture.
"""

from uuid import UUID, uuid5

import structlog
from msgspec import Struct

from chatserver import sessions
from chatserver.database import Database
from chatserver.errors import ChatserverError, Invalid
from chatserver.generations import service
from chatserver.generations.models import ModelChoices
from chatserver.generations.requests import PROMPT_LENGTH, CreateGeneration
from chatserver.sessions.models import Session
from chatserver.validation import optional_paragraphs

log = structlog.get_logger(__name__)


class StartOrder(Struct, frozen=True, kw_only=True):
    """What is to be started: the plan, and the first picture's prompt; None for a session that begins empty."""

    start_id: UUID
    plan_id: str
    prompt: str | None

    def reference(self, user_id: str) -> str:
        """The reference of the purchase; of no other user, whatever ids they send."""
        return f"start {self.start_id} {user_id}"

    def picture(self, prompt: str) -> CreateGeneration:
        """The first picture, as the plan makes it by default. The same prompt is the same picture."""
        return CreateGeneration(client_id=str(uuid5(self.start_id, prompt)), kind="image", prompt=prompt)


def check(start_id: str, plan_id: str, prompt: str) -> StartOrder:
    """The order of a form; Invalid with field `start_id` or `prompt`."""
    try:
        parsed = UUID(start_id)
    except ValueError:
        raise Invalid.field("start_id", "must be a UUID") from None
    return StartOrder(start_id=parsed, plan_id=plan_id, prompt=optional_paragraphs("prompt", prompt, PROMPT_LENGTH))


async def start(
    database: Database, user_id: str, order: StartOrder, choices: ModelChoices, *, checkout: str, network: str
) -> Session:
    """Buys the session and queues the picture, or finds what this order has started already. `network`: see `sessions.buy`.

    Raises what `sessions.buy_once` raises. A picture that is refused costs nothing and keeps nobody from the session: the
    browser has its prompt, and the composer shows it.
    """
    reference = order.reference(user_id)
    session = await database.run_system(
        sessions.buy_once, user_id, order.plan_id, checkout=checkout, reference=reference, network=network
    )
    if order.prompt:
        try:
            await database.run_as(user_id, service.create, session.id, order.picture(order.prompt), choices)
        except ChatserverError as error:
            log.warning("session.first_picture_refused", session_id=session.id, error=error.code)
    return session


async def find_started(database: Database, user_id: str, order: StartOrder, *, checkout: str) -> Session | None:
    """The session that this order has started already, or None."""
    return await database.run_system(
        sessions.find_bought, user_id, checkout=checkout, reference=order.reference(user_id)
    )
