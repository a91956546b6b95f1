"""Albums and the files in them, as their owner sees them."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database import Row


class Album(Struct, frozen=True, kw_only=True):
    """An album. `count` counts its files; `cover_url` is the thumbnail of its cover: the chosen one, else that of its first
    file, None where it is empty. `holds`: whether it holds the file that was asked about."""

    id: str
    name: str
    description: str
    count: int
    cover_id: str | None
    cover_url: str | None
    holds: bool
    created_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Album":
        cover_id = row["cover_id"]
        own = {name: row[name] for name in cls.__struct_fields__ if name != "cover_url"}
        return cls(cover_url=f"/files/{cover_id}/thumbnail.webp" if cover_id else None, **own)


class AlbumPicture(Struct, frozen=True, kw_only=True):
    """A picture or clip in an album, by the id of its file. `prompt` and `generation_id` are None for an upload."""

    id: str
    kind: Literal["image", "video"]
    width: int
    height: int
    filename: str
    url: str
    download_url: str
    thumbnail_url: str
    placeholder: str
    duration_seconds: float | None
    generation_id: str | None
    prompt: str | None

    @classmethod
    def from_row(cls, row: Row) -> "AlbumPicture":
        url = f"/files/{row['id']}/{row['filename']}"
        own = {name: row[name] for name in cls.__struct_fields__ if not name.endswith("url")}
        thumbnail_url = f"/files/{row['id']}/thumbnail.webp"
        return cls(url=url, download_url=f"{url}?download", thumbnail_url=thumbnail_url, **own)


class AlbumsPage(Struct, frozen=True):
    """A page of one's albums, the newest first; `next` is the `before` of the next page, None where there is none."""

    albums: tuple[Album, ...]
    next: str | None


class AlbumPicturesPage(Struct, frozen=True):
    """A page of an album's files in its order; `next` is the `after` of the next page, None where there is none."""

    pictures: tuple[AlbumPicture, ...]
    next: str | None
