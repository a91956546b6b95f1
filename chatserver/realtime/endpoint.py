"""The entrance of every websocket: `GET /ws/sessions/{id}?after=SEQ`. Says who may come in, and why others may not.

A pure ASGI application, mounted outside the HTTP middleware; the layers around it have put the viewer into the scope.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import structlog
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver import ids
from chatserver.errors import ChatserverError, NotFound, NotSignedIn
from chatserver.events import Announcement, session_channel
from chatserver.identity import addresses
from chatserver.identity.viewer import current_viewer
from chatserver.realtime import protocol
from chatserver.realtime.connection import Connection, Lost, Visit
from chatserver.realtime.events import Typing
from chatserver.realtime.hub import Hub
from chatserver.realtime.ports import Caller, Command
from chatserver.realtime.protocol import Close
from chatserver.realtime.transport import EXTENSION, AsgiWire, Wire

PREFIX = "/ws/sessions/"
# Another tab or another person behind the same address has to go first.
TOO_MANY_SECONDS = 30.0
_SEQ = re.compile(r"[0-9]{1,18}")

# Whether a browser's Origin header is that of our own pages.
IsOwnOrigin = Callable[[Scope, str], bool]

log = structlog.get_logger(__name__)


class TypingNow(Struct, frozen=True, forbid_unknown_fields=True):
    """`typing {}`: the others see it for five seconds."""


class Goodbye(Exception):
    """The socket is not let in, or not any more."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def build(hub: Hub, commands: Iterable[Command], state: Any, is_own_origin: IsOwnOrigin) -> ASGIApp:
    """The websocket application over a hub. The features' commands are called with `state`."""
    bound = (*(command.bind(state) for command in commands), TYPING.bind(hub))
    table = {command.name: command for command in bound}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(PREFIX):
            await send({"type": "websocket.close"})
            return
        judgement = _judge(hub, scope, is_own_origin)
        wire = await _accept(scope, receive, send, judgement)
        if isinstance(judgement, Goodbye):
            wire.close(judgement.code, judgement.reason)
        elif not hub.has_room(judgement):
            wire.close(Close.FLOODING, protocol.retry_reason(TOO_MANY_SECONDS))
        else:
            encoder, budget = hub.encoders[judgement.form], hub.admission.budget(judgement.user_channel)
            await _serve(hub, Connection(wire, judgement, encoder, table, budget))
        await wire.finish()

    return app


async def _typing(hub: Hub, caller: Caller, _: TypingNow) -> dict[str, str]:
    hub.publish([Announcement(session_channel(caller.session_id), Typing(user_id=caller.viewer.id))])
    return {}


# The one command of the hub itself, which takes the place of the application's state.
TYPING = Command("typing", TypingNow, _typing)


def _judge(hub: Hub, scope: Scope, is_own_origin: IsOwnOrigin) -> Visit | Goodbye:
    """Who comes, where to and from which seq; or why not."""
    try:
        return _visit(hub, scope, is_own_origin)
    except Goodbye as goodbye:
        return goodbye


def _visit(hub: Hub, scope: Scope, is_own_origin: IsOwnOrigin) -> Visit:
    connection = HTTPConnection(scope)
    origin = connection.headers.get("origin")
    if origin is not None and not is_own_origin(scope, origin):
        raise Goodbye(Close.BAD_ORIGIN, "bad origin")
    viewer = current_viewer(connection)
    if viewer is None:
        raise Goodbye(Close.NOT_SIGNED_IN, "not signed in")
    if hub.draining:
        raise Goodbye(Close.RESTARTING, "restarting")
    address = addresses.hidden(scope["client"][0] if scope.get("client") else "", hub.secret_key)
    form = _choose_form(hub, scope["subprotocols"])
    return Visit(viewer, _session_id(scope["path"]), _after(scope["query_string"]), address, form)


def _choose_form(hub: Hub, offered: Sequence[str]) -> str:
    """The subprotocol: JSON where none is asked for, ours for pages before ours for programs."""
    if not offered:
        return protocol.JSON
    for form in (protocol.HTML, protocol.JSON):
        if form in offered and form in hub.encoders:
            return form
    raise Goodbye(Close.CLIENT_TOO_OLD, "unknown subprotocol")


async def _accept(scope: Scope, receive: Receive, send: Send, judgement: Visit | Goodbye) -> Wire:
    # A close code reaches the client only after the handshake, so everybody is accepted first.
    await receive()
    subprotocol = judgement.form if isinstance(judgement, Visit) and scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    wire: Wire = scope["extensions"].get(EXTENSION) or AsgiWire(receive, send)
    return wire


def _session_id(path: str) -> str:
    try:
        return ids.parse(path.removeprefix(PREFIX))
    except NotFound:
        raise Goodbye(Close.NO_SESSION, "no such session") from None


def _after(query: bytes) -> int | None:
    values = [value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "after"]
    if not values:
        return None
    if len(values) > 1 or not _SEQ.fullmatch(values[0]):
        raise Goodbye(Close.BAD_FRAME, "after is a number")
    return int(values[0])


async def _serve(hub: Hub, connection: Connection) -> None:
    visit = connection.visit
    hub.admission.add(connection)
    connection.wire.listen(connection)
    log.info("connection.opened", connection=connection.id, session=visit.session_id, user=visit.viewer.id)
    try:
        await _join(hub, connection)
        await connection.over
    finally:
        connection.close(Close.RESTARTING, "restarting")
        hub.leave(connection)
        hub.admission.remove(connection)
        log.info("connection.closed", connection=connection.id)


async def _join(hub: Hub, connection: Connection) -> None:
    try:
        await hub.join(connection)
    except NotFound:
        await _say_why(hub, connection)
    except NotSignedIn:
        connection.close(Close.NOT_SIGNED_IN, "not signed in")
    except Lost:
        log.debug("connection.lost_while_opening", connection=connection.id)
    except ChatserverError as error:
        log.warning("connection.not_opened", connection=connection.id, error=error.code)
        connection.close(Close.ERROR, error.code)
    except Exception:
        log.exception("connection.not_opened", connection=connection.id)
        connection.close(Close.ERROR, "internal")


async def _say_why(hub: Hub, connection: Connection) -> None:
    """Nothing was found for this viewer: the account or the sign-in may have ended since the handshake."""
    visit, code = connection.visit, Close.NO_SESSION
    try:
        [goodbye] = await hub.rooms.goodbyes([(visit.viewer, visit.session_id)])
        code = goodbye or code
    except ChatserverError as error:
        log.warning("connection.reason_unknown", connection=connection.id, error=error.code)
    connection.close(code, protocol.GOODBYES[code])
