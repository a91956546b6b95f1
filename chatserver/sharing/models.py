"""Share links: as their maker sees one (`Share`), and as a visitor's request does (`OpenShare`, `SharedPicture`)."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database import Row
from chatserver.database.records import Record
from chatserver.sharing.tokens import digest, token_of

ShareKind = Literal["picture", "selection", "album", "session"]
# `empty`: everything that it showed was deleted.
ShareStatus = Literal["open", "revoked", "expired", "empty"]


class Share(Struct, frozen=True, kw_only=True):
    """A share link. `path` is None where it can no longer be derived, because SECRET_KEY was changed; `count` counts its
    files, `follows` says whether it shows what is added later; `expires_at` None: until it is revoked."""

    id: str
    kind: ShareKind
    status: ShareStatus
    title: str
    path: str | None
    count: int
    cover_url: str | None
    follows: bool
    album_id: str | None
    session_id: str | None
    downloads: bool
    prompts: bool
    preview: bool
    has_password: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def from_row(cls, row: Row, secret_key: str) -> "Share":
        token, cover_id = token_of(secret_key, row["id"]), row["cover_id"]
        computed = {"path", "cover_url", "follows"}
        own = {name: row[name] for name in cls.__struct_fields__ if name not in computed}
        return cls(
            path=f"/s/{token}" if digest(token) == row["token_hash"] else None,
            cover_url=f"/files/{cover_id}/thumbnail.webp" if cover_id else None,
            follows=bool(row["album_id"] or row["session_id"]),
            **own,
        )


class SharesPage(Struct, frozen=True):
    """A page of one's links, the newest first; `next` is the `before` of the next page, None where there is none."""

    shares: tuple[Share, ...]
    next: str | None


class OpenShare(Record, frozen=True, kw_only=True):
    """A link that is open, as a visitor's request finds it. `stale`: its use is to be noted."""

    id: str
    user_id: str
    kind: ShareKind
    title: str
    description: str
    downloads: bool
    prompts: bool
    preview: bool
    password_hash: str | None
    stale: bool


class SharedPicture(Struct, frozen=True, kw_only=True):
    """A picture or clip as a visitor sees it. `prompt` only where the link shows prompts."""

    id: str
    kind: Literal["image", "video"]
    content_type: str
    width: int
    height: int
    bytes: int
    placeholder: str
    duration_seconds: float | None
    prompt: str | None

    @property
    def filename(self) -> str:
        """A name that tells nothing of how it was made."""
        return f"{'clip' if self.kind == 'video' else 'picture'}-{self.id[-8:]}"

    @classmethod
    def from_row(cls, row: Row, share: OpenShare) -> "SharedPicture":
        own = {name: row[name] for name in cls.__struct_fields__ if name != "prompt"}
        return cls(prompt=row["prompt"] if share.prompts else None, **own)


class SharedPlace(Struct, frozen=True, kw_only=True):
    """One picture of a link, its number among `total`, and the ids of those before and behind it."""

    picture: SharedPicture
    number: int
    total: int
    previous: str | None
    next: str | None


class SharedPictures(Struct, frozen=True):
    """A page of what a link shows, of `total`; `next` is the `after` of the next page."""

    pictures: tuple[SharedPicture, ...]
    total: int
    next: str | None
