"""The broker over Redis: every process publishes to all and listens on the channels that it needs.

What a process publishes reaches its own listeners at once, without Redis, and its echo is ignored; so a dead or frozen
Redis delays only other processes, which find what they missed by `seq`. Two connections, two tasks: one sends, one
listens, and neither is ever waited for.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
import structlog
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chatserver.brokers.base import Envelope, Receiver, Resubscribed
from chatserver.brokers.memory import MemoryBroker
from chatserver.brokers.publisher import Sender
from chatserver.brokers.subscriber import Listener

CONNECT_SECONDS = 2.0
# Between attempts to reach Redis, doubled each time and jittered: P11 wants delivery back soon after Redis is.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 1.0
CHECK_SECONDS = 1.0
# What is queued when the process ends gets this long to leave.
FAREWELL_SECONDS = 0.25
CANCEL_SECONDS = 0.1
# Installations that share a Redis share its channels; the prefix keeps other programs out.
PREFIX = b"chatserver:"
# Each message begins with the name of the process that sent it, of this many bytes.
NODE_BYTES = 16

log = structlog.get_logger(__name__)


class RedisBroker:
    """Local delivery at once, everything else through Redis."""

    reaches_others = True

    def __init__(self, url: str) -> None:
        # Without retries of its own, so that a lost connection is always known here.
        self._pool = redis.asyncio.ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._node = secrets.token_hex(NODE_BYTES // 2).encode()
        self._here = MemoryBroker()
        self._channels: set[str] = set()
        self._sender = Sender()
        self._listener = Listener(PREFIX, self._take, self._tell_lost, self._channels)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, receive: Receiver, lost: Resubscribed) -> None:
        """Begins at once, whether or not Redis is there yet."""
        await self._here.start(receive, lost)
        self._lost = lost
        self._tasks = [asyncio.create_task(self._keep(half)) for half in (self._listener, self._sender)]

    def publish(self, envelopes: list[Envelope]) -> None:
        """Delivers here before it returns, and queues for the others."""
        for envelope in envelopes:
            self._here.deliver(envelope)
            self._sender.put(PREFIX + envelope.channel.encode(), self._node + envelope.data)

    def subscribe(self, channel: str) -> None:
        """Here at once; for what others publish, as soon as Redis has confirmed it."""
        self._here.subscribe(channel)
        self._channels.add(channel)
        self._listener.touch(channel)

    def unsubscribe(self, channel: str) -> None:
        """Here at once; Redis is told soon."""
        self._here.unsubscribe(channel)
        self._channels.discard(channel)
        self._listener.touch(channel)

    async def check(self) -> None:
        """Asks Redis over a connection of its own. Raises OSError, TimeoutError or RedisError."""
        async with asyncio.timeout(CHECK_SECONDS), self._connected() as connection:
            await connection.send_command("PING", check_health=False)
            await connection.read_response()

    async def close(self) -> None:
        """Sends what is queued, if it can be sent quickly, and ends."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sender.empty.wait(), FAREWELL_SECONDS)
        tasks = set(self._tasks)
        while tasks:
            # More than once: while it connects, redis-py can turn a cancellation into an error of its own.
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        await self._here.close()

    def _take(self, channel: str, payload: bytes) -> None:
        if not payload.startswith(self._node):
            self._here.deliver(Envelope(channel, payload[NODE_BYTES:]))

    def _tell_lost(self, channel: str) -> None:
        try:
            self._lost(channel)
        except Exception:
            log.exception("broker.receiver_failed", channel=channel)

    async def _keep(self, half: Listener | Sender) -> None:
        """Gives one half a connection, and another one whenever it breaks."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._connected() as connection:
                    pause = FIRST_PAUSE_SECONDS
                    await half.run(connection)
            except (OSError, RedisError) as error:
                log.warning("broker.redis_away", half=type(half).__name__, error=type(error).__name__)
            half.interrupted()
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)
