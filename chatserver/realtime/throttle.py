"""Ephemeral events, at most four a second for each key: the first goes at once, of the later ones the newest."""

from chatserver.brokers.base import Envelope
from chatserver.realtime.limits import EPHEMERAL_SECONDS

# Beyond so many keys the old ones are forgotten.
_KEYS = 64


class Throttle:
    """Of one channel. Times are the loop's, in seconds."""

    __slots__ = ("_pending", "_sent")

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}
        self._pending: dict[str, Envelope] = {}

    def admit(self, key: str, envelope: Envelope, now: float) -> bool:
        """Whether this one may go now; if not, it is held in place of an older one of its key."""
        if now - self._sent.get(key, -1.0) < EPHEMERAL_SECONDS:
            self._pending[key] = envelope
            return False
        if len(self._sent) > _KEYS:
            self._sent = {key: at for key, at in self._sent.items() if now - at < EPHEMERAL_SECONDS}
        self._sent[key] = now
        return True

    def due(self, now: float) -> list[Envelope]:
        """Those held whose turn has come."""
        ready = [key for key in self._pending if now - self._sent[key] >= EPHEMERAL_SECONDS]
        self._sent.update(dict.fromkeys(ready, now))
        return [self._pending.pop(key) for key in ready]

    def flush(self, now: float) -> list[Envelope]:
        """All that are held: a durable event follows, and they were announced before it."""
        pending, self._pending = self._pending, {}
        self._sent.update(dict.fromkeys(pending, now))
        return list(pending.values())

    def next_at(self) -> float | None:
        """When the next one is due."""
        return min((self._sent[key] + EPHEMERAL_SECONDS for key in self._pending), default=None)
