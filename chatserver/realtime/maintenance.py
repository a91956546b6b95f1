"""What the hub does once a second: finds what brokers lost, dead and stalled sockets, and those no longer welcome."""

import asyncio
from collections.abc import Callable

import structlog

from chatserver.errors import ChatserverError
from chatserver.realtime.admission import Admission
from chatserver.realtime.channel import Channel
from chatserver.realtime.cluster.readiness import Fitness
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import ROUND_SECONDS, WELCOME_BATCH, WELCOME_ROUNDS, Bounds
from chatserver.realtime.ports import Rooms
from chatserver.realtime.protocol import GOODBYES

log = structlog.get_logger(__name__)


class Rounds:
    """Runs until it is cancelled. Each part is one query, whatever the number of sessions."""

    def __init__(
        self,
        admission: Admission,
        channels: Callable[[], list[Channel]],
        rooms: Rooms,
        bounds: Bounds,
        fitness: Fitness,
    ) -> None:
        self._admission, self._channels, self._rooms, self._bounds = admission, channels, rooms, bounds
        self._fitness = fitness

    async def run(self) -> None:
        """One round a second. What fails is logged, and the next round tries again."""
        number = 0
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            number += 1
            try:
                self._look_at_wires()
                await self._compare()
                if number % WELCOME_ROUNDS == 0:
                    await self._ask_who_is_welcome()
            except ChatserverError as error:
                log.warning("hub.round_failed", error=error.code)
            except Exception:
                log.exception("hub.round_failed")

    def _look_at_wires(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self._admission.connections():
            if self._is_dead(connection, now):
                log.info("connection.aborted", connection=connection.id, paused=connection.wire.is_paused)
                connection.abort()
            elif now - max(connection.wire.heard_at, connection.pinged_at) >= self._bounds.heartbeat_seconds:
                connection.pinged_at = now
                connection.wire.ping()

    def _is_dead(self, connection: Connection, now: float) -> bool:
        wire = connection.wire
        is_stalled = wire.is_paused and now - wire.paused_at > self._bounds.send_seconds
        return is_stalled or now - wire.heard_at > 2 * self._bounds.heartbeat_seconds

    async def _compare(self) -> None:
        """A seq in the database beyond a channel's means that an announcement was lost on its way."""
        channels = {channel.session_id: channel for channel in self._channels()}
        # A process that people may come to knows about its database before the first one does.
        if channels or self._fitness.serves:
            for session_id, seq in (await self._rooms.sequences(list(channels))).items():
                if seq > channels[session_id].order.expected:
                    channels[session_id].expect(seq)
            self._fitness.answered()

    async def _ask_who_is_welcome(self) -> None:
        connections = self._admission.connections()
        for start in range(0, len(connections), WELCOME_BATCH):
            batch = connections[start : start + WELCOME_BATCH]
            goodbyes = await self._rooms.goodbyes([(each.visit.viewer, each.visit.session_id) for each in batch])
            for connection, code in zip(batch, goodbyes, strict=True):
                if code is not None and not connection.is_over:
                    connection.close(code, GOODBYES[code])
