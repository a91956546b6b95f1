"""The API's entrance to the gallery."""

from typing import Annotated

from msgspec import Meta, Struct, structs

from chatserver import ids
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.assets import favorites
from chatserver.errors import Invalid, NotAllowed, NotFound
from chatserver.gallery import service as gallery
from chatserver.gallery.filters import UTC_ZONE, GalleryFilters, PictureFilters
from chatserver.gallery.models import DeletionReport, PictureList
from chatserver.generations import deletion

# Files that are deleted in one request: each is a transaction of its own.
MOST_DELETED = 50


class PicturesQuery(PictureFilters, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which of one's own pictures, as in the gallery's address, in UTC; a page of at most `limit`."""

    before: str | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50

    @property
    def filters(self) -> GalleryFilters:
        """The filters. Raises Invalid for a value that is none."""
        given = {name: value for name, value in structs.asdict(self).items() if name not in {"before", "limit"}}
        filters = GalleryFilters.read(given)
        for name, value in given.items():
            if value.strip() and not getattr(filters, name):
                raise Invalid.field(name, "is not a value of this filter")
        return filters


class ChosenFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """Files by their ids."""

    asset_ids: list[str]


class MarkFiles(Struct, frozen=True, forbid_unknown_fields=True):
    """Files to be favourites, or no longer."""

    asset_ids: list[str]
    on: bool


async def list_pictures(request: ApiRequest) -> PictureList:
    query = request.query(PicturesQuery)
    run = request.state.database.run_as
    return await run(request.viewer.id, gallery.listed, query.filters, UTC_ZONE, query.before, query.limit)


async def mark(request: ApiRequest, body: MarkFiles) -> ChosenFiles:
    chosen = _parsed(body.asset_ids, gallery.MOST_SELECTED)
    return ChosenFiles(await request.state.database.run_as(request.viewer.id, favorites.mark, chosen, body.on))


async def delete(request: ApiRequest, body: ChosenFiles) -> DeletionReport:
    deleted, refused = [], 0
    for asset_id in _parsed(body.asset_ids, MOST_DELETED):
        try:
            await request.state.database.run_system(deletion.delete_asset, request.viewer.id, asset_id)
        except NotFound:
            continue
        except NotAllowed:
            refused += 1
        else:
            deleted.append(asset_id)
    return DeletionReport(deleted, refused)


def _parsed(asset_ids: list[str], most: int) -> list[str]:
    if not 1 <= len(asset_ids) <= most:
        raise Invalid.field("asset_ids", f"must be 1 to {most:,} ids")
    return list(dict.fromkeys(ids.parse(each, "asset_ids") for each in asset_ids))


ROUTES = [
    Endpoint(
        "GET",
        "/pictures",
        list_pictures,
        summary="One's own pictures and clips, by filters and words",
        query=PicturesQuery,
        answer=PictureList,
    ),
    Endpoint(
        "POST",
        "/pictures/favorites",
        mark,
        summary="Make files favourites, or no longer; those that changed",
        body=MarkFiles,
        answer=ChosenFiles,
    ),
    Endpoint(
        "POST",
        "/pictures/deletions",
        delete,
        summary="Delete up to 50 files with what made them",
        body=ChosenFiles,
        answer=DeletionReport,
    ),
]
