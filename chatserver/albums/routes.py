"""The API of albums."""

from msgspec import Struct

from chatserver import ids
from chatserver.albums import service as albums
from chatserver.albums.models import Album, AlbumPicturesPage, AlbumsPage
from chatserver.albums.requests import AlbumFiles, ChangeAlbum, CreateAlbum, MovePicture
from chatserver.api.endpoint import ApiRequest, Endpoint


class AlbumsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`before` continues a page; `asset_id` is the file of which `holds` speaks."""

    before: str | None = None
    asset_id: str | None = None


class AlbumPicturesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`after` continues a page."""

    after: str | None = None


class AlbumAnswer(Struct, frozen=True):
    """One album as it now is."""

    album: Album


async def list_albums(request: ApiRequest) -> AlbumsPage:
    query = request.query(AlbumsQuery)
    before, holding = _id(query.before, "before"), _id(query.asset_id, "asset_id")
    return await request.state.database.run_as(request.viewer.id, albums.list_albums, before=before, holding=holding)


async def create_album(request: ApiRequest, body: CreateAlbum) -> AlbumAnswer:
    return AlbumAnswer(await request.state.database.run_as(request.viewer.id, albums.create, body))


async def show_album(request: ApiRequest) -> AlbumAnswer:
    return AlbumAnswer(await request.state.database.run_as(request.viewer.id, albums.find, request.id("album_id")))


async def change_album(request: ApiRequest, body: ChangeAlbum) -> AlbumAnswer:
    run, album_id = request.state.database.run_as, request.id("album_id")
    return AlbumAnswer(await run(request.viewer.id, albums.change, album_id, body))


async def delete_album(request: ApiRequest) -> None:
    await request.state.database.run_as(request.viewer.id, albums.delete, request.id("album_id"))


async def list_pictures(request: ApiRequest) -> AlbumPicturesPage:
    run, album_id = request.state.database.run_as, request.id("album_id")
    after = _id(request.query(AlbumPicturesQuery).after, "after")
    return await run(request.viewer.id, albums.list_pictures, album_id, after=after)


async def add_pictures(request: ApiRequest, body: AlbumFiles) -> AlbumAnswer:
    run, album_id = request.state.database.run_as, request.id("album_id")
    return AlbumAnswer(await run(request.viewer.id, albums.add_pictures, album_id, body.asset_ids))


async def remove_pictures(request: ApiRequest, body: AlbumFiles) -> AlbumAnswer:
    run, album_id = request.state.database.run_as, request.id("album_id")
    return AlbumAnswer(await run(request.viewer.id, albums.remove_pictures, album_id, body.asset_ids))


async def move_picture(request: ApiRequest, body: MovePicture) -> None:
    run, album_id = request.state.database.run_as, request.id("album_id")
    await run(request.viewer.id, albums.move_picture, album_id, body.asset_id, body.before)


def _id(text: str | None, field: str) -> str | None:
    return None if text is None else ids.parse(text, field)


_ONE = "/albums/{album_id}"

ROUTES = [
    Endpoint(
        "GET", "/albums", list_albums, summary="One's albums, the newest first", query=AlbumsQuery, answer=AlbumsPage
    ),
    Endpoint(
        "POST", "/albums", create_album, summary="Make an album", body=CreateAlbum, answer=AlbumAnswer, status=201
    ),
    Endpoint("GET", _ONE, show_album, summary="One album", answer=AlbumAnswer),
    Endpoint(
        "PATCH", _ONE, change_album, summary="Rename, describe, choose a cover", body=ChangeAlbum, answer=AlbumAnswer
    ),
    Endpoint("DELETE", _ONE, delete_album, summary="Delete an album; its pictures stay", status=204),
    Endpoint(
        "GET",
        f"{_ONE}/pictures",
        list_pictures,
        summary="The pictures and clips of an album, in its order",
        query=AlbumPicturesQuery,
        answer=AlbumPicturesPage,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/pictures",
        add_pictures,
        summary="Add pictures and clips of one's own",
        body=AlbumFiles,
        answer=AlbumAnswer,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/pictures/remove",
        remove_pictures,
        summary="Take pictures and clips out of an album",
        body=AlbumFiles,
        answer=AlbumAnswer,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/pictures/move",
        move_picture,
        summary="Put one before another, or at the end",
        body=MovePicture,
        status=204,
    ),
]
