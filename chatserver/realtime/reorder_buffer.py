"""The order of a session's stream: durable events leave by seq, each once, and none before its predecessor (P2).

Without I/O: `push` and `fill` return the events that may leave now. While there `has_gap`, the hub reads what is missing.
"""

from chatserver.brokers.base import Envelope
from chatserver.realtime.limits import LATE_EVENTS


class ReorderBuffer:
    """`position` is the seq of the last durable event that left; None until the first socket has its snapshot.

    `start` is the first position, `expected` the highest seq that is known to exist.
    """

    __slots__ = ("_durable", "_ephemeral", "expected", "position", "start")

    def __init__(self) -> None:
        self.position: int | None = None
        self.start = 0
        self.expected = 0
        self._durable: dict[int, Envelope] = {}
        self._ephemeral: list[Envelope] = []

    @property
    def has_gap(self) -> bool:
        """Whether a durable event is known to exist that has not arrived."""
        return self.position is not None and self.expected > self.position

    def start_at(self, seq: int) -> list[Envelope]:
        """Sets the first position: a socket has everything up to `seq`. Returns the events that waited for it.

        Has no effect on a buffer that has a position already.
        """
        if self.position is not None:
            return []
        self.position = self.start = seq
        return self._pop_ready()

    def expect(self, seq: int) -> None:
        """The session's stream is known to have reached `seq`."""
        self.expected = max(self.expected, seq)

    def push(self, seq: int | None, envelope: Envelope) -> list[Envelope]:
        """Takes an event as it arrives; `seq` is None for an ephemeral one. Returns the events that may leave now."""
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
        return self._pop_ready()

    def _push_ephemeral(self, envelope: Envelope) -> list[Envelope]:
        # A delta must not overtake the message that it continues.
        if self.position is None or not self._durable:
            return [envelope]
        if len(self._ephemeral) < LATE_EVENTS:
            self._ephemeral.append(envelope)
        return []

    def fill(self, envelopes: list[Envelope], known: int) -> list[Envelope]:
        """Takes the events after the position as read from the database, which are complete up to the seq `known`.

        Returns the events that may leave now.
        """
        assert self.position is not None
        ready = []
        for envelope in envelopes:
            seq = envelope.event.durable_seq() if envelope.event else None
            if seq is not None and seq > self.position:
                ready.append(envelope)
                self.position = seq
        # A seq that no message has any more was replaced by a later change of the same message.
        self.position = max(self.position, known)
        return ready + self._pop_ready()

    def _pop_ready(self) -> list[Envelope]:
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
