"""The verbs of generations that people call: create, retry, enlarge, cancel, find.

The order of locks is everywhere the same: the session's credits, the generation, the asset, the session's row.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from chatserver import credits, ids, messages, sessions, styles
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, GuestsMayNot, Invalid, NotAllowed, NotFound, TooManyWaiting
from chatserver.generations import cancellation
from chatserver.generations.model_choice import ENLARGED_BY_NOBODY, refusal
from chatserver.generations.models import (
    ENDED,
    Generation,
    ModelChoice,
    ModelChoices,
    task_of,
)
from chatserver.generations.requests import (
    CreateGeneration,
    EnlargeGeneration,
    RetryGeneration,
    check,
    larger_size,
    new_seed,
)
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.messages.models import Message
from chatserver.moderation import rules
from chatserver.providers.base import Kind, Task
from chatserver.providers.recipe import Recipe
from chatserver.sessions.models import Membership
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest

# How much of a picture that is enlarged the model may change: what is missing in it, and not what it shows.
ENLARGING_STRENGTH = 0.2
# Versions that one message may gather.
MOST_VERSIONS = 40
# What a picture is guessed to take where none was made yet.
USUAL_WAIT_SECONDS = 10.0


async def create(tx: Transaction, session_id: str, request: CreateGeneration, choices: ModelChoices) -> Message:
    """A message with 1–4 waiting generations, each with its credit held; the same message for the same client_id."""
    entry = await messages.enter(tx, session_id, request.client_id, rate_limits.PICTURES, request.kind)
    membership = _require_creator(entry.membership)
    repeated = await entry.repeated(tx, digest(request))
    if repeated is not None:
        return repeated
    recipes = check(request, membership)
    await _require_allowed(tx, membership, recipes[0], entry.row["rules_version"])
    recipes = await _in_style(tx, recipes)
    choice = _choice(choices, recipes[0].change or request.kind)
    await _check_source(tx, session_id, recipes[0].source_asset_id)
    await _require_place(tx, len(recipes), entry.row["waiting"])
    await credits.require(tx, session_id, request.kind, len(recipes), entry.row["free"])
    new = messages.NewMessage(
        id=entry.new_id(),
        client_id=request.client_id,
        kind=request.kind,
        text=recipes[0].prompt,
        request_hash=digest(request),
    )
    row = await messages.add_silently(tx, membership, new)
    made = await _enqueue(tx, membership, new.id, request.kind, rows_of(request.kind, recipes, choice, 1))
    return await messages.announce(tx, row, made)


async def retry(tx: Transaction, request: RetryGeneration, choices: ModelChoices) -> Generation:
    """A new version of an ended generation with a new seed (the same one after a failure), under the same message; the same
    version for the same client_id."""
    generation_id = request.generation_id
    row = await _find(tx, generation_id)
    membership = await _creator_membership(tx, row["session_id"])
    if row["status"] not in ENDED:
        raise Conflict("This one is still being made.")
    await credits.lock(tx, membership.session_id, row["kind"])
    await _lock_shown(tx, generation_id)
    if row["source_asset_id"] and await _source(tx, membership.session_id, row["source_asset_id"]) is None:
        raise Conflict("The picture that this one changes was deleted, or is not yours.")
    await sessions.lock(tx, membership.session_id)
    repeated = await _repeated(tx, membership, request)
    if repeated is not None:
        return repeated
    child = await tx.fetch_value("generations.active_child", generation_id=generation_id)
    if child is not None:
        return await find(tx, child)
    recipe = Recipe.from_row(row)
    if row["status"] == "done":
        # With another seed it is another picture, at the size of this one.
        recipe = structs.replace(recipe, seed=new_seed(), enlargement=None)
    choice = _choice(choices, task_of(row["kind"], recipe.change, recipe.enlargement))
    return await _add_version(tx, membership, row, recipe, choice, request)


async def _repeated(
    tx: Transaction, membership: Membership, request: RetryGeneration | EnlargeGeneration
) -> Generation | None:
    """The version made before with this client_id; Conflict where that was another, NotFound where it was deleted since.

    The caller holds the session's lock.
    """
    if request.client_id is None:
        return None
    client_id = check_client_id(request.client_id)
    row = await tx.fetch_one("generations.by_client_id", session_id=membership.session_id, client_id=client_id)
    if row is None:
        return None
    if row["id"] is None:
        raise NotFound("This version was deleted.")
    if row["request_hash"] != digest(request):
        raise Conflict("This client_id was used for something else.", details={"field": "client_id"})
    return await find(tx, row["id"])


async def _add_version(
    tx: Transaction,
    membership: Membership,
    row: Row,
    recipe: Recipe,
    choice: ModelChoice,
    request: RetryGeneration | EnlargeGeneration,
) -> Generation:
    """Stores a waiting version of the generation `row`, for a credit. The caller holds the locks."""
    await _require_allowed(tx, membership, recipe)
    number = await tx.fetch_value("generations.next_number", message_id=row["message_id"])
    if number > MOST_VERSIONS:
        raise Conflict(f"A message keeps at most {MOST_VERSIONS} versions. Start a new one.")
    await rate_limits.consume(tx, rate_limits.PICTURES, membership.user_id)
    waiting = await tx.fetch_value("generations.count_waiting", user_id=membership.user_id)
    await _require_place(tx, 1, waiting)
    await credits.require(tx, membership.session_id, row["kind"], 1)
    [new] = rows_of(row["kind"], [recipe], choice, number)
    new |= {"parent_id": row["id"]}
    if request.client_id is not None:
        new |= {"client_id": request.client_id, "request_hash": f"\\x{digest(request).hex()}"}
    [added] = await _enqueue(tx, membership, row["message_id"], row["kind"], [new])
    await messages.touch(tx, row["message_id"])
    return await find(tx, added["id"])


async def enlarge(tx: Transaction, request: EnlargeGeneration, choices: ModelChoices) -> Generation:
    """A larger version of a finished picture, under the same message: drawn again from its seed by the provider that made
    it, where that gives the same picture; otherwise enlarged from it by a provider that makes variations. The same version
    for the same client_id."""
    generation_id = request.generation_id
    row = await _find(tx, generation_id)
    membership = await _creator_membership(tx, row["session_id"])
    if row["kind"] != "image" or row["status"] != "done":
        raise Conflict("Only a finished picture can be made larger.")
    width, height = larger_size(row["width"], row["height"], request.side, membership)
    await credits.lock(tx, membership.session_id, "image")
    await _lock_shown(tx, generation_id)
    asset = await tx.fetch_one("generations.picture_of", generation_id=generation_id)
    if asset is None:
        raise NotFound
    recipe = structs.replace(Recipe.from_row(row), width=width, height=height)
    recipe = _enlarged(recipe, row["provider"], asset["id"], choices)
    choice = _choice(choices, task_of("image", recipe.change, recipe.enlargement))
    if recipe.source_asset_id and await _source(tx, membership.session_id, recipe.source_asset_id) is None:
        raise Conflict("The picture that this one changes was deleted, or is not yours.")
    await sessions.lock(tx, membership.session_id)
    repeated = await _repeated(tx, membership, request)
    if repeated is not None:
        return repeated
    if await tx.fetch_value("generations.active_child", generation_id=generation_id) is not None:
        raise Conflict("Another version of this picture is being made. Ask again when it is there.")
    return await _add_version(tx, membership, row, recipe, choice, request)


def _enlarged(recipe: Recipe, made_by: str, asset_id: str, choices: ModelChoices) -> Recipe:
    if "redraw" in choices and choices["redraw"].provider == made_by:
        return structs.replace(recipe, enlargement="redrawn")
    if "variation" not in choices:
        raise NotAllowed(ENLARGED_BY_NOBODY)
    return structs.replace(
        recipe, source_asset_id=asset_id, change="variation", strength=ENLARGING_STRENGTH, enlargement="enlarged"
    )


async def cancel(tx: Transaction, generation_id: str) -> Generation:
    """Ends a generation that is not done and gives its credit back; by who asked for it, or the session's owner."""
    row = await _find(tx, generation_id)
    membership = await sessions.membership(tx, row["session_id"])
    if row["user_id"] != membership.user_id and not membership.is_owner:
        raise NotAllowed("Only who asked for it or the owner of the session may cancel it.")
    await credits.lock(tx, membership.session_id, row["kind"])
    if await cancellation.cancel_all(tx, [generation_id]):
        await messages.touch(tx, row["message_id"])
        await credits.announce(tx, membership.session_id)
    return await find(tx, generation_id)


