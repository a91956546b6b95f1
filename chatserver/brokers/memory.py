"""The broker of a single process: hands what is published straight back to it."""

import structlog

from chatserver.brokers.base import Envelope, Receiver, Resubscribed

log = structlog.get_logger(__name__)


class MemoryBroker:
    """Delivers at once, in order; nothing can be lost."""

    reaches_others = False

    def __init__(self) -> None:
        self._channels: set[str] = set()
        self._receive: Receiver | None = None

    async def start(self, receive: Receiver, lost: Resubscribed) -> None:  # noqa: ARG002 - nothing is lost here
        """Delivery begins. `lost` is never called."""
        self._receive = receive

    def publish(self, envelopes: list[Envelope]) -> None:
        """Delivers before it returns."""
        for envelope in envelopes:
            self.deliver(envelope)

    def deliver(self, envelope: Envelope) -> None:
        """Hands one envelope to the receiver, if its channel is listened on. What the receiver raises ends here."""
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
        """Always well."""

    async def close(self) -> None:
        """Ends delivery."""
        self._receive = None
