"""People as the product knows them, and the ways in which they are recognised."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database import Row
from chatserver.users import browsers

Role = Literal["member", "admin"]
Status = Literal["active", "banned", "deleted"]


class User(Struct, frozen=True, kw_only=True):
    """An account as its owner sees it."""

    id: str
    name: str
    email: str
    role: Role
    created_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "User":
        return cls(**{field: row[field] for field in cls.__struct_fields__})


class Preferences(Struct, frozen=True, kw_only=True):
    """How somebody likes the product: whether finished pictures notify. (The theme is each browser's own.)"""

    notifications: bool = False


class Visitor(Struct, frozen=True, kw_only=True):
    """Who stands at the door: the address, what the browser calls itself, and whether it is this very machine.

    `devices` are the ids of this browser by the accounts that have used it; `sign_in_id` is its sign-in that stands.
    """

    address: str
    user_agent: str = ""
    is_local: bool = False
    devices: Mapping[str, str] = {}
    sign_in_id: str = ""


class SignIn(Struct, frozen=True, kw_only=True):
    """A browser's login."""

    id: str
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "SignIn":
        return cls(**{field: row[field] for field in cls.__struct_fields__})

    @property
    def browser(self) -> str:
        """What a person would call it: "Firefox on Linux"."""
        return browsers.describe(self.user_agent)


class ApiToken(Struct, frozen=True, kw_only=True):
    """A program's login, without its secret."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def from_row(cls, row: Row) -> "ApiToken":
        return cls(**{field: row[field] for field in cls.__struct_fields__})


class Secret(Struct, frozen=True, kw_only=True):
    """A token just made: its id, and the secret that is shown this once and kept nowhere."""

    id: str
    token: str


class Settings(Struct, frozen=True, kw_only=True):
    """An account with all that its owner can change."""

    user: User
    preferences: Preferences
    sign_ins: list[SignIn]
    tokens: list[ApiToken]


class Arrival(Struct, frozen=True, kw_only=True):
    """Somebody who has just come in, and the secret that will be recognised: a cookie's or a program's."""

    user: User
    secret: Secret


class Listed(Struct, frozen=True, kw_only=True):
    """An account as the operator's list shows it."""

    id: str
    email: str
    name: str
    role: Role
    status: Status
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int

    @classmethod
    def from_row(cls, row: Row) -> "Listed":
        return cls(**{field: row[field] for field in cls.__struct_fields__})
