"""uvicorn's HTTP protocol with an edge of our own: given to uvicorn as its `http` class (`server.uvicorn_settings`).

It bounds what uvicorn leaves open, on every path: the time and the size of headers, bodies, chunks and trailers, the time
that an answer may lie unread, requests sent while another is answered, and (`Edge`) the number of connections. One
request is parsed at a time: what comes behind it is held as bytes, and nothing more is read.
"""

import asyncio
import math
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from chatserver.edge import connection_limits as edges
from chatserver.edge.connection_limits import Edge
from chatserver.realtime import limits
from chatserver.runtime import metrics

_END_OF_HEADERS = b"\r\n\r\n"


class Phase(Enum):
    """What is read of a connection."""

    idle = 0
    headers = 1
    body = 2
    # It is refused; what it still sends is taken and forgotten, or the kernel would cut off our answer.
    discarding = 3


class Flow(FlowControl):
    """uvicorn's, which reads nothing more for as long as bytes are held back."""

    is_holding = False
    headers: list[tuple[bytes, bytes]]

    def resume_reading(self) -> None:
        if not self.is_holding:
            super().resume_reading()


class Refused(Exception):
    """Raised out of the parser's callbacks, which makes it stop there."""


class Cycle(RequestResponseCycle):
    """uvicorn's request and its answer; where the application failed altogether, with the headers of every answer."""

    async def send_500_response(self) -> None:
        body = b"Internal Server Error.\n"
        headers = [
            *cast(Flow, self.flow).headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


class RequestProtocol(HttpToolsProtocol):
    """One HTTP connection within its bounds."""

    def __init__(self, *arguments: Any, edge: Edge, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._edge, self._bounds = edge, edge.bounds
        self._phase = Phase.idle
        self._is_over = False
        self._held = b""
        # When the present phase has to be done, or to have moved (loop time).
        self._due = self._moved_at = 0.0
        self._status = HTTPStatus.BAD_REQUEST
        self._count_anew()
        self._body_left = 0
        # What the client took of an answer, and when that was counted; None while nothing waits for it.
        self._resumes = self._taken = self._last_taken = 0
        self._unread_since: float | None = None

    def _count_anew(self) -> None:
        self._read = self._body_read = self._discarded = self._body_read_before = 0

    # The connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = self._flow = Flow(transport)
        self._flow.headers = self._edge.encoded_headers
        self._moved_at = self.loop.time()
        self._due = self._moved_at + self._bounds.header_seconds
        if not self._edge.admit(self, self.client[0] if self.client else ""):
            self._refuse_connection()

    def _refuse_connection(self) -> None:
        if self._edge.keep_refused(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._is_over = True
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._held = b""
        self._edge.remove(self)
        super().connection_lost(exc)

    def cut(self, reason: str) -> None:
        """Ends the connection now."""
        metrics.CUT.labels(reason).inc()
        self._is_over = True
        edges.cut(self.transport)

    def still_since(self) -> float | None:
        """When something last moved; None while the application works on a request that its client waits for."""
        is_at_work = self._phase is Phase.idle and self._is_answering() and not self.flow.write_paused
        return None if is_at_work else self._moved_at

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Deadlines ------------------------------------------------------------------------------------------------------

    def look(self, now: float) -> None:
        """Cuts a connection that is stuck."""
        if self.transport.get_write_buffer_size():
            self._look_at_answer(now)
        else:
            self._unread_since = None
            if now > self._due:
                self._look_at_request(now)

    def _look_at_answer(self, now: float) -> None:
        taken = self._count_taken()
        if taken > self._last_taken:
            self._last_taken, self._moved_at = taken, now
        if self._unread_since is None or taken - self._taken >= self._bounds.answer_bytes:
            self._unread_since, self._taken = now, taken
        elif now - self._unread_since > self._bounds.answer_seconds:
            self.cut("unread-answer")

    def _count_taken(self) -> int:
        count = edges.acknowledged(self.transport)
        # Each resume means that a buffer which was full has been emptied but for a quarter.
        return count if count >= 0 else self._resumes * limits.BUFFER_BYTES

    def _look_at_request(self, now: float) -> None:
        is_moving = self._body_read - self._body_read_before >= self._bounds.body_bytes
        if self._phase is Phase.body and not self.cycle.response_complete and (is_moving or self.flow.read_paused):
            self._body_read_before = self._body_read
            self._due = now + self._bounds.body_seconds
        else:
            self.cut(self._phase.name)

    # Reading --------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._moved_at = self.loop.time()
        if self._phase is Phase.discarding:
            self._discard(len(data))
        elif self._held:
            self._hold(self._held + data)
        else:
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Parses one request after the other, as long as none is being answered."""
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
        self._held = data
        self.flow.pause_reading()
        self._flow.is_holding = True

    def _release(self) -> None:
        if not self._held or self._is_over or self._phase is Phase.discarding or self._has_to_wait():
            return
        data, self._held = self._held, b""
        self._flow.is_holding = False
        self.flow.resume_reading()
        self._feed(data)

    def _begin(self) -> None:
        self._phase = Phase.headers
        self._count_anew()
        self._due = self.loop.time() + self._bounds.header_seconds

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Where the headers or the body end at the latest, so that no second request is parsed with the first."""
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
        if self._is_over:
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
            raise Refused
        super().on_message_begin()
        if self._phase is Phase.idle:
            self._begin()

    def on_headers_complete(self) -> None:
        self._check_headers()
        super().on_headers_complete()
        self._phase = Phase.body
        self._count_anew()
        self._due = self.loop.time() + self._bounds.body_seconds
        # Trailers come to the same list, and must not reach the application as headers.
        self.headers = self.headers.copy()
        self._body_left = _content_length(self.headers)

    def _check_headers(self) -> None:
        if len(self.headers) > limits.HEADER_COUNT:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise Refused
        if len(self.url) > limits.URL_BYTES:
            self._status = HTTPStatus.REQUEST_URI_TOO_LONG
            raise Refused

    def on_body(self, body: bytes) -> None:
        self._body_read += len(body)
        self._body_left = max(self._body_left - len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = Phase.idle
        self._due = math.inf if self._is_answering() else self.loop.time() + self._bounds.idle_seconds

    def handle_websocket_upgrade(self) -> None:
        if self._is_answering():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        self._is_over = True
        super().handle_websocket_upgrade()
        self._edge.replace(self, self.transport.get_protocol())  # type: ignore[arg-type]

    # Answering ------------------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        # uvicorn takes no class for it.
        cycle.__class__ = Cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase is Phase.body:
            self._due = self.loop.time() + self._bounds.discard_seconds
        elif self._phase is Phase.idle and not self._is_answering():
            self._due = self.loop.time() + self._bounds.idle_seconds
        if self._held:
            self.loop.call_soon(self._release)

    def resume_writing(self) -> None:
        self._resumes += 1
        super().resume_writing()
        if self._held:
            self.loop.call_soon(self._release)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """For what the parser did not take."""
        self._refuse(self._status)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers instead of the application, and ends the connection."""
        if not self._silence_application():
            self.cut(f"refused-{status.value}")
            return
        metrics.CUT.labels(f"refused-{status.value}").inc()
        self._phase, self._held = Phase.discarding, b""
        self._count_anew()
        self._due = self.loop.time() + self._bounds.discard_seconds
        self._flow.is_holding = False
        self.flow.resume_reading()
        self.transport.write(self._edge.refusal(status))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _silence_application(self) -> bool:
        """Drops what it would still answer. False where it has begun to, so that nothing else can be said."""
        if not self._is_answering():
            return True
        cycle = self.cycle
        cycle.disconnected = True
        cycle.message_event.set()
        return not cycle.response_started


def _content_length(headers: list[tuple[bytes, bytes]]) -> int:
    """The parser has judged it: digits, and no second one."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
