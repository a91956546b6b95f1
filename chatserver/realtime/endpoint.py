"""The websocket endpoint, `GET /ws/sessions/{id}?after=SEQ`: accepts or rejects connections, and serves them.

A pure ASGI application, mounted outside the HTTP middleware; its own middleware has put the viewer into the scope.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from msgspec import Struct
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver import ids
from chatserver.errors import ChatserverError, NotFound, NotSignedIn
from chatserver.events import Announcement, session_channel
from chatserver.identity import addresses
from chatserver.identity.viewer import current_viewer
from chatserver.realtime import protocol
from chatserver.realtime.connection import Connection, ConnectRequest, Disconnected
from chatserver.realtime.events import Typing
from chatserver.realtime.hub import Hub
from chatserver.realtime.inbox import Ping
from chatserver.realtime.ports import Caller, Command
from chatserver.realtime.protocol import Close
from chatserver.realtime.transport import EXTENSION, AsgiTransport, Transport

PREFIX = "/ws/sessions/"
# `retry_after` where the user or the address has too many sockets: another one has to close first.
TOO_MANY_SECONDS = 30.0
_SEQ = re.compile(r"[0-9]{1,18}")

# The answer to a handshake at an address that is none of a websocket's.
NO_ENDPOINT = Response(
    msgspec.json.encode({"error": NotFound().as_dict()}), NotFound.status, media_type="application/json"
)

# Whether the Origin header of a browser is that of the product's own pages.
IsOwnOrigin = Callable[[Scope, str], bool]

log = structlog.get_logger(__name__)


class TypingNow(Struct, frozen=True, forbid_unknown_fields=True):
    """`typing {}`: shown to the other members for five seconds."""


class Rejected(Exception):
    """The connection is rejected, with a close code and a reason."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def build(hub: Hub, commands: Iterable[Command], state: Any, is_own_origin: IsOwnOrigin) -> ASGIApp:
    """The websocket application over a hub. The features' commands are called with `state`."""
    bound = (*(command.bind(state) for command in commands), *(command.bind(hub) for command in HUB_COMMANDS))
    table = {command.name: command for command in bound}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(PREFIX):
            await NO_ENDPOINT(scope, receive, send)
            return
        decision = _decide(hub, scope, is_own_origin)
        transport = await _accept(scope, receive, send, decision)
        if isinstance(decision, Rejected):
            transport.close(decision.code, decision.reason)
        elif not hub.accepts(decision):
            transport.close(Close.FLOODING, protocol.retry_reason(TOO_MANY_SECONDS))
        else:
            encoder, rate_limit = hub.encoders[decision.subprotocol], hub.admission.rate_limit(decision.user_channel)
            await _serve(hub, Connection(transport, decision, encoder, table, rate_limit))
        await transport.wait_closed()

    return app


async def _typing(hub: Hub, caller: Caller, _: TypingNow) -> dict[str, str]:
    hub.publish([Announcement(session_channel(caller.session_id), Typing(user_id=caller.viewer.id))])
    return {}


async def _ping(_hub: Hub, _caller: Caller, _: Ping) -> dict[str, str]:
    return {}  # an inbox gives this answer itself, at once


# The commands of the hub itself, which takes the place of the application's state.
TYPING = Command("typing", TypingNow, _typing)
HUB_COMMANDS = (TYPING, Command("ping", Ping, _ping))


def _decide(hub: Hub, scope: Scope, is_own_origin: IsOwnOrigin) -> ConnectRequest | Rejected:
    """The connect request, or why it is rejected."""
    try:
        return _connect_request(hub, scope, is_own_origin)
    except Rejected as rejected:
        return rejected


