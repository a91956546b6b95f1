"""Ephemeral events, at most four a second for each merge key: the first is sent at once, then the newest one."""

from chatserver.brokers.base import Envelope
from chatserver.realtime.limits import EPHEMERAL_SECONDS

# Beyond so many keys those are dropped that were last sent long enough ago.
_KEYS = 64


class Throttle:
    """The throttle of one channel. Without I/O; times are the loop's, in seconds."""

    __slots__ = ("_pending", "_sent")

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}
        self._pending: dict[str, Envelope] = {}

    def admit(self, key: str, envelope: Envelope, now: float) -> bool:
        """Whether the event may be sent now; if not, it is kept in place of an older one with its key."""
        if now - self._sent.get(key, -1.0) < EPHEMERAL_SECONDS:
            self._pending[key] = envelope
            return False
        if len(self._sent) > _KEYS:
            self._sent = {key: at for key, at in self._sent.items() if now - at < EPHEMERAL_SECONDS}
        self._sent[key] = now
        return True

    def due(self, now: float) -> list[Envelope]:
        """Removes and returns the kept events that may be sent now."""
        ready = [key for key in self._pending if now - self._sent[key] >= EPHEMERAL_SECONDS]
        self._sent.update(dict.fromkeys(ready, now))
        return [self._pending.pop(key) for key in ready]

    def pop_all(self, now: float) -> list[Envelope]:
        """Removes and returns all kept events: a durable event follows, which they must precede."""
        pending, self._pending = self._pending, {}
        self._sent.update(dict.fromkeys(pending, now))
        return list(pending.values())

    def next_at(self) -> float | None:
        """When the next kept event may be sent; None where none is kept."""
        return min((self._sent[key] + EPHEMERAL_SECONDS for key in self._pending), default=None)
