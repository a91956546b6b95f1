"""Pictures that others are made from: which changes are on offer, and what a picture came from and led to."""

import base64
from collections.abc import Mapping

from msgspec import Struct

from chatserver.assets.models import Asset
from chatserver.database import Transaction
from chatserver.errors import NotFound
from chatserver.generations import masks, model_choice
from chatserver.generations.models import Generation
from chatserver.providers.base import Provider
from chatserver.providers.recipe import Change

# The newest results of a picture that are told with it.
MOST_RESULTS = 24
_CHANGES: tuple[Change, ...] = ("variation", "edit")


class AssetDetails(Struct, frozen=True, kw_only=True):
    """A file with what it was made by (None for an upload), the picture that it was made from, and the newest pictures that
    were made from it: of both only what the asker may see. `mask` is what of the source might change, a PNG in base64."""

    asset: Asset
    session_id: str
    generation: Generation | None
    source: Asset | None
    results: tuple[Asset, ...]
    mask: str | None


def refusals(providers: Mapping[str, Provider]) -> dict[Change, str | None]:
    """Why nothing here makes a change, in words for people, by change; None where it is on offer."""
    choices = model_choice.model_choices(providers)
    return {change: model_choice.refusal(choices, change) for change in _CHANGES}


async def details(tx: Transaction, asset_id: str) -> AssetDetails:
    """A file with its origin and its results; NotFound where it does not exist or the user may not see it."""
    row = await tx.fetch_one("assets.find", asset_id=asset_id)
    if row is None:
        raise NotFound
    asset, generation, source, mask = Asset.from_row(row), None, None, None
    if row["generation_id"] is not None:
        made = await tx.fetch_one("generations.find", generation_id=row["generation_id"])
        if made is None:
            raise NotFound
        generation = Generation.from_row(made, [asset])
    if generation is not None and generation.source_asset_id is not None:
        found = await tx.fetch_one("assets.find", asset_id=generation.source_asset_id)
        source = None if found is None else Asset.from_row(found)
        mask = await masks.find(tx, generation.id) if generation.masked else None
    results = await tx.fetch_all("generations.results_of", asset_id=asset_id, limit=MOST_RESULTS)
    return AssetDetails(
        asset=asset,
        session_id=row["session_id"],
        generation=generation,
        source=source,
        results=tuple(Asset.from_row(each) for each in results),
        mask=None if mask is None else base64.b64encode(mask).decode(),
    )
