"""What the hub needs of the features, without importing them: a source of sessions, and commands. `app` provides both."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from chatserver.events import Event
from chatserver.identity.viewer import Viewer
from chatserver.realtime.events import Welcome
from chatserver.realtime.protocol import Close


class SharedEvent:
    """An event that is in the snapshots of several sockets: encoded once for each form, whoever asks first."""

    __slots__ = ("_encoded", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._encoded: dict[Callable[[Event], bytes], bytes] = {}

    def durable_seq(self) -> int | None:
        """The seq of the event, where it is durable."""
        return self.event.durable_seq()

    def encoded(self, encoder: Callable[[Event], bytes]) -> bytes:
        """The event in the form of this encoder."""
        data = self._encoded.get(encoder)
        if data is None:
            data = self._encoded[encoder] = encoder(self.event)
        return data


class Snapshot(Struct, frozen=True):
    """What a new socket is sent: `welcome`, then state (session, credits, stats), then messages in order of seq.

    `messages` may be only a first part: the rest, up to the seq of `welcome`, is read with `SessionSource.changes`, part by
    part. `last` is sent after all of them: a `more` where older messages exist. The hub adds presence after the state, and
    `own`, which is for this user alone, follows it. What is the same for all members may be shared with the snapshots of
    others.
    """

    welcome: Welcome
    state: Sequence[Event | SharedEvent]
    messages: Sequence[Event | SharedEvent]
    last: Sequence[Event] = ()
    own: Sequence[Event] = ()


class SessionSource(Protocol):
    """Reads sessions for the hub, under the system's rights: a snapshot for those only who may open its session."""

    async def snapshot(self, viewer: Viewer, session_id: str, after: int | None) -> Snapshot:
        """What a new socket with `after` is sent. Raises NotFound where there is no such session, and for strangers."""

    async def changes(self, session_id: str, after: int) -> list[Event]:
        """The next durable events with a seq greater than `after`, in order; empty where there are none.

        They are at least one and at most a bounded number of bytes; call again for what follows.
        """

    async def sequences(self, session_ids: Sequence[str]) -> dict[str, int]:
        """The newest seq of each of these sessions, in one query."""

    async def close_codes(self, viewers: Sequence[tuple[Viewer, str]]) -> list[Close | None]:
        """For each (viewer, session id): the close code where account, sign-in or membership has ended, otherwise None."""


@runtime_checkable
class Revocation(Protocol):
    """An event on `user:<id>` by which sockets of the user are closed: those of some sign-ins, or all of them."""

    @property
    def user_id(self) -> str:
        """The user whose sockets are closed."""

    @property
    def credential_ids(self) -> tuple[str, ...]:
        """The sign-ins and API tokens that ended."""

    @property
    def account_closed(self) -> bool:
        """Whether the account itself has ended, and with it all sign-ins."""


class Caller(Struct, frozen=True):
    """The sender of a command: viewer, session and socket."""

    viewer: Viewer
    session_id: str
    connection_id: str


class Command(Struct, frozen=True):
    """One websocket command as a feature lists it in its `COMMANDS`: the `type` on the wire, its fields, its function.

    `body` is a msgspec struct with forbid_unknown_fields; `type` and `ref` are not part of it. `handle` takes the
    application's state, the caller and the decoded body; it returns the result of the reply, or raises a ChatserverError,
    which becomes the error of the reply. A `concurrent` command holds up no other one of its socket and has limits of time
    of its own; one of them runs at once, and it ends with the socket.
    """

    name: str
    body: type[Struct]
    handle: Callable[[Any, Caller, Any], Awaitable[Any]]
    concurrent: bool = False

    def bind(self, state: Any) -> "BoundCommand":
        """The command with the state that its function is called with."""
        return BoundCommand(self.name, self.body, partial(self.handle, state), self.concurrent)


class BoundCommand(Struct, frozen=True):
    """A command that is ready to run on a socket: `run(caller, body)`."""

    name: str
    body: type[Struct]
    run: Callable[[Caller, Any], Awaitable[Any]]
    concurrent: bool = False
