"""Whether this process can serve people: it is a web process, and its database has answered lately.

One that a network parted from the database, while others still reach it, is of no use to its tabs: they would see nothing
and hear `busy`. It sends them away, and they come back elsewhere. Without I/O; `now` is a clock in seconds.
"""

from collections.abc import Callable

# The database is asked in every round, once a second; after so long without an answer nobody should be sent here.
READY_SECONDS = 3.0
# Beats without it, one a second, until people are better off elsewhere: longer than the others need to find out that it
# is away for all. Beats and not seconds: a process that was frozen asks the database first.
PARTITIONED_TICKS = 8


class Readiness:
    """`serves` says that people come here; `beat` is called once a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.accepts_users = False
        self._now = now
        self._answered_at = now()
        self._unready_ticks = 0

    def database_answered(self) -> None:
        """The database did."""
        self._answered_at = self._now()

    def tick(self) -> bool:
        """Whether people are welcome here, for the others to know."""
        is_ready = self._now() - self._answered_at < READY_SECONDS
        self._unready_ticks = 0 if is_ready else self._unready_ticks + 1
        return is_ready and self.accepts_users

    @property
    def is_partitioned(self) -> bool:
        """Whether the database has been away for so long that it matters."""
        return self._unready_ticks >= PARTITIONED_TICKS
