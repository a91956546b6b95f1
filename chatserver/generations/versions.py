"""Other versions of a generation, under the same message: retry makes it again, enlarge makes it larger.

Locks are taken in the order credits, generation, asset, session.
"""

from msgspec import structs

from chatserver import credits, messages, sessions
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.generations import enqueueing, masks, service
from chatserver.generations.model_choice import ENLARGED_BY_NOBODY
from chatserver.generations.models import ENDED, Generation, ModelChoice, ModelChoices, task_of
from chatserver.generations.requests import EnlargeGeneration, RetryGeneration, larger_size, new_seed
from chatserver.providers.recipe import Recipe
from chatserver.sessions.models import Membership
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest

# How much of a picture that is enlarged the model may change: what is missing in it, and not what it shows.
ENLARGING_STRENGTH = 0.2
# Versions that one message may gather.
MOST_VERSIONS = 40
_UNDER_WAY = "Another version of this one is being made. Ask again when it is there."


async def retry(tx: Transaction, request: RetryGeneration, choices: ModelChoices) -> Generation:
    """A new version of an ended generation with a new seed (the same one after a failure), under the same message; the same
    version for the same client_id. Without one, whoever asks twice gets the version that is being made."""
    row = await service.find_row(tx, request.generation_id)
    made = await _made_before(tx, row["session_id"], request)
    if made is not None:
        return made
    membership = await _creator_membership(tx, row["session_id"])
    if row["status"] not in ENDED:
        raise Conflict("This one is still being made.")
    await _lock_shown(tx, membership, row)
    source = await _find_source(tx, membership, row["source_asset_id"])
    made = await _lock_session(tx, membership, request)
    if made is not None:
        return made
    child = await tx.fetch_one("generations.active_child", generation_id=row["id"])
    if child is not None:
        # A larger version is not what is asked for here; and to a key one version belongs: were this one the answer, the
        # same request would make another when it has ended, for another credit.
        is_larger = (child["width"], child["height"]) != (row["width"], row["height"])
        if is_larger or request.client_id is not None:
            raise Conflict(_UNDER_WAY)
        return await service.find(tx, child["id"])
    recipe = masks.sized(Recipe.from_row(row), source, membership.max_size)
    if row["status"] == "done":
        # With another seed it is another picture, at the size of this one.
        recipe = structs.replace(recipe, seed=new_seed(), enlargement=None)
    choice = enqueueing.choose(choices, task_of(row["kind"], recipe.change, recipe.enlargement))
    return await _add_version(tx, membership, row, recipe, choice, request)


async def enlarge(tx: Transaction, request: EnlargeGeneration, choices: ModelChoices) -> Generation:
    """A larger version of a finished picture, under the same message: drawn again from its seed by the provider that made
    it, where that gives the same picture; otherwise enlarged from it by a provider that makes variations, as is one of which
    only a part was made. The same version for the same client_id."""
    row = await service.find_row(tx, request.generation_id)
    made = await _made_before(tx, row["session_id"], request)
    if made is not None:
        return made
    membership = await _creator_membership(tx, row["session_id"])
    if row["kind"] != "image" or row["status"] != "done":
        raise Conflict("Only a finished picture can be made larger.")
    width, height = larger_size(row["width"], row["height"], request.side, membership)
    await _lock_shown(tx, membership, row)
    asset = await tx.fetch_one("generations.picture_of", generation_id=row["id"])
    if asset is None:
        raise NotFound
    recipe = structs.replace(Recipe.from_row(row), width=width, height=height)
    recipe = _enlarged(recipe, row["provider"], asset["id"], choices)
    choice = enqueueing.choose(choices, task_of("image", recipe.change, recipe.enlargement))
    await _find_source(tx, membership, recipe.source_asset_id)
    made = await _lock_session(tx, membership, request)
    if made is not None:
        return made
    if await tx.fetch_one("generations.active_child", generation_id=row["id"]) is not None:
        raise Conflict(_UNDER_WAY)
    return await _add_version(tx, membership, row, recipe, choice, request)


