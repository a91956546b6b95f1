"""Websockets of pages that only listen: what has changed is said, and the page fetches it over HTTP.

For people with a browser's sign-in. Such a socket has no channel in the hub: whoever keeps it listens to the hub.
"""

import asyncio

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

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


def refusal(scope: Scope, hub: Hub, is_own_origin: IsOwnOrigin) -> Refusal | None:
    """Why this page is refused, None where it is not. To be asked before `accept`, which gives up the headers."""
    connection = HTTPConnection(scope)
    origin, viewer = connection.headers.get("origin"), current_viewer(connection)
    if origin is not None and not is_own_origin(scope, origin):
        return Close.BAD_ORIGIN, "bad origin"
    if viewer is None or viewer.via != "cookie":
        return NOT_SIGNED_IN
    return (Close.RESTARTING, "restarting") if hub.draining else None


async def accept(scope: Scope, receive: Receive, send: Send) -> Transport:
    """Accepts a socket, also a refused one: a close code reaches the client only after the handshake."""
    await receive()
    await send({"type": "websocket.accept"})
    transport: Transport = scope["extensions"].get(EXTENSION) or AsgiTransport(receive, send)
    return transport
