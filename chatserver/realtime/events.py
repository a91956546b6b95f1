"""The events of the hub itself."""

from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from chatserver.events import Event


class You(Struct, frozen=True):
    """The user of the socket, by the name and role that they have in the session."""

    id: str
    name: str
    role: str


class ClientLimits(Struct, frozen=True, kw_only=True):
    """What a client may send: frame size in bytes, commands in ten seconds and in a minute, this plan's pictures."""

    frame_bytes: int
    commands_per_10_seconds: int
    commands_per_minute: int
    text_length: int
    max_size: int
    max_count: int


class Welcome(Event, frozen=True, kw_only=True, tag="welcome"):
    """The first event on every socket, once. `session` is the session as an object, `seq` its newest."""

    session: Any
    you: You
    seq: int
    now: datetime
    heartbeat_seconds: int
    limits: ClientLimits


class More(Event, frozen=True, kw_only=True, tag="more"):
    """Older messages exist: fetch them with `before`."""

    before: int


class CommandReply(Event, frozen=True, kw_only=True, tag="reply"):
    """The answer to one command, by its `ref`."""

    ref: str
    ok: bool
    result: Any = UNSET
    error: dict[str, Any] | UnsetType = UNSET


class PresentUser(Struct, frozen=True):
    """A user with the number of sockets that they have open in the session."""

    id: str
    name: str
    connections: int


class Presence(Event, frozen=True, kw_only=True, tag="presence"):
    """The users who have the session open."""

    users: tuple[PresentUser, ...]

    def merge_key(self) -> str | None:
        return "presence"


class Typing(Event, frozen=True, kw_only=True, tag="typing"):
    """A user is typing; shown for five seconds."""

    user_id: str

    def merge_key(self) -> str | None:
        return f"typing:{self.user_id}"
