"""Brokers: how announcements reach the other processes. `open_broker(config)` chooses by REDIS_URL."""

import importlib
from typing import cast

from chatserver.brokers.base import Broker
from chatserver.brokers.memory import MemoryBroker
from chatserver.config import Config


def open_broker(config: Config) -> Broker:
    """Redis where REDIS_URL is set, otherwise the process alone. `start` begins its work."""
    if not config.redis_url:
        return MemoryBroker()
    # Loaded where it is asked for: one process alone starts sooner without its library.
    redis = importlib.import_module("chatserver.brokers.redis")
    return cast(Broker, redis.RedisBroker(config.redis_url))


__all__ = ["Broker", "MemoryBroker", "open_broker"]
