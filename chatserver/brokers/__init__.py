"""Brokers: how announcements reach the other processes. `open_broker(config)` chooses by REDIS_URL."""

from chatserver.brokers.base import Broker
from chatserver.brokers.memory import MemoryBroker
from chatserver.config import Config


def open_broker(config: Config) -> Broker:
    """Redis where REDIS_URL is set, otherwise the process alone. `start` begins its work."""
    if not config.redis_url:
        return MemoryBroker()
    # A single process starts sooner without importing the Redis library.
    from chatserver.brokers.redis import RedisBroker

    return RedisBroker(config.redis_url)


__all__ = ["Broker", "MemoryBroker", "open_broker"]
