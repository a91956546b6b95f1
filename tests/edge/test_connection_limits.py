"""The limiter of connections, without a server."""

import asyncio

from structlog.testing import capture_logs

from chatserver.edge.connection_limits import ConnectionLimiter
from chatserver.edge.limits import HttpLimits


class Connection:
    """Counts how often its deadlines are checked; `failure` is raised by each check."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure, self.checks = failure, 0
        self.checked_twice = asyncio.Event()

    def idle_since(self) -> float | None:
        return None

    def check_deadlines(self, _: float) -> None:
        if self.failure is not None:
            raise self.failure
        self.checks += 1
        if self.checks == 2:
            self.checked_twice.set()

    def cut(self, reason: str) -> None: ...


async def test_one_connection_that_cannot_be_checked_keeps_no_other_from_its_deadlines() -> None:
    limiter = ConnectionLimiter(HttpLimits(header_seconds=0.004))
    other, others = Connection(), (Connection(OSError()), Connection(OSError()))
    with capture_logs() as lines:
        for connection in (others[0], other, others[1]):
            assert limiter.admit(connection, "192.0.2.1")
        async with asyncio.timeout(20):
            await other.checked_twice.wait()
        for connection in (other, *others):
            limiter.remove(connection)
    assert {line["event"] for line in lines} == {"connection.check_failed"}