async def find(tx: Transaction, generation_id: str) -> Generation:
    """One generation as people see it; NotFound where it is not there or not yours."""
    row = await _find(tx, generation_id)
    message = await messages.find(tx, row["message_id"])
    for generation in message.generations:
        if generation.id == generation_id:
            return generation
    raise NotFound  # its message was deleted


async def own_file(tx: Transaction, generation_id: str) -> str:
    """The id of the file of a generation, wherever it was made; NotFound where it has none that the user may see."""
    rows = await tx.fetch_all("generations.assets_of", generation_ids=[generation_id])
    if not rows:
        raise NotFound
    file_id: str = rows[0]["id"]
    return file_id


async def _creator_membership(tx: Transaction, session_id: str) -> Membership:
    return _require_creator(await sessions.active_membership(tx, session_id))


def _require_creator(membership: Membership) -> Membership:
    if not membership.is_owner and not membership.guests_may_generate:
        raise GuestsMayNot
    return membership


async def _require_allowed(
    tx: Transaction, membership: Membership, recipe: Recipe, rules_version: str | None = None
) -> None:
    """Raises PromptNotAllowed where a rule of the operator's refuses what the person wrote."""
    await rules.require_allowed(tx, membership.plan_id, texts_of(recipe), rules_version)


def texts_of(recipe: Recipe) -> rules.PromptTexts:
    """What a person has written of a recipe."""
    return rules.PromptTexts(prompt=recipe.prompt, negative_prompt=recipe.negative_prompt, style=recipe.style)


