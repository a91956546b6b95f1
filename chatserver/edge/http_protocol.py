"""uvicorn's HTTP protocol with limits: given to uvicorn as its `http` class (`websocket_protocol.uvicorn_settings`).

It limits what uvicorn leaves unlimited, on every path: the time and the size of headers, bodies, chunks and trailers, the
time that a response may stay unread, pipelined requests, and (`ConnectionLimiter`) the number of connections. One request
is parsed at a time: input that follows it is held as bytes, and reading is paused.
"""

import asyncio
import math
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chatserver.edge import connection_limits, limits
from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.http_response import HoldingFlowControl, ResponseCycle
from chatserver.realtime.limits import BUFFER_BYTES
from chatserver.runtime import metrics

# The extension of the ASGI scope by which the application ends the connection in the middle of a response: called with a
# reason, which is a label of a metric.
CUT = "chatserver.cut"
_END_OF_HEADERS = b"\r\n\r\n"


class Phase(Enum):
    """What is being read on a connection. The names are labels of the metric `CONNECTIONS_CUT`."""

    idle = 0
    headers = 1
    body = 2
    # The request is refused. Further input is read and dropped: unread, it would make the kernel reset the connection
    # before the client has received the response.
    discarding = 3


class RequestRefused(Exception):
    """Raised in a callback of the parser to stop parsing."""


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection within its limits."""

    def __init__(self, *arguments: Any, limiter: ConnectionLimiter, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limiter, self._limits = limiter, limiter.limits
        self._phase = Phase.idle
        self._is_over = False
        # The client has ended its side of the connection, and waits for answers only.
        self._has_ended = False
        self._held_input = b""
        # When the current phase must be complete, or must have made progress (loop time).
        self._deadline = self._moved_at = 0.0
        self._status = HTTPStatus.BAD_REQUEST
        self._reset_counters()
        self._body_left = 0
        # Acknowledged bytes of a response, and since when they are measured; None while nothing is unsent.
        self._resumes = self._acknowledged_at_start = self._last_acknowledged = 0
        self._unread_since: float | None = None

    def _reset_counters(self) -> None:
        self._read = self._body_read = self._discarded = self._body_read_before = 0

    # The connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = self._flow = HoldingFlowControl(transport)
        self._flow.headers = self._limiter.encoded_headers
        self._moved_at = self.loop.time()
        self._deadline = self._moved_at + self._limits.header_seconds
        if not self._limiter.admit(self, self.client[0] if self.client else ""):
            self._refuse_connection()

    def _refuse_connection(self) -> None:
        if self._limiter.keep_refused(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._is_over = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._held_input = b""
        self._limiter.remove(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """True keeps the connection for the answers to what has come: a client may end its side once it has asked.

        One that is gone altogether answers the first bytes with a reset.
        """
        self._has_ended = self._phase is Phase.idle and (self._is_answering() or bool(self._held_input))
        return self._has_ended

    def cut(self, reason: str) -> None:
        """Ends the connection now."""
        metrics.CONNECTIONS_CUT.labels(reason).inc()
        self._is_over = True
        connection_limits.reset(self.transport)

    def idle_since(self) -> float | None:
        """When something last moved; None while the application works on a request of a client that is known to be there."""
        is_at_work = self._phase is Phase.idle and self._is_answering() and not self.flow.write_paused
        is_at_work = is_at_work and not self._has_ended
        return None if is_at_work else self._moved_at

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Deadlines ------------------------------------------------------------------------------------------------------

    def check_deadlines(self, now: float) -> None:
        """Cuts the connection if a request or a response makes no progress."""
        if self.transport.get_write_buffer_size():
            self._check_response(now)
        else:
            self._unread_since = None
            if now > self._deadline:
                self._check_request(now)

    def _check_response(self, now: float) -> None:
        acknowledged = self._count_acknowledged()
        if acknowledged > self._last_acknowledged:
            self._last_acknowledged, self._moved_at = acknowledged, now
        if self._unread_since is None or acknowledged - self._acknowledged_at_start >= self._limits.answer_bytes:
            self._unread_since, self._acknowledged_at_start = now, acknowledged
        elif now - self._unread_since > self._limits.answer_seconds:
            self.cut("unread-answer")

    def _count_acknowledged(self) -> int:
        count = connection_limits.acknowledged(self.transport)
        # Each resume_writing means that a full buffer was emptied to a quarter.
        return count if count >= 0 else self._resumes * BUFFER_BYTES

    def _check_request(self, now: float) -> None:
        is_moving = self._body_read - self._body_read_before >= self._limits.body_bytes
        if self._phase is Phase.body and not self.cycle.response_complete and (is_moving or self.flow.read_paused):
            self._body_read_before = self._body_read
            self._deadline = now + self._limits.body_seconds
        else:
            self.cut(self._phase.name)

    # Reading --------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._moved_at = self.loop.time()
        if self._phase is Phase.discarding:
            self._discard(len(data))
        elif self._held_input:
            self._hold(self._held_input + data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parses one request after the other, as long as no response is under way."""
        start, size = 0, len(data)
        while start < size and not self._is_over and self._phase is not Phase.discarding:
            if self._phase is Phase.idle:
                if self._has_to_wait():
                    self._hold(data[start:])
                    return
                self._begin()
            end = self._end_of_piece(data, start)
            self._feed_piece(data[start:end])
            start = end

    def _has_to_wait(self) -> bool:
        return self._is_answering() or self.flow.write_paused

    def _hold(self, data: bytes) -> None:
        self._held_input = data
        self.flow.pause_reading()
        self._flow.is_holding = True

    def _feed_held_input(self) -> None:
        if not self._held_input or self._is_over or self._phase is Phase.discarding or self._has_to_wait():
            return
        data, self._held_input = self._held_input, b""
        self._flow.is_holding = False
        self.flow.resume_reading()
        self._feed(data)

    def _begin(self) -> None:
        self._phase = Phase.headers
        self._reset_counters()
        self._deadline = self.loop.time() + self._limits.header_seconds

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Where the headers or the body end at the latest, so that the next request is not parsed with this one."""
        if self._phase is Phase.headers:
            found = data.find(_END_OF_HEADERS, start)
            return found + len(_END_OF_HEADERS) if found >= 0 else len(data)
        return min(start + self._body_left, len(data)) if self._body_left else len(data)

    def _feed_piece(self, piece: bytes) -> None:
        self._read += len(piece)
        if self._phase is Phase.headers and self._read > limits.HEADER_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        super().data_received(piece)
        # The parser, or a callback of it, may have refused the request already: nothing is written after that answer.
        if self._is_over or self._phase is Phase.discarding:
            return
        if self.headers is not None and len(self.headers) > limits.HEADER_COUNT:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._phase is Phase.body:
            self._check_body(len(piece))

    def _check_body(self, size: int) -> None:
        if self._read - self._body_read > limits.CHUNK_OVERHEAD_BYTES + self._body_read:
            self._refuse(HTTPStatus.BAD_REQUEST)
        elif self.cycle.response_complete:
            self._discard(size)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > limits.DISCARDED_BYTES:
            self.cut("discarded")

    # From the parser ------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= limits.PIPELINED:
            raise RequestRefused
        super().on_message_begin()
        if self._phase is Phase.idle:
            self._begin()

    def on_headers_complete(self) -> None:
        self._check_headers()
        if self.parser.get_http_version() == "1.0":
            # It would take an interim response for the answer (RFC 9110, 10.1.1).
            self.expect_100_continue = False
        super().on_headers_complete()
        # The application is started on the loop's next turn, and reads the same scope.
        self.scope["extensions"] = {CUT: self.cut}  # type: ignore[dict-item]
        self._phase = Phase.body
        self._reset_counters()
        self._deadline = self.loop.time() + self._limits.body_seconds
        # The parser appends trailers to the same list; they must not reach the application as headers.
        self.headers = self.headers.copy()
        self._body_left = _content_length(self.headers)

    def _check_headers(self) -> None:
        if len(self.headers) > limits.HEADER_COUNT:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise RequestRefused
        # Two parties on the way could each believe another one of them (RFC 9112, 3.2).
        if sum(name == b"host" for name, _ in self.headers) > 1:
            raise RequestRefused
        # The parser takes `gzip, chunked` for chunked, and would hand over packed bytes as the body.
        if any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in self.headers):
            raise RequestRefused
        if len(self.url) > limits.URL_BYTES:
            self._status = HTTPStatus.REQUEST_URI_TOO_LONG
            raise RequestRefused

    def on_body(self, body: bytes) -> None:
        self._body_read += len(body)
        self._body_left = max(self._body_left - len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = Phase.idle
        self._deadline = math.inf if self._is_answering() else self.loop.time() + self._limits.idle_seconds

    def handle_websocket_upgrade(self) -> None:
        if self._is_answering():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._is_over = True
        # Nothing is read until it is this connection's turn.
        self.transport.pause_reading()
        self._limiter.upgrades.enter(self._upgrade)

    def _upgrade(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.resume_reading()
        self.connections.discard(self)
        protocol = cast(Any, self.ws_protocol_class)(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.connection_made(self.transport)
        # uvicorn would write the request out again, for its protocol to parse once more.
        protocol.request_received(self.scope["method"], self.url, self.scope["headers"])
        self.transport.set_protocol(protocol)
        self._limiter.replace(self, protocol)

    # Responses ------------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # uvicorn has no setting for this class.
        cycle.__class__ = ResponseCycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if cast(ResponseCycle, self.cycle).ends_connection:
            self._end_after_input()
        elif self._phase is Phase.body:
            self._deadline = self.loop.time() + self._limits.discard_seconds
        elif self._phase is Phase.idle and not self._is_answering():
            self._deadline = self.loop.time() + self._limits.idle_seconds
        if self._held_input:
            self.loop.call_soon(self._feed_held_input)
        elif self._has_ended:
            self.transport.close()

    def resume_writing(self) -> None:
        self._resumes += 1
        super().resume_writing()
        if self._held_input:
            self.loop.call_soon(self._feed_held_input)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Called where the parser failed."""
        self._refuse(self._status)

    def _refuse(self, status: HTTPStatus) -> None:
        """Responds in place of the application and ends the connection."""
        if not self._discard_response():
            self.cut(f"refused-{status.value}")
            return
        metrics.CONNECTIONS_CUT.labels(f"refused-{status.value}").inc()
        self.transport.write(self._limiter.error_response(status))
        self._end_after_input()

    def _end_after_input(self) -> None:
        """Sends nothing more, and reads and drops what the client still sends until it ends the connection too."""
        self._phase, self._held_input = Phase.discarding, b""
        self._reset_counters()
        self._deadline = self.loop.time() + self._limits.discard_seconds
        self._flow.is_holding = False
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _discard_response(self) -> bool:
        """Drops the application's response. False where it has been started, so that no other can be sent."""
        if not self._is_answering():
            return True
        cycle = self.cycle
        cycle.disconnected = True
        cycle.message_event.set()
        return not cycle.response_started


def _content_length(headers: list[tuple[bytes, bytes]]) -> int:
    """The Content-Length, 0 where there is none. The parser has validated it."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
