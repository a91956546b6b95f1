"""uvicorn's websocket protocol with limits: given to uvicorn as its `ws` class (`uvicorn_settings`).

It publishes itself as the socket's `Transport` in `scope["extensions"]`: encoded frames are written straight to the
TCP transport. And it limits what uvicorn leaves unlimited: the time for the opening and closing handshakes, frames of any
kind (ping floods, empty fragments), and what the kernel buffers for a client that does not read.
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
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeaderValue
from websockets.frames import Frame, Opcode, apply_mask  # type: ignore[attr-defined]
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol

from chatserver.edge import connection_limits
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.http_protocol import HttpProtocol
from chatserver.realtime import limits
from chatserver.realtime.protocol import PING_FRAME, Close, retry_reason
from chatserver.realtime.rate_limit import TokenBucket
from chatserver.realtime.transport import EXTENSION, TransportListener
from chatserver.runtime import metrics

JSON = "application/json"


def uvicorn_settings(
    limiter: ConnectionLimiter | None = None, ws: "type[WebSocketProtocol] | None" = None
) -> dict[str, Any]:
    """The settings of uvicorn that both protocols rely on. `limiter` counts the connections of this process."""
    limiter = limiter or ConnectionLimiter()
    return {
        "http": partial(HttpProtocol, limiter=limiter),
        "ws": partial(ws or WebSocketProtocol, limiter=limiter),
        "ws_max_size": limits.FRAME_BYTES,
        "ws_per_message_deflate": False,
        # realtime/maintenance.py pings all sockets, without a timer for each.
        "ws_ping_interval": None,
        "ws_ping_timeout": None,
        # web/proxies.py trusts listed proxies only.
        "proxy_headers": False,
        "timeout_graceful_shutdown": 10,
        "server_header": False,
    }


class TolerantServerProtocol(ServerProtocol):
    """The library's implementation of RFC 6455 with two changes.

    A close frame between two fragments of a message is answered like any other (5.4 allows control frames there), and the
    incomplete message is dropped. A refused handshake has the headers of every response, and the body of every error.
    """

    headers: Mapping[str, str]
    # Whether all bytes so far are parsed and the next ones begin a message.
    is_between_messages = False

    def receive_data(self, data: bytes | bytearray) -> None:
        # Nearly all messages come whole. The library takes a chain of generators through five of their parts.
        text = whole_text(data) if self.is_between_messages else None
        if text is not None and (self.max_message_size is None or len(text) <= self.max_message_size):
            self.events.append(Frame(Opcode.TEXT, text))
            return
        self.is_between_messages = False
        super().receive_data(data)

    def forget_handshake(self) -> None:
        """Goes on with a new parser: that of the handshake, which has come whole and alone, would keep the request."""
        assert not self.reader.buffer
        self.parser = Protocol.parse(self)
        next(self.parser)

    def send_response(self, response: Response) -> None:
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            if response.headers.get("Content-Type") != JSON:
                response.body = connection_limits.error_body(HTTPStatus(response.status_code))
                for name, value in {"Content-Type": JSON, "Content-Length": str(len(response.body))}.items():
                    del response.headers[name]
                    response.headers[name] = value
            if response.status_code == HTTPStatus.BAD_REQUEST:
                # It may be the client of another version of the protocol (RFC 6455, 4.4).
                response.headers["Sec-WebSocket-Version"] = "13"
            for name, value in self.headers.items():
                response.headers.setdefault(name, value)
        super().send_response(response)

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)
        self.is_between_messages = not self.reader.buffer and self.current_size is None and self.state is State.OPEN


def whole_text(data: bytes | bytearray) -> bytes | None:
    """The payload, where the data is exactly one message of a client: one masked text frame of at most 64 KiB."""
    if len(data) < 6 or data[0] != 0x81 or data[1] < 0x80:
        return None
    length, start = data[1] & 0x7F, 2
    if length == 126:
        length, start = int.from_bytes(data[2:4]), 4
    if length == 127 or len(data) != start + 4 + length:
        return None
    return apply_mask(data[start + 4 :], data[start : start + 4])


def handshake_of(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> Request:
    """The library's request, of one that is parsed already.

    Raises ValueError for what the library would not parse: a body, a target that is not ASCII.
    """
    fields = Headers((name.decode("ascii"), value.strip(b" \t").decode("latin-1")) for name, value in headers)
    if "Transfer-Encoding" in fields or not set(fields.get_all("Content-Length")) <= {"0"}:
        raise ValueError("a handshake has no body")
    return Request(target.decode("ascii"), fields, method)


class _Unreceived:
    """Takes what ASGI's `receive` would give, where a listener is in its place. A queue was a seventh of an idle socket."""

    def put_nowait(self, message: object) -> None: ...


