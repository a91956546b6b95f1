"""The list of one's albums, and the page of one of them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.albums import requests
from chatserver.albums import service as albums
from chatserver.albums.models import Album, AlbumPicturesPage
from chatserver.database import Transaction
from chatserver.identity.viewer import require_viewer
from chatserver.state import state_of
from chatserver.web import templating


async def list_own(request: Request) -> Response:
    """GET /albums: one's albums, the newest first; `?before=<id>` continues."""
    state, viewer, before = state_of(request), require_viewer(request), request.query_params.get("before")
    page = await state.database.run_as(
        viewer.id, albums.list_albums, before=ids.parse(before, "before") if before else None
    )
    context = {"page": page, "first": not before, "longest_name": requests.NAME_LENGTH}
    return templating.render(request, "albums/index.html", context)


async def show(request: Request) -> Response:
    """GET /albums/{album_id}: its pictures in their order; `?after=<id>` continues, from the start where it is gone."""
    state, viewer, after = state_of(request), require_viewer(request), request.query_params.get("after")
    album_id = ids.parse(request.path_params["album_id"])
    after = ids.parse(after, "after") if after else None
    album, page, first = await state.database.run_as(viewer.id, _read, album_id, after)
    context = {
        "album": album,
        "page": page,
        "first": first,
        "longest_name": requests.NAME_LENGTH,
        "longest_description": requests.DESCRIPTION_LENGTH,
    }
    return templating.render(request, "albums/show.html", context)


async def _read(tx: Transaction, album_id: str, after: str | None) -> tuple[Album, AlbumPicturesPage, bool]:
    if after is not None and not await albums.holds(tx, album_id, after):
        after = None
    page = await albums.list_pictures(tx, album_id, after=after)
    return await albums.find(tx, album_id), page, after is None


PAGES = [Route("/albums", list_own, methods=["GET"]), Route("/albums/{album_id}", show, methods=["GET"])]
