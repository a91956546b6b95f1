"""Brokers carry events between processes. `open_broker(config)` chooses one by REDIS_URL."""

from chatserver.brokers.base import Broker
from chatserver.brokers.memory import MemoryBroker
from chatserver.config import Config


def open_broker(config: Config) -> Broker:
    """A broker over Redis where REDIS_URL is set, otherwise one for a single process. Its `start` is not called yet."""
    if not config.redis_url:
        return MemoryBroker()
    # A single process starts sooner without importing the Redis library.
    from chatserver.brokers.redis import RedisBroker

    return RedisBroker(config.redis_url)


__all__ = ["Broker", "MemoryBroker", "open_broker"]
