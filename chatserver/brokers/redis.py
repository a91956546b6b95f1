"""The broker over Redis pub/sub: every process publishes to all and subscribes to the channels that it needs.

What a process publishes is delivered to itself at once, without Redis, and its echo is ignored; so a dead or frozen Redis
delays only other processes, which find what they missed by `seq`. There are two connections with a task each, one to
publish and one to subscribe, and no caller ever waits for them.
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

from chatserver.brokers.base import Envelope, Receive, ReportMissed
from chatserver.brokers.memory import MemoryBroker
from chatserver.brokers.publisher import RedisPublisher
from chatserver.brokers.subscriber import RedisSubscriber

CONNECT_SECONDS = 2.0
# The pause between attempts to connect, doubled each time and jittered: P11 wants delivery soon after Redis is back.
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.1, 1.0
CHECK_SECONDS = 1.0
# How long `close` waits for the queue to be sent.
FLUSH_SECONDS = 0.25
CANCEL_SECONDS = 0.1
# Keeps the channels apart from those of other programs. Installations that share a Redis share its channels.
PREFIX = b"chatserver:"
# Each message begins with the id of the process that sent it, of this many bytes.
NODE_BYTES = 16

log = structlog.get_logger(__name__)


class RedisBroker:
    """Delivers locally at once, and to other processes through Redis."""

    spans_processes = True

    def __init__(self, url: str) -> None:
        # No retries in the client, so that this class sees every lost connection.
        self._pool = redis.asyncio.ConnectionPool.from_url(
            url,
            protocol=2,
            socket_timeout=CONNECT_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._node = secrets.token_hex(NODE_BYTES // 2).encode()
        self._local = MemoryBroker()
        self._channels: set[str] = set()
        self._publisher = RedisPublisher()
        self._subscriber = RedisSubscriber(PREFIX, self._receive_remote, self._report_missed, self._channels)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, receive: Receive, missed: ReportMissed) -> None:
        """Begins at once, whether or not Redis can be reached yet."""
        await self._local.start(receive, missed)
        self._missed = missed
        self._tasks = [asyncio.create_task(self._keep_connected(part)) for part in (self._subscriber, self._publisher)]

    def publish(self, envelopes: list[Envelope]) -> None:
        """Delivers locally before it returns, and queues for the other processes."""
        for envelope in envelopes:
            self._local.deliver(envelope)
            self._publisher.enqueue(PREFIX + envelope.channel.encode(), self._node + envelope.data)

    def subscribe(self, channel: str) -> None:
        """Takes effect at once for this process's events, and for those of others when Redis has confirmed it."""
        self._local.subscribe(channel)
        self._channels.add(channel)
        self._subscriber.channel_changed(channel)

    def unsubscribe(self, channel: str) -> None:
        """Takes effect at once; Redis is told asynchronously."""
        self._local.unsubscribe(channel)
        self._channels.discard(channel)
        self._subscriber.channel_changed(channel)

    async def check(self) -> None:
        """Pings Redis over a new connection. Raises OSError, TimeoutError or RedisError."""
        async with asyncio.timeout(CHECK_SECONDS), self._connected() as connection:
            await connection.send_command("PING", check_health=False)
            await connection.read_response()

    async def close(self) -> None:
        """Sends what is queued, within FLUSH_SECONDS, and ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._publisher.idle.wait()
        tasks = set(self._tasks)
        while tasks:
            # Repeatedly: while it connects, redis-py can turn a cancellation into another exception.
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        await self._local.close()

    def _receive_remote(self, channel: str, payload: bytes) -> None:
        if not payload.startswith(self._node):
            self._local.deliver(Envelope(channel, payload[NODE_BYTES:]))

    def _report_missed(self, channel: str) -> None:
        try:
            self._missed(channel)
        except Exception:
            log.exception("broker.receiver_failed", channel=channel)

    async def _keep_connected(self, part: RedisSubscriber | RedisPublisher) -> None:
        """Runs the publisher or the subscriber over a connection, and over a new one whenever it breaks."""
        loop, pause = asyncio.get_running_loop(), MIN_PAUSE_SECONDS
        while True:
            began = loop.time()
            try:
                async with self._connected() as connection:
                    await part.run(connection)
            except (OSError, RedisError) as error:
                log.warning("broker.redis_away", part=type(part).__name__, error=type(error).__name__)
            except Exception:
                log.exception("broker.connection_failed", part=type(part).__name__)
            part.disconnected()
            # A connection that is made and refused at its first command, as to a user without rights, is no success.
            if loop.time() - began > CONNECT_SECONDS:
                pause = MIN_PAUSE_SECONDS
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AbstractConnection]:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()  # type: ignore[no-untyped-call]
            yield connection
        finally:
            await connection.disconnect(nowait=True)
