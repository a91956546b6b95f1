"""Masks: which part of its source a picture may change. Verified first, then kept with the generations."""

import base64
import binascii
from collections.abc import Sequence

from msgspec import UNSET, structs

from chatserver import sessions
from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadBytes, Invalid
from chatserver.generations.requests import MASK_BYTES, CreateGeneration, size_of_shape
from chatserver.imaging.processor import ImageProcessor
from chatserver.providers.recipe import Recipe


async def verified(
    database: Database, pictures: ImageProcessor, user_id: str, session_id: str, request: CreateGeneration
) -> bytes | None:
    """The mask of a request as it is kept, None where it has none. Raises Invalid, Busy, and NotFound for strangers."""
    if request.mask is UNSET:
        return None
    # Before a process is bothered with it: strangers learn nothing of a session.
    await database.run_as(user_id, sessions.membership, session_id)
    try:
        return await pictures.verify_mask(_decoded(request.mask), user_id)
    except BadBytes as error:
        raise Invalid.field("mask", error.details.get("why", "cannot be read")) from None


def _decoded(mask: str) -> bytes:
    try:
        data = base64.b64decode(mask, validate=True)
    except (binascii.Error, ValueError):
        raise Invalid.field("mask", "must be base64") from None
    if len(data) > MASK_BYTES:
        raise Invalid.field("mask", f"must be at most {MASK_BYTES // 1024} KiB")
    return data


def sized(recipe: Recipe, source: Row | None, max_size: int) -> Recipe:
    """The recipe of a part of its source, in the source's shape: as large as that, as far as the plan allows."""
    if not recipe.masked or source is None:
        return recipe
    width, height = size_of_shape(source["width"], source["height"], max_size)
    return structs.replace(recipe, width=width, height=height)


async def keep(tx: Transaction, generation_ids: Sequence[str], mask: bytes) -> None:
    """Keeps a mask with new generations."""
    await tx.execute("generations.keep_mask", generation_ids=generation_ids, mask=mask)


async def copy(tx: Transaction, generation_id: str, parent_id: str) -> None:
    """Keeps the mask of a generation with a new version of it."""
    await tx.execute("generations.copy_mask", generation_id=generation_id, parent_id=parent_id)


async def find(tx: Transaction, generation_id: str) -> bytes | None:
    """The mask of a generation: a PNG of black and white; None where it has none."""
    mask: bytes | None = await tx.fetch_value("generations.mask", generation_id=generation_id)
    return mask
