"""The half of the Redis broker that publishes: a bounded queue, and a task that sends it with a deadline."""

import asyncio
from collections import deque

import structlog
from redis.asyncio.connection import AbstractConnection

# A batch that Redis does not take in this time is given up, and the connection with it.
SEND_SECONDS = 0.25
BATCH_AT_MOST = 256
# What waits to be sent: some seconds of a busy server. Beyond it the oldest is dropped; `seq` heals the durable ones.
QUEUE_BYTES_AT_MOST = 16 * 1024 * 1024
# What one entry costs besides its bytes.
ENTRY_BYTES = 200

log = structlog.get_logger(__name__)


class Sender:
    """`put` never waits; `run` sends over one connection until that fails. `empty` is set while nothing waits."""

    def __init__(self) -> None:
        self.empty = asyncio.Event()
        self.empty.set()
        self._some = asyncio.Event()
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._bytes = 0

    def put(self, channel: bytes, payload: bytes) -> None:
        """Queues one message, at the cost of the oldest ones when the queue is full."""
        self._queue.append((channel, payload))
        self._bytes += _cost(channel, payload)
        dropped = 0
        while self._bytes > QUEUE_BYTES_AT_MOST and len(self._queue) > 1:
            self._pop()
            dropped += 1
        if dropped:
            log.warning("broker.dropped", messages=dropped)
        self._some.set()
        self.empty.clear()

    def interrupted(self) -> None:
        """Redis is away: what waits now would come too late to be news."""
        self._queue.clear()
        self._bytes = 0
        self._note()

    async def run(self, connection: AbstractConnection) -> None:
        """Sends what is queued, in order. Ends only by raising what broke the connection."""
        while True:
            await self._some.wait()
            batch = [self._pop() for _ in range(min(len(self._queue), BATCH_AT_MOST))]
            async with asyncio.timeout(SEND_SECONDS):
                commands = connection.pack_commands([("PUBLISH", *message) for message in batch])
                await connection.send_packed_command(commands, check_health=False)
                for _ in batch:
                    await connection.read_response()
            self._note()

    def _pop(self) -> tuple[bytes, bytes]:
        message = self._queue.popleft()
        self._bytes -= _cost(*message)
        return message

    def _note(self) -> None:
        if not self._queue:
            self._some.clear()
            self.empty.set()


def _cost(channel: bytes, payload: bytes) -> int:
    return len(channel) + len(payload) + ENTRY_BYTES
