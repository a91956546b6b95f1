"""The socket of a page that only listens, without a server."""

from typing import Any, cast

import pytest

from chatserver.identity.viewer import Viewer
from chatserver.realtime import page_socket
from chatserver.realtime.page_socket import PageSocket
from chatserver.realtime.transport import Transport


class Line:
    """A transport, and what was written to it and when it was pinged."""

    received_at = float("inf")

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def attach(self, listener: Any) -> None: ...

    def write(self, frame: bytes) -> None:
        self.written.append(frame)

    def ping(self) -> None:
        self.written.append(b"ping")


@pytest.mark.parametrize("closed", [False, True])
async def test_nothing_is_written_to_a_page_behind_its_close(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """A frame behind that of the close is an error to every browser; whoever keeps the socket lets it go a moment later."""
    monkeypatch.setattr(page_socket, "PING_SECONDS", 0.0)
    line = Line()
    socket = PageSocket(cast(Viewer, None), cast(Transport, line))
    if closed:
        socket.connection_lost()
    socket.keep_alive()
    socket.send({"type": "admin.changed"})
    assert len(line.written) == (0 if closed else 3)
