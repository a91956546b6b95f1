"""uvicorn's HTTP protocol with deadlines and a bound for headers and bodies, which it leaves open (slow loris)."""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A browser sends its headers in one go; a phone on a bad line in a few seconds.
HEADER_SECONDS = 10.0
HEADER_BYTES = 32 * 1024
# The largest body, an upload, on a slow line.
BODY_SECONDS = 120.0


class RequestProtocol(HttpToolsProtocol):
    """One HTTP connection. A client that is too slow or too long with its headers is cut."""

    header_seconds = HEADER_SECONDS
    body_seconds = BODY_SECONDS
    _deadline: TimerHandle | None = None
    _header_bytes = 0
    _is_reading_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(self.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_reading_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._is_reading_headers and self._header_bytes > HEADER_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_reading_headers = True
        self._allow(self.header_seconds)

    def on_headers_complete(self) -> None:
        self._is_reading_headers, self._header_bytes = False, 0
        self._allow(self.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop()
        super().on_message_complete()

    def _allow(self, seconds: float) -> None:
        self._stop()
        self._deadline = self.loop.call_later(seconds, self._cut)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        self.transport.abort()
