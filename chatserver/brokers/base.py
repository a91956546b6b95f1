"""Carries announcements between processes. Correctness never rests on it: a lost one is made good by `seq`.

A broker delivers each published envelope once to every process that listens on its channel, this one included, in the
order of publishing by one process. `publish` returns at once and never fails; what cannot be delivered in time is dropped.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from chatserver.events import Event


class Envelope(Struct, frozen=True):
    """One event on its way: its JSON, made once, and the event itself where it was published in this process."""

    channel: str
    data: bytes
    event: Event | None = None


Receiver = Callable[[Envelope], None]
Resubscribed = Callable[[str], None]


class Broker(Protocol):
    """In-process or Redis."""

    @property
    def reaches_others(self) -> bool:
        """Whether there may be other processes."""

    async def start(self, receive: Receiver, lost: Resubscribed) -> None:
        """Begins delivery. `receive` gets each envelope; `lost(channel)` says that something may have been missed."""

    def publish(self, envelopes: list[Envelope]) -> None:
        """Sends on, without waiting."""

    def subscribe(self, channel: str) -> None:
        """This process listens on `channel` from now on. Counted by the caller: once a channel."""

    def unsubscribe(self, channel: str) -> None:
        """The last listener on `channel` here is gone."""

    async def check(self) -> None:
        """Raises what is wrong, for /readyz and the doctor."""

    async def close(self) -> None:
        """Ends delivery. Called once, at the end."""
