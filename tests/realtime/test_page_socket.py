"""The socket of a page that only listens, without a server."""

from typing import Any, cast

import pytest
from structlog.testing import capture_logs

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


def test_an_error_of_one_page_ends_nothing_for_the_others() -> None:
    """Who keeps them alive also looks after their rights, in one task for all of a process."""
    kept = []

    class Page:
        def __init__(self, failure: Exception | None = None) -> None:
            self.failure = failure

        def keep_alive(self) -> None:
            if self.failure is not None:
                raise self.failure
            kept.append(self)

    pages = [Page(), Page(OSError()), Page()]
    with capture_logs() as lines:
        page_socket.keep_alive(cast(list[PageSocket], pages))
    assert (len(kept), [line["event"] for line in lines]) == (2, ["page_socket.failed"])
