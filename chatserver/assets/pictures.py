"""The finished pictures and clips of a session, as the list beside its stream shows them."""

from typing import Literal

from msgspec import Struct

from chatserver.database import Row, Transaction

# Pictures of a page of the list: what a column shows at first, and once more.
PAGE = 24


class SessionPicture(Struct, frozen=True, kw_only=True):
    """A picture or clip of a session, by the id of its file, with where it is in the stream."""

    id: str
    generation_id: str
    message_id: str
    kind: Literal["image", "video"]
    prompt: str
    is_favorite: bool
    thumbnail_url: str

    @classmethod
    def from_row(cls, row: Row) -> "SessionPicture":
        return cls(
            id=row["id"],
            generation_id=row["generation_id"],
            message_id=row["message_id"],
            kind=row["kind"],
            prompt=row["prompt"],
            is_favorite=row["is_favorite"],
            thumbnail_url=f"/files/{row['id']}/thumbnail.webp",
        )


class PicturesPage(Struct, frozen=True):
    """Pictures, the newest first; `next` is the `before` of the next page, None where there is none."""

    pictures: tuple[SessionPicture, ...]
    next: str | None


async def list_of_session(
    tx: Transaction, session_id: str, *, before: str | None = None, favorites: bool = False
) -> PicturesPage:
    """A page of a session's pictures, all or the favourites; empty for users who may not see them."""
    query = "assets.favorites_of_session" if favorites else "assets.of_session"
    rows = await tx.fetch_all(query, session_id=session_id, before=before, limit=PAGE + 1)
    pictures = tuple(SessionPicture.from_row(row) for row in rows[:PAGE])
    return PicturesPage(pictures, pictures[-1].id if len(rows) > PAGE else None)
