"""The one order of a session's stream: durable events leave by seq, each once, and none before the one before it (P2).

Without I/O: `offer` and `filled` return what may go now; where something is `missing`, the hub reads it.
"""

from chatserver.brokers.base import Envelope
from chatserver.realtime.limits import LATE_EVENTS


class ReorderBuffer:
    """Where a channel stands. `position` is the seq of the last event that left; None until the first socket opened."""

    __slots__ = ("_durable", "_ephemeral", "expected", "position", "start")

    def __init__(self) -> None:
        self.position: int | None = None
        self.start = 0
        self.expected = 0
        self._durable: dict[int, Envelope] = {}
        self._ephemeral: list[Envelope] = []

    @property
    def has_gap(self) -> bool:
        """Whether an event is known to exist that did not come."""
        return self.position is not None and self.expected > self.position

    def start_at(self, seq: int) -> list[Envelope]:
        """The first socket has everything up to `seq`. What waited for that is returned."""
        if self.position is not None:
            return []
        self.position = self.start = seq
        return self._release()

    def expect(self, seq: int) -> None:
        """The session is known to have reached `seq`."""
        self.expected = max(self.expected, seq)

    def push(self, seq: int | None, envelope: Envelope) -> list[Envelope]:
        """What may go now that this one came: it, others that waited for it, or nothing yet."""
        if seq is None:
            return self._push_ephemeral(envelope)
        if seq > self.expected:
            self.expected = seq
        if self.position is not None:
            if seq <= self.position:
                return []
            if seq == self.position + 1 and not self._durable:
                self.position = seq
                return [envelope]
        if len(self._durable) < LATE_EVENTS:
            self._durable[seq] = envelope
        return self._release()

    def _push_ephemeral(self, envelope: Envelope) -> list[Envelope]:
        # More of a text must not overtake the message that it belongs to.
        if self.position is None or not self._durable:
            return [envelope]
        if len(self._ephemeral) < LATE_EVENTS:
            self._ephemeral.append(envelope)
        return []

    def fill(self, envelopes: list[Envelope], known: int) -> list[Envelope]:
        """Takes what the database told after the position, when `known` was the newest expected."""
        assert self.position is not None
        ready = []
        for envelope in envelopes:
            seq = envelope.event.durable_seq() if envelope.event else None
            if seq is not None and seq > self.position:
                ready.append(envelope)
                self.position = seq
        # A seq that no message bears any more was overwritten by a later one, which is there.
        self.position = max(self.position, known)
        return ready + self._release()

    def _release(self) -> list[Envelope]:
        if self.position is None:
            return []
        for seq in [seq for seq in self._durable if seq <= self.position]:
            del self._durable[seq]
        ready = []
        while self.position + 1 in self._durable:
            self.position += 1
            ready.append(self._durable.pop(self.position))
        if not self._durable:
            ready += self._ephemeral
            self._ephemeral = []
        return ready