def _connect_request(hub: Hub, scope: Scope, is_own_origin: IsOwnOrigin) -> ConnectRequest:
    connection = HTTPConnection(scope)
    origin = connection.headers.get("origin")
    if origin is not None and not is_own_origin(scope, origin):
        raise Rejected(Close.BAD_ORIGIN, "bad origin")
    viewer = current_viewer(connection)
    if viewer is None:
        raise Rejected(Close.NOT_SIGNED_IN, "not signed in")
    if hub.draining:
        raise Rejected(Close.RESTARTING, "restarting")
    address = addresses.hidden(scope["client"][0] if scope.get("client") else "", hub.secret_key)
    subprotocol = _choose_subprotocol(hub, scope["subprotocols"])
    return ConnectRequest(viewer, _session_id(scope["path"]), _after(scope["query_string"]), address, subprotocol)


def _choose_subprotocol(hub: Hub, offered: Sequence[str]) -> str:
    """The subprotocol: JSON where none is offered; of several, HTML before JSON."""
    if not offered:
        return protocol.JSON
    for subprotocol in (protocol.HTML, protocol.JSON):
        if subprotocol in offered and subprotocol in hub.encoders:
            return subprotocol
    raise Rejected(Close.CLIENT_TOO_OLD, "unknown subprotocol")


async def _accept(scope: Scope, receive: Receive, send: Send, decision: ConnectRequest | Rejected) -> Transport:
    # A close code reaches the client only after the handshake, so rejected connections are accepted first: a browser's with
    # one of the subprotocols that it offers, as it takes a handshake without any for failed.
    await receive()
    offered: Sequence[str] = scope["subprotocols"]
    chosen = decision.subprotocol if isinstance(decision, ConnectRequest) else next(iter(offered), None)
    await send({"type": "websocket.accept", "subprotocol": chosen if offered else None})
    transport: Transport = scope["extensions"].get(EXTENSION) or AsgiTransport(receive, send)
    return transport


def _session_id(path: str) -> str:
    try:
        return ids.parse(path.removeprefix(PREFIX))
    except NotFound:
        raise Rejected(Close.NO_SESSION, "no such session") from None


def _after(query: bytes) -> int | None:
    values = [value for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True) if name == "after"]
    if not values:
        return None
    if len(values) > 1 or not _SEQ.fullmatch(values[0]):
        raise Rejected(Close.BAD_FRAME, "after is a number")
    return int(values[0])


async def _serve(hub: Hub, connection: Connection) -> None:
    began = time.monotonic()
    hub.admission.add(connection)
    connection.transport.attach(connection)
    try:
        await _synchronize(hub, connection)
        await connection.closed
    finally:
        connection.close(Close.RESTARTING, "restarting")
        hub.leave(connection)
        hub.admission.remove(connection)
        _log_end(connection, time.monotonic() - began)


def _log_end(connection: Connection, seconds: float) -> None:
    # One line a socket, at its end: a line costs as much as the rest of the endpoint, and a thousand may open at once.
    request = connection.request
    log.info(
        "connection.closed",
        connection=connection.id,
        session=request.session_id,
        user=request.viewer.id,
        seconds=round(seconds, 1),
    )


async def _synchronize(hub: Hub, connection: Connection) -> None:
    try:
        await hub.join(connection)
    except NotFound:
        await _close_with_reason(hub, connection)
    except NotSignedIn:
        connection.close(Close.NOT_SIGNED_IN, "not signed in")
    except Disconnected:
        log.debug("connection.lost_while_opening", connection=connection.id)
    except ChatserverError as error:
        log.warning("connection.not_opened", connection=connection.id, error=error.code)
        connection.close(Close.ERROR, error.code)
    except Exception:
        log.exception("connection.not_opened", connection=connection.id)
        connection.close(Close.ERROR, "internal")


async def _close_with_reason(hub: Hub, connection: Connection) -> None:
    """Closes a connection whose session was not found; its account or sign-in may have ended since the handshake."""
    request, code = connection.request, Close.NO_SESSION
    try:
        [revoked] = await hub.source.close_codes([(request.viewer, request.session_id)])
        code = revoked or code
    except ChatserverError as error:
        log.warning("connection.reason_unknown", connection=connection.id, error=error.code)
    connection.close(code, protocol.CLOSE_REASONS[code])