_UNRECEIVED = _Unreceived()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One websocket: a `Transport` once it is accepted."""

    def __init__(self, *arguments: Any, limiter: ConnectionLimiter, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limiter = limiter
        # uvicorn has no setting for this class, and a second instance would cost a twentieth of a connect.
        self.conn.__class__ = TolerantServerProtocol
        cast(TolerantServerProtocol, self.conn).headers = limiter.headers

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
        self._limiter.remove(self)
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
        """Aborts the connection if the client does not complete the close in time: it may not read at all."""
        self._notify_lost()
        if self._deadline is None and not self.disconnected:
            self._deadline = self.loop.call_later(limits.CLOSE_SECONDS, self.abort)

    # For the connection limiter ------------------------------------------------------------------------------------

    def idle_since(self) -> float | None:
        """When input last arrived; None for an accepted socket, which is never evicted."""
        return None if self._listener is not None else self.received_at

    def check_deadlines(self, now: float) -> None:
        """Nothing: the deadlines of sockets are the hub's, and those of the opening and closing handshakes."""

    def cut(self, reason: str) -> None:
        metrics.CONNECTIONS_CUT.labels(reason).inc()
        self.abort()

    # The handshake ------------------------------------------------------------------------------------------------

    def request_received(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Begins the handshake with the request that the connection's HTTP protocol has parsed."""
        try:
            request = handshake_of(method, target, headers)
        except (ValueError, InvalidHeaderValue):
            self._refuse_handshake()
        else:
            self.handle_connect(request)
        if self.close_sent or self.transport.is_closing():
            self._arm_close_deadline()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            cast(TolerantServerProtocol, self.conn).forget_handshake()
            self.scope["extensions"][EXTENSION] = cast(Any, self)
            # Nothing is read from a client before it is accepted.
            self.transport.pause_reading()

    def _refuse_handshake(self) -> None:
        self.transport.write(self._limiter.error_response(HTTPStatus.BAD_REQUEST))
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
        # Otherwise kept for the life of the socket: most of the memory of an idle one.
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
        """Further input is read and dropped: unread, it would make the kernel reset the connection before the close frame
        has been received."""
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

    # The transport ------------------------------------------------------------------------------------------------

    def attach(self, listener: TransportListener) -> None:
        """Passes every message to `listener` from now on, in place of ASGI's `receive`."""
        self._listener, self.queue = listener, cast(Any, _UNRECEIVED)

    def ping(self) -> None:
        """Sends a ping. Any input counts as an answer."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(PING_FRAME)

    def close(self, code: int, reason: str = "") -> None:
        """Sends a close frame and waits CLOSE_SECONDS for the client's."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(limits.CLOSE_SECONDS, self.abort)
        self._notify_lost()

    def abort(self) -> None:
        """Resets the connection now and drops unsent output."""
        if not self.disconnected:
            connection_limits.reset(self.transport)

    async def wait_closed(self) -> None:
        """Returns at once: the close frame is in the TCP transport already."""

    def shutdown(self) -> None:
        super().shutdown()
        self._arm_close_deadline()
