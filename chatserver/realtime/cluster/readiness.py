"""Whether this process can serve users: it is a web process, and its database has answered recently.

A process that a network partition separates from the database, while others still reach it, is of no use to its clients:
it could only answer `busy`. It closes their sockets, and they reconnect to another process. Without I/O; `now` is a clock in
seconds.
"""

from collections.abc import Callable

# The database is queried once a second by the maintenance; after so long without an answer the process is not ready.
READY_SECONDS = 3.0
# Ticks, one a second, without an answer until the process is partitioned: longer than the others need to find out that
# the database is away for all. Ticks and not seconds: a process that was frozen queries the database first.
PARTITIONED_TICKS = 8


class Readiness:
    """`accepts_users` is set by web processes; `tick` is called once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.accepts_users = False
        self._now = now
        self._answered_at = now()
        self._unready_ticks = 0

    def database_answered(self) -> None:
        """The database has answered."""
        self._answered_at = self._now()

    def tick(self) -> bool:
        """Counts a second. Returns whether users can be served here, which the heartbeat tells the other nodes."""
        is_ready = self._now() - self._answered_at < READY_SECONDS
        self._unready_ticks = 0 if is_ready else self._unready_ticks + 1
        return is_ready and self.accepts_users

    @property
    def is_partitioned(self) -> bool:
        """Whether the database has not answered for PARTITIONED_TICKS."""
        return self._unready_ticks >= PARTITIONED_TICKS
