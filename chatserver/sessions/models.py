"""Sessions and their members, as the database has them and as people see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.credits.models import Balances
from chatserver.database import Row
from chatserver.database.records import Record
from chatserver.identity import colours

SessionStatus = Literal["active", "expired"]
MemberRole = Literal["owner", "guest"]


class Member(Struct, frozen=True, kw_only=True):
    """One member of a session. `hue` (0–11) is the colour by which the page tells members apart."""

    id: str
    name: str
    role: MemberRole
    hue: int

    @classmethod
    def from_row(cls, row: Row) -> "Member":
        return cls(id=row["id"], name=row["name"], role=row["role"], hue=_hue(row["hue"], row["id"]))


def _hue(stored: int | None, user_id: str) -> int:
    return colours.hue_of(user_id) if stored is None else stored


class SessionOrder(Struct, frozen=True, kw_only=True):
    """What somebody takes for themselves: a new session with a title, or more time of the one with the id `session_id`.

    `client_id` makes a repetition harmless.
    """

    plan_id: str
    session_id: str | None = None
    title: str | None = None
    client_id: str | None = None


class Session(Struct, frozen=True, kw_only=True):
    """A session as its members see it."""

    id: str
    title: str
    plan_id: str
    status: SessionStatus
    started_at: datetime
    expires_at: datetime
    seq: int
    owner_id: str
    guests_may_generate: bool
    members: tuple[Member, ...]
    credits: Balances

    @classmethod
    def from_row(cls, row: Row, members: Sequence[Member], credits: Balances) -> "Session":
        return cls(
            id=row["id"],
            title=row["title"],
            plan_id=row["plan_id"],
            status=row["state"],
            started_at=row["started_at"],
            expires_at=row["expires_at"],
            seq=row["seq"],
            owner_id=row["user_id"],
            guests_may_generate=row["guests_may_generate"],
            members=tuple(members),
            credits=credits,
        )


class SessionSummary(Struct, frozen=True, kw_only=True):
    """A session in its member's list.

    `cover` is the placeholder of its newest picture (the base64 of a tiny WebP), `hue` (0–11) the colour of a session
    without one; `queued` and `rendering` count what is being made in it, `unread` its messages that are new to this member
    or have changed since (100 at most; not what they wrote themselves).
    """

    id: str
    title: str
    status: SessionStatus
    expires_at: datetime
    cover: str | None
    hue: int
    queued: int
    rendering: int
    unread: int

    @classmethod
    def from_row(cls, row: Row) -> "SessionSummary":
        return cls(
            id=row["id"],
            title=row["title"],
            status=row["state"],
            expires_at=row["expires_at"],
            cover=row["cover"],
            hue=colours.hue_of(row["id"]),
            queued=row["queued"],
            rendering=row["rendering"],
            unread=row["unread"],
        )


class FoundSession(Struct, frozen=True, kw_only=True):
    """A session found by its title."""

    id: str
    title: str
    status: SessionStatus


class Membership(Record, frozen=True, kw_only=True):
    """A user's membership of a session, with what verbs need to know of the session, its owner and its plan.

    `active` says that the session has time left, `owner_active` that its owner's account is not banned.
    """

    session_id: str
    user_id: str
    user_name: str
    account_role: Literal["member", "admin"]
    hue: int | None
    role: MemberRole
    untitled: bool
    guests_may_generate: bool
    owner_id: str
    owner_active: bool
    active: bool
    expires_at: datetime
    plan_id: str
    plan_name: str
    max_size: int
    max_count: int
    max_uploads: int
    chat_model: str
    members_count: int

    @property
    def is_owner(self) -> bool:
        """Whether this member bought the session."""
        return self.role == "owner"

    @property
    def author_role(self) -> Literal["owner", "operator", "guest"]:
        """The role shown beside this member's messages; an admin who is a guest is shown as operator."""
        if self.is_owner:
            return "owner"
        return "operator" if self.account_role == "admin" else "guest"


class Removal(Record, frozen=True, kw_only=True):
    """A guest whom the owner removed, and who cannot join again until readmitted."""

    id: str
    name: str
    removed_at: datetime


class SessionQuota(Struct, frozen=True, kw_only=True):
    """The open sessions of one user: `used` of `limit` (0: no limit); the next one ends in `seconds`."""

    used: int
    limit: int
    seconds: float


class FreeQuota(Struct, frozen=True, kw_only=True):
    """What one limit of free sessions leaves: `left` of `most` in a day; with none left, `seconds` until the next one."""

    of: Literal["person", "network", "everybody"]
    left: int
    most: int
    seconds: float = 0.0


class Cover(Struct, frozen=True):
    """A picture on a session's card."""

    thumbnail_url: str


class Card(Struct, frozen=True):
    """A session in its member's list, with up to four covers."""

    session: Session
    covers: tuple[Cover, ...]


class Invitation(Struct, frozen=True, kw_only=True):
    """What an invite link leads to, with the owner as the session shows them: name and colour."""

    session_id: str
    title: str
    owner_name: str
    owner_hue: int
    plan_name: str
    expired: bool

    @classmethod
    def from_row(cls, row: Row) -> "Invitation":
        return cls(
            session_id=row["session_id"],
            title=row["title"],
            owner_name=row["owner_name"],
            owner_hue=_hue(row["hue"], row["owner_id"]),
            plan_name=row["plan_name"],
            expired=row["expired"],
        )
