"""The publishing half of the Redis broker: a bounded queue, and a task that sends it in batches with a deadline."""

import asyncio
from collections import deque

import structlog
from redis.asyncio.connection import AbstractConnection

# A batch that Redis does not acknowledge within this time is given up, and the connection with it. It passes in turns, and
# while the event loop is blocked only one of them does: what arrived meanwhile is read after the timers.
SEND_SECONDS = 0.25
SEND_TURNS = 5
MAX_BATCH = 256
# The queue holds some seconds of a busy server. Beyond it the oldest events are dropped; durable ones are found by `seq`.
MAX_QUEUE_BYTES = 16 * 1024 * 1024
# The memory of one entry besides its bytes.
ENTRY_BYTES = 200

log = structlog.get_logger(__name__)


class RedisPublisher:
    """`enqueue` never waits; `run` sends over one connection until that fails. `idle` is set while nothing is queued."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        self.idle.set()
        self._not_empty = asyncio.Event()
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._bytes = 0

    def enqueue(self, channel: bytes, payload: bytes) -> None:
        """Queues one message, and drops the oldest ones where the queue is full."""
        self._queue.append((channel, payload))
        self._bytes += _cost(channel, payload)
        dropped = 0
        while self._bytes > MAX_QUEUE_BYTES and len(self._queue) > 1:
            self._pop()
            dropped += 1
        if dropped:
            log.warning("broker.dropped", messages=dropped)
        self._not_empty.set()
        self.idle.clear()

    def disconnected(self) -> None:
        """The connection is lost: drops the queue, whose events would arrive too late to be of use."""
        self._queue.clear()
        self._bytes = 0
        self._update_idle()

    async def run(self, connection: AbstractConnection) -> None:
        """Sends what is queued, in order, over one connection, until that fails. Raises the failure."""
        while True:
            await self._not_empty.wait()
            batch = [self._pop() for _ in range(min(len(self._queue), MAX_BATCH))]
            async with asyncio.timeout(None) as deadline:
                self._begin_turn(deadline, SEND_TURNS)
                try:
                    await _send(connection, batch)
                finally:
                    self._turn.cancel()
            self._update_idle()

    def _begin_turn(self, deadline: asyncio.Timeout, left: int) -> None:
        loop = asyncio.get_running_loop()
        if left:
            self._turn = loop.call_later(SEND_SECONDS / SEND_TURNS, self._begin_turn, deadline, left - 1)
        else:
            deadline.reschedule(loop.time())

    def _pop(self) -> tuple[bytes, bytes]:
        message = self._queue.popleft()
        self._bytes -= _cost(*message)
        return message

    def _update_idle(self) -> None:
        if not self._queue:
            self._not_empty.clear()
            self.idle.set()


async def _send(connection: AbstractConnection, batch: list[tuple[bytes, bytes]]) -> None:
    """Sends a batch, and waits until Redis has acknowledged all of it."""
    commands = connection.pack_commands([("PUBLISH", *message) for message in batch])
    await connection.send_packed_command(commands, check_health=False)
    for _ in batch:
        await connection.read_response()


def _cost(channel: bytes, payload: bytes) -> int:
    return len(channel) + len(payload) + ENTRY_BYTES