def _enlarged(recipe: Recipe, made_by: str, asset_id: str, choices: ModelChoices) -> Recipe:
    if not recipe.masked and "redraw" in choices and choices["redraw"].provider == made_by:
        return structs.replace(recipe, enlargement="redrawn")
    if "variation" not in choices:
        raise NotAllowed(ENLARGED_BY_NOBODY)
    return structs.replace(
        recipe,
        source_asset_id=asset_id,
        change="variation",
        strength=ENLARGING_STRENGTH,
        masked=False,
        enlargement="enlarged",
    )


async def _creator_membership(tx: Transaction, session_id: str) -> Membership:
    return enqueueing.require_creator(await sessions.active_membership(tx, session_id))


async def _lock_shown(tx: Transaction, membership: Membership, row: Row) -> None:
    """Locks the credits and the generation `row` of which a version is asked for; Conflict where it is hidden."""
    await credits.lock(tx, membership.session_id, row["kind"])
    locked = await tx.fetch_one("generations.lock", generation_id=row["id"])
    if locked is None:
        raise NotFound  # deleted while we waited
    message = await tx.fetch_one("messages.find", message_id=locked["message_id"])
    if locked["withheld"] is not None or (message is not None and message["withheld"] is not None):
        raise Conflict("The operator has hidden this.")


async def _find_source(tx: Transaction, membership: Membership, source_id: str | None) -> Row | None:
    """The picture that a version is made from, if there is one; Conflict where it has gone."""
    if source_id is None:
        return None
    source = await enqueueing.find_source(tx, membership.session_id, source_id)
    if source is None:
        raise Conflict("The picture that this one changes was deleted, or is not yours.")
    return source


async def _lock_session(
    tx: Transaction, membership: Membership, request: RetryGeneration | EnlargeGeneration
) -> Generation | None:
    """Locks the session; returns what a twin has made that was waited for."""
    await sessions.lock(tx, membership.session_id)
    return await _made_before(tx, membership.session_id, request)


async def _made_before(
    tx: Transaction, session_id: str, request: RetryGeneration | EnlargeGeneration
) -> Generation | None:
    """The version made before with this client_id; Conflict where that was another, NotFound where it was deleted since.

    It is the answer whatever has changed since: the session's time, its source, who makes pictures. Only under the lock of
    the session is None sure.
    """
    if request.client_id is None:
        return None
    client_id = check_client_id(request.client_id)
    row = await tx.fetch_one("generations.by_client_id", session_id=session_id, client_id=client_id)
    if row is None:
        return None
    if row["id"] is None:
        raise NotFound("This version was deleted.")
    if row["request_hash"] != digest(request):
        raise Conflict("This client_id was used for something else.", details={"field": "client_id"})
    return await service.find(tx, row["id"])


async def _add_version(
    tx: Transaction,
    membership: Membership,
    row: Row,
    recipe: Recipe,
    choice: ModelChoice,
    request: RetryGeneration | EnlargeGeneration,
) -> Generation:
    """Stores a waiting version of the generation `row`, for a credit. The caller holds the locks."""
    await enqueueing.require_allowed(tx, membership, recipe)
    number = await tx.fetch_value("generations.next_number", message_id=row["message_id"])
    if number > MOST_VERSIONS:
        raise Conflict(f"A message keeps at most {MOST_VERSIONS} versions. Start a new one.")
    await rate_limits.consume(tx, rate_limits.PICTURES, membership.user_id)
    waiting = await tx.fetch_value("generations.count_waiting", user_id=membership.user_id)
    await enqueueing.require_room(tx, 1, waiting)
    await credits.require(tx, membership.session_id, row["kind"], 1)
    [new] = enqueueing.rows_of(row["kind"], [recipe], choice, number)
    new |= {"parent_id": row["id"]}
    if request.client_id is not None:
        new |= {"client_id": request.client_id, "request_hash": f"\\x{digest(request).hex()}"}
    [added] = await enqueueing.enqueue(tx, membership, row["message_id"], row["kind"], [new])
    if recipe.masked:
        await masks.copy(tx, added["id"], row["id"])
    await messages.touch(tx, row["message_id"])
    return await service.find(tx, added["id"])
