"""What the hub needs of the features, without knowing them: rooms to open and commands to run. `app` hands both in."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from chatserver.events import Event
from chatserver.identity.viewer import Viewer
from chatserver.realtime.events import Welcome
from chatserver.realtime.protocol import Close


class Snapshot(Struct, frozen=True):
    """What a socket is told first: `welcome`, then state (session, credits, stats), then messages in order of seq.

    `messages` may be a first part: what follows it up to the seq of `welcome` is read with `Rooms.changes`, part by part.
    `last` comes after all of them: a `more` where older ones exist. Presence is the hub's own.
    """

    welcome: Welcome
    state: list[Event]
    messages: list[Event]
    last: Sequence[Event] = ()


class SessionSource(Protocol):
    """Reads sessions for the hub. All of it runs under the viewer's own rights."""

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        """Everything that a new socket needs; NotFound for strangers too."""

    async def changes(self, session_id: str, after: int) -> list[Event]:
        """The next durable events with a seq greater than `after`, in order; none where there are no more of them.

        They are as many as are held at once, at least one: how a gap is filled, and a long history told.
        """

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of these sessions, in one query: how a lost publish is found."""

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        """For each (viewer, session id): why the socket has to go (account, sign-in or seat ended), None if it may stay."""


@runtime_checkable
class Revocation(Protocol):
    """An event on `user:<id>` that ends the welcome of sockets: those of these sign-ins, or all of the user's."""

    @property
    def user_id(self) -> str:
        """Whose."""

    @property
    def credential_ids(self) -> tuple[str, ...]:
        """The sign-ins and API tokens that ended."""

    @property
    def account_closed(self) -> bool:
        """Whether the account itself ended."""


class Caller(Struct, frozen=True):
    """Who sends a command, on which socket, in which session."""

    viewer: Viewer
    session_id: str
    connection_id: str


class Command(Struct, frozen=True):
    """One websocket command as a feature lists it in its `COMMANDS`: the `type` on the wire, its fields, its function.

    `body` is a msgspec struct with forbid_unknown_fields; `type` and `ref` are not part of it. `handle` takes the
    application's state, the caller and the decoded body; it returns the result of the reply, or raises a ChatserverError,
    which becomes the error of the reply.
    """

    name: str
    body: type[Struct]
    handle: Callable[[Any, Caller, Any], Awaitable[Any]]

    def bind(self, state: Any) -> "BoundCommand":
        """The command with the state that its function is called with."""
        return BoundCommand(self.name, self.body, partial(self.handle, state))


class BoundCommand(Struct, frozen=True):
    """A command that is ready to run on a socket: `run(caller, body)`."""

    name: str
    body: type[Struct]
    run: Callable[[Caller, Any], Awaitable[Any]]
