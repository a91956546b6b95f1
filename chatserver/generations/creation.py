"""Creating generations: in one statement where nothing is out of the ordinary, otherwise by the verb `create`."""

import contextlib

import msgspec
from msgspec import UNSET, Struct

from chatserver import credits, ids, messages
from chatserver.database import Database, StatementUndone, Transaction
from chatserver.database.records import with_times
from chatserver.errors import Invalid, NotFound, PlanTooSmall
from chatserver.generations import enqueueing, service
from chatserver.generations.model_choice import refusal
from chatserver.generations.models import ModelChoice, ModelChoices
from chatserver.generations.requests import CreateGeneration, check
from chatserver.messages.models import Message
from chatserver.moderation import rules
from chatserver.providers.recipe import Recipe
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest


class _AnyPlan(Struct, frozen=True):
    """The sizes of no plan: the statement compares with those of the session's plan."""

    plan_name: str = ""
    max_count: int = 4
    max_size: int = 2**31 - 1


class CheckedRequest(Struct, frozen=True):
    """A request that can be carried out at once, unless the session, its plan or its credits say otherwise.

    `rules_version` is that of the rules of prompts to which it was held.
    """

    request: CreateGeneration
    recipes: tuple[Recipe, ...]
    choice: ModelChoice
    rules_version: str


async def create(
    database: Database,
    user_id: str,
    session_id: str,
    request: CreateGeneration,
    choices: ModelChoices,
    mask: bytes | None = None,
) -> Message:
    """Makes what somebody asks for, as the verb `create` does; `mask` is the request's, verified. Raises as it."""
    message, checked = None, checked_request(request, choices)
    if checked is not None:
        with contextlib.suppress(StatementUndone):
            message = await database.run_single(create_at_once, user_id, session_id, checked)
    if message is None:
        message = await database.run_as(user_id, service.create, session_id, request, choices, mask)
    return message


def checked_request(request: CreateGeneration, choices: ModelChoices) -> CheckedRequest | None:
    """What can be told without the session; None where it takes the verb: for a request that is wrong or that nobody carries
    out, with a mask, for a prompt that a rule refuses on some plan, and as long as this process has read no rules."""
    if request.mask is not UNSET:
        return None
    try:
        check_client_id(request.client_id)
        recipes = check(request, _AnyPlan())
    except (Invalid, NotFound, PlanTooSmall):
        return None
    task = recipes[0].change or request.kind
    rules_version = rules.version_that_allows(enqueueing.texts_of(recipes[0]))
    if rules_version is None or refusal(choices, task) is not None:
        return None
    return CheckedRequest(request, recipes, choices[task], rules_version)


async def create_at_once(tx: Transaction, user_id: str, session_id: str, checked: CheckedRequest) -> Message | None:
    """The message with its waiting generations; None, and nothing stored, where it takes `create`.

    StatementUndone says the same.
    """
    request = checked.request
    rows = await tx.fetch_all(
        "generations.create_at_once",
        user_id=user_id,
        session_id=session_id,
        message_id=ids.new(),
        client_id=request.client_id,
        request_hash=digest(request),
        kind=request.kind,
        text=checked.recipes[0].prompt,
        rows=enqueueing.rows_of(request.kind, checked.recipes, checked.choice, first=1),
        rules_version=checked.rules_version,
        most=rate_limits.PICTURES.most(tx.limits),
        seconds=rate_limits.PICTURES.seconds,
        most_waiting=tx.limits.waiting_pictures_per_user,
    )
    if not rows:
        return None
    balances = [with_times(row, "next_at") for row in msgspec.json.decode(rows[0]["balances"])]
    credits.announce_balances(tx, session_id, credits.balances_from([session_id], balances)[session_id])
    enqueueing.announce_jobs(tx)
    return await messages.announce(tx, with_times(msgspec.json.decode(rows[0]["message"]), "created_at"), rows)
