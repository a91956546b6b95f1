"""The verbs of generations that people call: create, cancel, find. Other versions of one are made by `versions`.

The order of locks is everywhere the same: the session's credits, the generation, the asset, the session's row.
"""

from msgspec import structs

from chatserver import credits, messages, sessions, styles
from chatserver.database import Row, Transaction
from chatserver.errors import NotAllowed, NotFound
from chatserver.generations import cancellation, enqueueing, masks
from chatserver.generations.models import Generation, ModelChoices
from chatserver.generations.requests import CreateGeneration, check, no_source
from chatserver.messages.models import Message
from chatserver.providers.recipe import Recipe
from chatserver.users import rate_limits
from chatserver.users.idempotency import digest


async def create(
    tx: Transaction, session_id: str, request: CreateGeneration, choices: ModelChoices, mask: bytes | None = None
) -> Message:
    """A message with 1–4 waiting generations, each with its credit held; the same message for the same client_id.

    `mask` is the request's, as `masks.verified` gives it.
    """
    entry = await messages.enter(tx, session_id, request.client_id, rate_limits.PICTURES, request.kind)
    repeated = await entry.repeated(tx, digest(request))
    if repeated is not None:
        return repeated
    membership = enqueueing.require_creator(entry.membership)
    await entry.require_counted(tx)
    recipes = check(request, membership)
    await enqueueing.require_allowed(tx, membership, recipes[0], entry.row["rules_version"])
    recipes = await _in_style(tx, recipes)
    choice = enqueueing.choose(choices, recipes[0].change or request.kind)
    source = await _find_source(tx, session_id, recipes[0].source_asset_id)
    recipes = tuple(masks.sized(recipe, source, membership.max_size) for recipe in recipes)
    await enqueueing.require_room(tx, len(recipes), entry.row["waiting"])
    await credits.require(tx, session_id, request.kind, len(recipes), entry.row["free"])
    new = messages.NewMessage(
        id=entry.new_id(),
        client_id=request.client_id,
        kind=request.kind,
        text=recipes[0].prompt,
        request_hash=digest(request),
    )
    row = await messages.add_silently(tx, membership, new)
    rows = enqueueing.rows_of(request.kind, recipes, choice, first=1)
    made = await enqueueing.enqueue(tx, membership, new.id, request.kind, rows)
    if mask is not None:
        await masks.keep(tx, [each["id"] for each in rows], mask)
    return await messages.announce(tx, row, made)


async def _in_style(tx: Transaction, recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """The recipes with the words of their style, where it is one of the list."""
    style = await styles.find(tx, recipes[0].style) if recipes[0].style else None
    if style is None:
        return recipes
    words = {"style_before": style.before, "style_after": style.after, "style_without": style.without}
    return tuple(structs.replace(recipe, style=style.name, **words) for recipe in recipes)


async def _find_source(tx: Transaction, session_id: str, asset_id: str | None) -> Row | None:
    if asset_id is None:
        return None
    source = await enqueueing.find_source(tx, session_id, asset_id)
    if source is None:
        raise no_source()
    return source


async def cancel(tx: Transaction, generation_id: str) -> Generation:
    """Ends a generation that is not done and gives its credit back; by who asked for it, or the session's owner."""
    row = await find_row(tx, generation_id)
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
    row = await find_row(tx, generation_id)
    message = await messages.find(tx, row["message_id"])
    for generation in message.generations:
        if generation.id == generation_id:
            return generation
    raise NotFound  # its message was deleted


async def find_row(tx: Transaction, generation_id: str) -> Row:
    """The row of a generation; NotFound where it is not there or not yours."""
    row = await tx.fetch_one("generations.find", generation_id=generation_id)
    if row is None:
        raise NotFound
    return row


async def own_file(tx: Transaction, generation_id: str) -> str:
    """The id of the file of a generation, wherever it was made; NotFound where it has none that the user may see."""
    rows = await tx.fetch_all("generations.assets_of", generation_ids=[generation_id])
    if not rows:
        raise NotFound
    file_id: str = rows[0]["id"]
    return file_id