async def _require_place(tx: Transaction, count: int, waiting: int) -> None:
    """Raises TooManyWaiting where so many more would not fit beside those that wait. The caller holds the row of the
    person's budget."""
    most = tx.limits.waiting_pictures_per_user
    if not most or waiting + count <= most:
        return
    usual = await tx.fetch_value("generations.usual_wait")
    raise TooManyWaiting(
        f"{waiting} of your pictures and clips are waiting already, and {most} is the most for one person. "
        "No credit was used; ask again when some of them are done.",
        retry_after=usual or USUAL_WAIT_SECONDS,
        details={"waiting": waiting, "most": most},
    )


def _choice(choices: ModelChoices, task: Task) -> ModelChoice:
    reason = refusal(choices, task)
    if reason is not None:
        raise NotAllowed(reason)
    return choices[task]


async def _find(tx: Transaction, generation_id: str) -> Row:
    row = await tx.fetch_one("generations.find", generation_id=generation_id)
    if row is None:
        raise NotFound
    return row


async def _lock_shown(tx: Transaction, generation_id: str) -> None:
    """Locks a generation of which another version is asked for; Conflict where the operator has hidden it."""
    row = await tx.fetch_one("generations.lock", generation_id=generation_id)
    if row is None:
        raise NotFound  # deleted while we waited
    message = await tx.fetch_one("messages.find", message_id=row["message_id"])
    if row["withheld"] is not None or (message is not None and message["withheld"] is not None):
        raise Conflict("The operator has hidden this.")


async def _in_style(tx: Transaction, recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """The recipes with the words of their style, where it is one of the list."""
    style = await styles.find(tx, recipes[0].style) if recipes[0].style else None
    if style is None:
        return recipes
    words = {"style_before": style.before, "style_after": style.after, "style_without": style.without}
    return tuple(structs.replace(recipe, style=style.name, **words) for recipe in recipes)


async def _check_source(tx: Transaction, session_id: str, asset_id: str | None) -> None:
    if asset_id is None:
        return
    if await _source(tx, session_id, asset_id) is None:
        raise Invalid.field("source_asset_id", "names no picture of this session, and none of yours")


async def _source(tx: Transaction, session_id: str, asset_id: str) -> Row | None:
    return await tx.fetch_one("generations.source_asset", asset_id=asset_id, session_id=session_id)


async def _enqueue(
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
