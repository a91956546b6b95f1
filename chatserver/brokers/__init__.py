"""Brokers: how announcements reach the other processes. `open_broker(config)` chooses by REDIS_URL."""

from chatserver.brokers.base import Broker
from chatserver.brokers.memory import MemoryBroker
from chatserver.brokers.redis import RedisBroker
from chatserver.config import Config


def open_broker(config: Config) -> Broker:
    """Redis where REDIS_URL is set, otherwise the process alone. `start` begins its work."""
    return RedisBroker(config.redis_url) if config.redis_url else MemoryBroker()


__all__ = ["Broker", "MemoryBroker", "RedisBroker", "open_broker"]
