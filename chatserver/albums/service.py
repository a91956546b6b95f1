"""Albums: making, changing and deleting them, their files and the order of these. For their owner only.

An album that is another's is not found, like one that does not exist; so is a file that another has made. Lock order: the
album, then the rate limit; of an album that is made, its idempotency key before both.
"""

from chatserver import ids
from chatserver.albums import requests
from chatserver.albums.models import Album, AlbumPicture, AlbumPicturesPage, AlbumsPage
from chatserver.albums.requests import ChangeAlbum, CreateAlbum
from chatserver.assets import service as assets
from chatserver.database import Transaction
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.users import idempotency, rate_limits

# Albums, and files of an album, on one page.
PAGE, PICTURES_PAGE = 24, 60
# One person's albums, and the files of one of them.
MOST_ALBUMS, MOST_PICTURES = 500, 5_000


async def list_albums(tx: Transaction, *, before: str | None = None, holding: str | None = None) -> AlbumsPage:
    """A page of the user's albums, the newest first; `holds` says of each whether the file `holding` is in it."""
    rows = await tx.fetch_all("albums.list", album_id=None, before=before, asset_id=holding, limit=PAGE + 1)
    albums = tuple(Album.from_row(row) for row in rows[:PAGE])
    return AlbumsPage(albums, albums[-1].id if len(rows) > PAGE else None)


async def find(tx: Transaction, album_id: str) -> Album:
    """One album; NotFound where it is not the user's."""
    row = await tx.fetch_one("albums.list", album_id=album_id, before=None, asset_id=None, limit=1)
    if row is None:
        raise NotFound
    return Album.from_row(row)


async def create(tx: Transaction, wanted: CreateAlbum) -> Album:
    """A new album with the files that are named, or the one that was made under the same client_id.

    Conflict for more than MOST_ALBUMS; NotFound where no such file is one's own, and where that album was deleted since.
    """
    album_id = ids.new()
    made = await idempotency.claim(tx, "album", wanted.client_id, wanted, album_id)
    if made is not None:
        return await find(tx, made)
    name, description = requests.name(wanted.name), requests.description(wanted.description)
    asset_ids = requests.file_ids(wanted.asset_ids)
    # Counted without a lock: the rate limit bounds by how many concurrent requests may exceed it.
    if await tx.fetch_value("albums.count_of_user") >= MOST_ALBUMS:
        raise Conflict(f"You have {MOST_ALBUMS} albums, which is as many as one person may have.")
    user_id = await tx.fetch_value("albums.insert", id=album_id, name=name, description=description)
    if asset_ids:
        await _add(tx, album_id, asset_ids)
    assets.announce_changes(tx, [user_id])
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, album_id)


async def change(tx: Transaction, album_id: str, wanted: ChangeAlbum) -> Album:
    """Changes name, description or cover. Invalid for a cover that is not in the album."""
    user_id = await _lock(tx, album_id)
    cover_id = None if wanted.cover_id is None else ids.parse(wanted.cover_id, "cover_id")
    if cover_id is not None and not await holds(tx, album_id, cover_id):
        raise Invalid.field("cover_id", "must be a file of the album")
    await tx.execute(
        "albums.change",
        album_id=album_id,
        name=None if wanted.name is None else requests.name(wanted.name),
        description=None if wanted.description is None else requests.description(wanted.description),
        cover_id=cover_id,
    )
    assets.announce_changes(tx, [user_id])
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, album_id)


async def delete(tx: Transaction, album_id: str) -> None:
    """Deletes an album; its files stay. Links that follow it end."""
    user_id = await tx.fetch_value("albums.delete", album_id=album_id)
    if user_id is None:
        raise NotFound
    assets.announce_changes(tx, [user_id])


async def list_pictures(tx: Transaction, album_id: str, *, after: str | None = None) -> AlbumPicturesPage:
    """A page of an album's files in its order, after that with the id `after`."""
    await find(tx, album_id)
    rows = await tx.fetch_all("albums.pictures", album_id=album_id, after=after, limit=PICTURES_PAGE + 1)
    pictures = tuple(AlbumPicture.from_row(row) for row in rows[:PICTURES_PAGE])
    return AlbumPicturesPage(pictures, pictures[-1].id if len(rows) > PICTURES_PAGE else None)


async def holds(tx: Transaction, album_id: str, asset_id: str) -> bool:
    """Whether a file is in one of the user's albums."""
    held: bool = await tx.fetch_value("albums.holds", album_id=album_id, asset_id=asset_id)
    return held


async def add_pictures(tx: Transaction, album_id: str, asset_ids: list[str]) -> Album:
    """Adds files that the user has made, behind the others; those that are in it stay where they are.

    Files that were deleted meanwhile are left out; NotFound where none of them is the user's. Conflict where it is full.
    """
    wanted = requests.file_ids(asset_ids)
    user_id = await _lock(tx, album_id)
    await _add(tx, album_id, wanted)
    assets.announce_changes(tx, [user_id])
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, album_id)


async def remove_pictures(tx: Transaction, album_id: str, asset_ids: list[str]) -> Album:
    """Takes files out of an album; they stay where they were made. Files that are not in it change nothing."""
    wanted = requests.file_ids(asset_ids)
    user_id = await _lock(tx, album_id)
    if await tx.fetch_value("albums.remove", album_id=album_id, asset_ids=wanted):
        assets.announce_changes(tx, [user_id])
    await rate_limits.consume(tx, rate_limits.CHANGES)
    return await find(tx, album_id)


async def move_picture(tx: Transaction, album_id: str, asset_id: str, before: str | None) -> None:
    """Puts a file of an album before another one, or at its end. Invalid where one of them is not in it."""
    asset_id = ids.parse(asset_id, "asset_id")
    before = None if before is None else ids.parse(before, "before")
    user_id = await _lock(tx, album_id)
    for field, each in (("asset_id", asset_id), ("before", before)):
        if each is not None and not await holds(tx, album_id, each):
            raise Invalid.field(field, "must be a file of the album")
    if asset_id != before:
        await tx.execute("albums.move", album_id=album_id, asset_id=asset_id, before=before)
        assets.announce_changes(tx, [user_id])
    await rate_limits.consume(tx, rate_limits.CHANGES)


async def delete_of_user(tx: Transaction, user_id: str) -> None:
    """Deletes every album of a user. Needs the worker role."""
    await tx.execute("albums.delete_of_user", user_id=user_id)


async def _lock(tx: Transaction, album_id: str) -> str:
    """Locks an album; whose it is."""
    user_id: str | None = await tx.fetch_value("albums.lock", album_id=album_id)
    if user_id is None:
        raise NotFound
    return user_id


async def _add(tx: Transaction, album_id: str, asset_ids: list[str]) -> None:
    counts = await tx.fetch_one("albums.count_pictures", album_id=album_id, asset_ids=asset_ids)
    count, known = (counts["count"], counts["known"]) if counts else (0, 0)
    if count - known + len(asset_ids) > MOST_PICTURES:
        raise Conflict(f"An album has room for {MOST_PICTURES:,} pictures and clips.")
    added = await tx.fetch_all("albums.add", album_id=album_id, asset_ids=asset_ids)
    if asset_ids and not added and not known:
        raise NotFound
