"""The broker of a single process: it delivers what the process publishes to the process itself."""

import structlog

from chatserver.brokers.base import Envelope, Receive, ReportMissed

log = structlog.get_logger(__name__)


class MemoryBroker:
    """Delivers synchronously, in order; no event is ever missed."""

    spans_processes = False

    def __init__(self) -> None:
        self._channels: set[str] = set()
        self._receive: Receive | None = None

    async def start(self, receive: Receive, missed: ReportMissed) -> None:  # noqa: ARG002 - nothing is missed here
        """Begins delivery. `missed` is never called."""
        self._receive = receive

    def publish(self, envelopes: list[Envelope]) -> None:
        """Delivers before it returns."""
        for envelope in envelopes:
            self.deliver(envelope)

    def deliver(self, envelope: Envelope) -> None:
        """Passes one envelope to the receiver if its channel is subscribed to. Exceptions of the receiver are logged."""
        if self._receive is None or envelope.channel not in self._channels:
            return
        try:
            self._receive(envelope)
        except Exception:
            log.exception("broker.receiver_failed", channel=envelope.channel)

    def subscribe(self, channel: str) -> None:
        """Takes effect at once."""
        self._channels.add(channel)

    def unsubscribe(self, channel: str) -> None:
        """Takes effect at once."""
        self._channels.discard(channel)

    async def check(self) -> None:
        """Never raises."""

    async def close(self) -> None:
        """Ends delivery."""
        self._receive = None
