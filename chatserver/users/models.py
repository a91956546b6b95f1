"""Accounts, and the credentials by which users sign in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database.records import Record
from chatserver.users import email_addresses, user_agents

Role = Literal["member", "admin"]
Status = Literal["active", "banned", "deleted"]


class User(Record, frozen=True, kw_only=True):
    """An account as its owner sees it."""

    id: str
    name: str
    email: str
    role: Role
    created_at: datetime

    @property
    def is_by_name(self) -> bool:
        """Whether the account is that of a guest who gave a name only: without an address of theirs and a password."""
        return email_addresses.is_of_nobody(self.email)


class Preferences(Struct, frozen=True, kw_only=True):
    """A user's preferences: whether finished pictures notify. (The theme belongs to the browser.)"""

    notifications: bool = False


class Visitor(Struct, frozen=True, kw_only=True):
    """The client of a request: its IP address, its User-Agent, and whether it is on this machine.

    `devices` has the browser's device ids by account id; `sign_in_id` is its valid sign-in, or empty.
    """

    address: str
    user_agent: str = ""
    is_local: bool = False
    devices: Mapping[str, str] = {}
    sign_in_id: str = ""


class SignIn(Record, frozen=True, kw_only=True):
    """The login of one browser."""

    id: str
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime

    @property
    def browser(self) -> str:
        """The browser's readable name: "Firefox on Linux"."""
        return user_agents.describe(self.user_agent)


class ApiToken(Record, frozen=True, kw_only=True):
    """The login of a program, without its secret."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Secret(Struct, frozen=True, kw_only=True):
    """A new credential: its id, and its secret, which is shown once and not stored."""

    id: str
    token: str


class Settings(Struct, frozen=True, kw_only=True):
    """An account with everything that its owner can change."""

    user: User
    preferences: Preferences
    sign_ins: list[SignIn]
    tokens: list[ApiToken]


class SignedIn(Struct, frozen=True, kw_only=True):
    """A user who has just signed in, and the secret of the new sign-in or API token."""

    user: User
    secret: Secret


class AccountSummary(Record, frozen=True, kw_only=True):
    """An account as the operator's list shows it."""

    id: str
    email: str
    name: str
    role: Role
    status: Status
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int
