"""Websockets of pages that only listen: what has changed is said, and the page fetches it over HTTP.

For people with a browser's sign-in. Such a socket has no channel in the hub: whoever keeps it listens to the hub.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.identity.viewer import Viewer, current_viewer
from chatserver.realtime import protocol
from chatserver.realtime.endpoint import IsOwnOrigin
from chatserver.realtime.hub import Hub
from chatserver.realtime.protocol import Close
from chatserver.realtime.transport import EXTENSION, AsgiTransport, Transport

# A page is pinged so often, and is gone when it has not answered for so long.
PING_SECONDS, SILENT_SECONDS = 20.0, 60.0
# `retry_after` where a page does not read, and where somebody has too many of them open.
SLOW_SECONDS, TOO_MANY_SECONDS = 2.0, 30.0
# Scripts do not see pings: a frame without events shows a page that its connection is alive.
_NOTHING = protocol.array_frame([])

log = structlog.get_logger(__name__)

Refusal = tuple[Close, str]
NOT_SIGNED_IN: Refusal = (Close.NOT_SIGNED_IN, "not signed in")
TOO_MANY: Refusal = (Close.FLOODING, protocol.retry_reason(TOO_MANY_SECONDS))


class PageSocket:
    """One listening page. It has nothing to say: whatever it sends closes it."""

    def __init__(self, viewer: Viewer, transport: Transport) -> None:
        self.viewer, self.transport = viewer, transport
        self.closed = asyncio.Event()
        self._pinged_at = asyncio.get_running_loop().time()
        transport.attach(self)

    def send(self, event: object) -> None:
        """Sends one event, while the page is there."""
        if not self.closed.is_set():
            self.transport.write(protocol.array_frame([msgspec.json.encode(event)]))

    def keep_alive(self) -> None:
        """Pings the page where that is due, and aborts the socket of a page that is gone. To be called often."""
        if self.closed.is_set():
            return
        now = asyncio.get_running_loop().time()
        if now - self.transport.received_at > SILENT_SECONDS:
            self.transport.abort()
        elif now - self._pinged_at >= PING_SECONDS:
            self._pinged_at = now
            self.transport.ping()
            self.transport.write(_NOTHING)

    def text_received(self, text: str) -> None:  # noqa: ARG002
        self.transport.close(Close.BAD_FRAME, "nothing is taken here")

    def binary_received(self) -> None:
        self.transport.close(Close.BAD_FRAME, "nothing is taken here")

    def pause_writing(self) -> None:
        # It gets some bytes at a time: whoever does not read them is gone.
        self.transport.close(Close.TOO_SLOW, protocol.retry_reason(SLOW_SECONDS))

    def resume_writing(self) -> None: ...

    def connection_lost(self) -> None:
        self.closed.set()


def keep_alive(sockets: Iterable[PageSocket]) -> None:
    """Keeps each alive. An error of one is logged: whoever calls goes on with the others, and calls again."""
    for socket in sockets:
        try:
            socket.keep_alive()
        except Exception:
            log.exception("page_socket.failed")


class PageEndpoint:
    """Where such pages connect: `GET <path>`. `refuse` says why a viewer may not, beyond what holds for all; `listen` has
    the socket until it is closed."""

    def __init__(
        self,
        path: str,
        hub: Hub,
        is_own_origin: IsOwnOrigin,
        refuse: Callable[[Viewer], Refusal | None],
        listen: Callable[[PageSocket], Awaitable[None]],
    ) -> None:
        self._path, self._hub, self._is_own_origin = path, hub, is_own_origin
        self._refuse, self._listen = refuse, listen

    def beside(self, others: ASGIApp) -> ASGIApp:
        """The websocket application: this endpoint at its path, and `others` at all others."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (self._serve if scope["path"] == self._path else others)(scope, receive, send)

        return app

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Decided first: once it is accepted, the request's headers are given up.
        connection = HTTPConnection(scope)
        viewer, refusal = current_viewer(connection), self._refusal_of_request(connection)
        # A close code reaches the client only after the handshake, so refused ones are accepted too.
        await receive()
        await send({"type": "websocket.accept"})
        transport: Transport = scope["extensions"].get(EXTENSION) or AsgiTransport(receive, send)
        if refusal is None and viewer is not None:
            refusal = self._refuse(viewer)
        if refusal is not None or viewer is None:
            transport.close(*(refusal or NOT_SIGNED_IN))
        else:
            await self._listen(PageSocket(viewer, transport))
        await transport.wait_closed()

    def _refusal_of_request(self, connection: HTTPConnection) -> Refusal | None:
        origin, viewer = connection.headers.get("origin"), current_viewer(connection)
        if origin is not None and not self._is_own_origin(connection.scope, origin):
            return Close.BAD_ORIGIN, "bad origin"
        if viewer is None or viewer.via != "cookie":
            return NOT_SIGNED_IN
        return (Close.RESTARTING, "restarting") if self._hub.draining else None
