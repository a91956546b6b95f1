"""Storing new generations as jobs that wait, and what has to hold before: who may make them, of what, and how many."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from chatserver import credits, ids
from chatserver.database import Row, Transaction
from chatserver.errors import GuestsMayNot, NotAllowed, TooManyWaiting
from chatserver.generations.model_choice import refusal
from chatserver.generations.models import ModelChoice, ModelChoices
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.moderation import rules
from chatserver.providers.base import Kind, Task
from chatserver.providers.recipe import Recipe
from chatserver.sessions.models import Membership

# What a picture is guessed to take where none was made yet.
USUAL_WAIT_SECONDS = 10.0


def require_creator(membership: Membership) -> Membership:
    """The membership of who may spend credits; GuestsMayNot for a guest whom the owner does not let."""
    if not membership.is_owner and not membership.guests_may_generate:
        raise GuestsMayNot
    return membership


async def require_allowed(
    tx: Transaction, membership: Membership, recipe: Recipe, rules_version: str | None = None
) -> None:
    """Raises PromptNotAllowed where a rule of the operator's refuses what the person wrote."""
    await rules.require_allowed(tx, membership.plan_id, texts_of(recipe), rules_version)


def texts_of(recipe: Recipe) -> rules.PromptTexts:
    """What a person has written of a recipe."""
    return rules.PromptTexts(prompt=recipe.prompt, negative_prompt=recipe.negative_prompt, style=recipe.style)


async def require_room(tx: Transaction, count: int, waiting: int) -> None:
    """Raises TooManyWaiting where so many more would not fit beside those that wait. The caller holds the row of the
    person's budget."""
    most = tx.limits.waiting_pictures_per_user
    if not most or waiting + count <= most:
        return
    usual = await tx.fetch_value("generations.own_usual_wait")
    raise TooManyWaiting(
        f"{waiting} of your pictures and clips {'is' if waiting == 1 else 'are'} waiting already, and {most} is the most "
        "for one person. "
        "No credit was used; ask again when some of them are done.",
        retry_after=usual or USUAL_WAIT_SECONDS,
        details={"waiting": waiting, "most": most},
    )


def choose(choices: ModelChoices, task: Task) -> ModelChoice:
    """The provider and the model of a task; NotAllowed, with the reason, where nothing here carries it out."""
    reason = refusal(choices, task)
    if reason is not None:
        raise NotAllowed(reason)
    return choices[task]


async def find_source(tx: Transaction, session_id: str, asset_id: str) -> Row | None:
    """The row of a picture of this session, or of one's own, from which another may be made."""
    return await tx.fetch_one("generations.source_asset", asset_id=asset_id, session_id=session_id)


async def enqueue(
    tx: Transaction, membership: Membership, message_id: str, kind: Kind, new: list[dict[str, Any]]
) -> list[Row]:
    """Stores new generations (`rows_of`), holds their credits, and wakes the workers. Returns their rows."""
    owners = {"message_id": message_id, "session_id": membership.session_id, "user_id": membership.user_id}
    added = await tx.fetch_all("generations.insert", rows=[{**row, **owners} for row in new])
    await credits.hold(tx, membership.session_id, kind, [row["id"] for row in added])
    await credits.announce(tx, membership.session_id)
    announce_jobs(tx)
    return added


def rows_of(kind: Kind, recipes: Sequence[Recipe], choice: ModelChoice, first: int) -> list[dict[str, Any]]:
    """New generations by the names of their columns, numbered from `first`; without their message and who asked."""
    return [
        {
            "id": ids.new(),
            "kind": kind,
            "number": number,
            "provider": choice.provider,
            "model": choice.model,
            **structs.asdict(recipe),
        }
        for number, recipe in enumerate(recipes, start=first)
    ]


def announce_jobs(tx: Transaction) -> None:
    """Wakes the workers: generations are waiting."""
    tx.announce(JOBS_CHANNEL, JobsWaiting(kind="generation"))
