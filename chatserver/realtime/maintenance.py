"""The hub's periodic work: finds events that the broker lost, dead and stalled sockets, and revoked ones."""

import asyncio
from collections.abc import Callable

import structlog

from chatserver.errors import ChatserverError
from chatserver.realtime.admission import Admission
from chatserver.realtime.channel import Channel
from chatserver.realtime.cluster.readiness import Readiness
from chatserver.realtime.connection import Connection
from chatserver.realtime.limits import ACCESS_CHECK_BATCH, ACCESS_CHECK_ROUNDS, MAINTENANCE_SECONDS, SocketLimits
from chatserver.realtime.ports import SessionSource
from chatserver.realtime.protocol import CLOSE_REASONS

log = structlog.get_logger(__name__)


class Maintenance:
    """Runs until it is cancelled. Each part is one query, whatever the number of sessions."""

    def __init__(
        self,
        admission: Admission,
        channels: Callable[[], list[Channel]],
        source: SessionSource,
        limits: SocketLimits,
        readiness: Readiness,
    ) -> None:
        self._admission, self._channels, self._source, self._limits = admission, channels, source, limits
        self._readiness = readiness

    async def run(self) -> None:
        """One round a second. A failure is logged, and the next round tries again."""
        number = 0
        while True:
            await asyncio.sleep(MAINTENANCE_SECONDS)
            number += 1
            try:
                self._check_sockets()
                await self._compare_seqs()
                if number % ACCESS_CHECK_ROUNDS == 0:
                    await self._close_revoked()
            except ChatserverError as error:
                log.warning("hub.maintenance_failed", error=error.code)
            except Exception:
                log.exception("hub.maintenance_failed")

    def _check_sockets(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in self._admission.connections():
            if self._is_dead(connection, now):
                log.info("connection.aborted", connection=connection.id, paused=connection.transport.is_paused)
                connection.abort()
            elif now - max(connection.transport.received_at, connection.pinged_at) >= self._limits.heartbeat_seconds:
                connection.pinged_at = now
                connection.transport.ping()

    def _is_dead(self, connection: Connection, now: float) -> bool:
        transport = connection.transport
        is_stalled = transport.is_paused and now - transport.paused_at > self._limits.send_seconds
        return is_stalled or now - transport.received_at > 2 * self._limits.heartbeat_seconds

    async def _compare_seqs(self) -> None:
        """A seq in the database beyond a channel's means that an event was lost on its way."""
        channels = {channel.session_id: channel for channel in self._channels()}
        # A web process without sessions asks too, so that its readiness is known before the first socket.
        if channels or self._readiness.accepts_users:
            for session_id, seq in (await self._source.sequences(list(channels))).items():
                if seq > channels[session_id].reorder_buffer.expected:
                    channels[session_id].expect(seq)
            self._readiness.database_answered()

    async def _close_revoked(self) -> None:
        connections = self._admission.connections()
        for start in range(0, len(connections), ACCESS_CHECK_BATCH):
            batch = connections[start : start + ACCESS_CHECK_BATCH]
            close_codes = await self._source.close_codes(
                [(each.request.viewer, each.request.session_id) for each in batch]
            )
            for connection, code in zip(batch, close_codes, strict=True):
                if code is not None and not connection.is_closed:
                    connection.close(code, CLOSE_REASONS[code])
