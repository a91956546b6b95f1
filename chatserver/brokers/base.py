"""The broker's protocol: events between processes, at most once.

A broker delivers each published envelope once to every process that is subscribed to its channel, this one included, in the
order in which one process publishes. `publish` returns at once and never fails; what cannot be delivered in time is
dropped. Nothing durable depends on it: a gap in `seq` is read from the database.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from chatserver.events import Event


class Envelope(Struct, frozen=True):
    """One event with its channel: its JSON, encoded once, and the event itself where this process has published it."""

    channel: str
    data: bytes
    event: Event | None = None


Receive = Callable[[Envelope], None]
ReportMissed = Callable[[str], None]


class Broker(Protocol):
    """`memory.MemoryBroker` or `redis.RedisBroker`."""

    @property
    def spans_processes(self) -> bool:
        """Whether it connects several processes."""

    async def start(self, receive: Receive, missed: ReportMissed) -> None:
        """Begins delivery. `receive` is called with each envelope, `missed` with a channel that may have missed events."""

    def publish(self, envelopes: list[Envelope]) -> None:
        """Publishes to all processes, without waiting."""

    def subscribe(self, channel: str) -> None:
        """Subscribes this process to `channel`. The caller counts its listeners and calls this once a channel."""

    def unsubscribe(self, channel: str) -> None:
        """Ends the subscription to `channel`."""

    async def check(self) -> None:
        """Checks the connection, for /readyz and the doctor. Raises OSError, TimeoutError or RedisError."""

    async def close(self) -> None:
        """Ends delivery. Called once, at the end."""
