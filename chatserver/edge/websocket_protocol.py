"""uvicorn's websocket protocol with an edge of our own: given to uvicorn as its `ws` class (`uvicorn_settings`).

It publishes itself as the socket's `Wire` in `scope["extensions"]`: pre-encoded frames go straight to the transport.
And it bounds what uvicorn leaves unbounded: the time for handshake and goodbye, frames of any kind (ping floods, empty
fragments), what the kernel keeps for a client that does not read.
"""

import asyncio
import socket
from asyncio import TimerHandle
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from chatserver.edge import connection_limits as edges
from chatserver.edge.connection_limits import Edge
from chatserver.edge.http_protocol import RequestProtocol
from chatserver.realtime import limits
from chatserver.realtime.protocol import PING_FRAME, Close, retry_reason
from chatserver.realtime.rate_limit import TokenBucket
from chatserver.realtime.transport import EXTENSION, TransportListener
from chatserver.runtime import metrics


def uvicorn_settings(edge: Edge | None = None, ws: "type[SocketProtocol] | None" = None) -> dict[str, Any]:
    """The part of uvicorn's configuration that the sockets rely on; `edge` counts the connections of this process."""
    edge = edge or Edge()
    return {
        "http": partial(RequestProtocol, edge=edge),
        "ws": partial(ws or SocketProtocol, edge=edge),
        "ws_max_size": limits.FRAME_BYTES,
        "ws_per_message_deflate": False,
        # The hub looks after its sockets itself, with no timer for each.
        "ws_ping_interval": None,
        "ws_ping_timeout": None,
        # Ours believes listed proxies only (web/proxies.py).
        "proxy_headers": False,
        "timeout_graceful_shutdown": 10,
        "server_header": False,
    }


class Dialogue(ServerProtocol):
    """The library's reading of RFC 6455, but for a goodbye in the middle of a fragmented message: control frames may
    come there (5.4), so it is answered like any other, and what was begun is forgotten. And whoever is refused gets the
    headers of every answer."""

    headers: Mapping[str, str]

    def send_response(self, response: Response) -> None:
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            for name, value in self.headers.items():
                response.headers.setdefault(name, value)
        super().send_response(response)

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


class SocketProtocol(WebSocketsSansIOProtocol):
    """One websocket: a `Wire` once it is accepted."""

    def __init__(self, *arguments: Any, edge: Edge, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._edge = edge
        # uvicorn takes no class for it, and to make a second one would be a twentieth of what a connect costs.
        self.conn.__class__ = Dialogue
        cast(Dialogue, self.conn).headers = edge.headers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=limits.BUFFER_BYTES)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.KERNEL_BYTES)
        self.write = self.transport.write
        self.is_paused = False
        self.received_at = self.paused_at = self.loop.time()
        self._listener: TransportListener | None = None
        self._frames = TokenBucket(self.received_at)
        self._discards_input = False
        self._deadline: TimerHandle | None = self.loop.call_later(limits.HANDSHAKE_SECONDS, self.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._edge.remove(self)
        self._stop_deadline()
        self._notify_lost()

    def _notify_lost(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.connection_lost()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _arm_close_deadline(self) -> None:
        """Whoever does not take the goodbye in time is cut: a close would wait behind what they do not read."""
        self._notify_lost()
        if self._deadline is None and not self.disconnected:
            self._deadline = self.loop.call_later(limits.CLOSE_SECONDS, self.abort)

    # For the edge -------------------------------------------------------------------------------------------------

    def still_since(self) -> float | None:
        """None for a socket that was let in."""
        return None if self._listener is not None else self.received_at

    def look(self, now: float) -> None:
        """Its deadlines are the hub's, and those of handshake and goodbye."""

    def cut(self, reason: str) -> None:
        metrics.CUT.labels(reason).inc()
        self.abort()

    # The handshake ------------------------------------------------------------------------------------------------

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = cast(Any, self)
            # Nothing is taken from a client that was not let in yet.
            self.transport.pause_reading()

    def _refuse_handshake(self) -> None:
        """The library could not read it. It says why where the headers are too long, and only hangs up otherwise."""
        answer = b"".join(self.conn.data_to_send()) or self._edge.refusal(HTTPStatus.BAD_REQUEST)
        self.transport.write(answer)
        self.close_sent = self.handshake_complete = True
        self._stop_deadline()
        self._discard_input()

    async def send(self, message: ASGISendEvent) -> None:
        was_complete = self.handshake_complete
        await super().send(message)
        if self.handshake_complete and not was_complete:
            self._stop_deadline()
            self._finish_handshake()
        if self.close_sent or self.transport.is_closing():
            self._arm_close_deadline()

    def _finish_handshake(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
        # Kept for the life of the socket otherwise: most of what an idle one costs.
        self.scope["headers"] = []
        del self.request, self.response

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if self.transport.is_closing():
            self._arm_close_deadline()

    # From the client ----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.received_at = self.loop.time()
        if self._discards_input:
            return
        if len(data) <= limits.PARSE_BYTES:
            super().data_received(data)
        else:
            self._parse_in_slices(data)
        if not self.handshake_initiated:
            self._refuse_handshake()
        if self.close_sent or self.transport.is_closing():
            self._arm_close_deadline()

    def _parse_in_slices(self, data: bytes) -> None:
        for start in range(0, len(data), limits.PARSE_BYTES):
            super().data_received(data[start : start + limits.PARSE_BYTES])
            if self._discards_input or self.transport.is_closing():
                return

    def handle_events(self) -> None:
        if self.handshake_complete and not self._frames.spend(len(self.conn.events), self.received_at):
            self.conn.events_received()
            self.close(Close.FLOODING, retry_reason(limits.FRAMES_AT_ONCE / limits.FRAMES_PER_SECOND))
            self._discard_input()
            return
        super().handle_events()

    def handle_parser_exception(self) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": Close.ERROR})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._discard_input()

    def _discard_input(self) -> None:
        """What the client still sends is taken and forgotten: unread, it would make the kernel cut off our goodbye."""
        self._discards_input = True
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def send_receive_event_to_app(self) -> None:
        if self._listener is None:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            self._deliver_text(data, self._listener)
        else:
            self._listener.binary_received()

    def _deliver_text(self, data: bytes, listener: TransportListener) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.close(Close.NOT_UTF8, "text is UTF-8")
        else:
            listener.text_received(text)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_paused, self.paused_at = True, self.loop.time()
        if self._listener is not None:
            self._listener.pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_paused = False
        if self._listener is not None:
            self._listener.resume_writing()

    # The wire -----------------------------------------------------------------------------------------------------

    def attach(self, listener: TransportListener) -> None:
        """Hands every frame to `listener` from now on, in place of ASGI's `receive`."""
        self._listener = listener

    def ping(self) -> None:
        """Any answer counts as a sign of life."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(PING_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        """Sends the goodbye and waits for the other side's, for a while."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(limits.CLOSE_SECONDS, self.abort)
        self._notify_lost()

    def abort(self) -> None:
        """Cuts the socket now, with whatever was still to be sent."""
        if not self.disconnected:
            edges.cut(self.transport)

    async def wait_closed(self) -> None:
        """The goodbye is in the transport already."""

    def shutdown(self) -> None:
        super().shutdown()
        self._arm_close_deadline()
