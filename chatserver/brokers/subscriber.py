"""The subscribing half of the Redis broker: keeps the subscriptions up to date and reports possible gaps."""

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable, Set
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection

from chatserver.brokers.base import ReportMissed

# A connection that is idle for this long is sent a PING, and given up after as long again.
IDLE_SECONDS = 2.0
# Channels in one SUBSCRIBE: thousands of them after a reconnect are sent as several small commands.
CHANNELS_AT_ONCE = 500

log = structlog.get_logger(__name__)

Deliver = Callable[[str, bytes], None]


class RedisSubscriber:
    """Subscribes to the channels of `wanted`; its owner changes that set and then calls `channel_changed`."""

    def __init__(self, prefix: bytes, deliver: Deliver, report_missed: ReportMissed, wanted: Set[str]) -> None:
        self._prefix, self._deliver, self._report_missed, self._wanted = prefix, deliver, report_missed, wanted
        self._wake = asyncio.Event()
        self._is_connected = False
        self._changed_channels: set[str] = set()
        # Channels whose next confirmation means that events may have been missed.
        self._may_have_missed: set[str] = set()
        self._was_disconnected = False

    def channel_changed(self, channel: str) -> None:
        """`channel` was added to `wanted` or removed from it. The next connection asks for all that is wanted then."""
        if self._is_connected:
            self._changed_channels.add(channel)
            self._wake.set()

    def disconnected(self) -> None:
        """The connection is lost: events of all wanted channels may be missed until the next one."""
        self._was_disconnected = True

    async def run(self, connection: AbstractConnection) -> None:
        """Subscribes and receives over one connection, until that fails. Raises the failure."""
        self._may_have_missed = set(self._wanted) if self._was_disconnected else set()
        self._was_disconnected, self._is_connected = False, True
        sending = asyncio.create_task(self._send_subscriptions(connection))
        reading = asyncio.create_task(self._read(connection))
        try:
            done, _ = await asyncio.wait([sending, reading], return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            self._is_connected, self._changed_channels = False, set()
            sending.cancel()
            reading.cancel()
            await asyncio.gather(sending, reading, return_exceptions=True)

    async def _send_subscriptions(self, connection: AbstractConnection) -> None:
        subscribed: set[str] = set()
        self._changed_channels = set(self._wanted)
        while True:
            changed, self._changed_channels = self._changed_channels, set()
            self._wake.clear()
            added, removed = (changed & self._wanted) - subscribed, (changed & subscribed) - self._wanted
            self._may_have_missed -= removed
            subscribed |= added
            subscribed -= removed
            await self._send_command(connection, "SUBSCRIBE", added)
            await self._send_command(connection, "UNSUBSCRIBE", removed)
            await self._wake.wait()

    async def _send_command(self, connection: AbstractConnection, command: str, channels: Iterable[str]) -> None:
        names = (self._prefix + channel.encode() for channel in channels)
        while some := list(itertools.islice(names, CHANNELS_AT_ONCE)):
            await connection.send_command(command, *some, check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        pinged = False
        while True:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    message = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except TimeoutError:
                if pinged:
                    raise
                pinged = True
                await connection.send_command("PING", check_health=False)
            else:
                pinged = False
                self._handle(message)

    def _handle(self, message: Any) -> None:
        match message:
            case [b"message", bytes(name), bytes(payload)]:
                self._deliver(self._channel(name), payload)
            case [b"subscribe", bytes(name), _]:
                self._confirm(self._channel(name))
            case [b"pong" | b"unsubscribe", *_] | b"PONG":
                pass
            case _:
                log.warning("broker.unknown_message", kind=type(message).__name__)

    def _confirm(self, channel: str) -> None:
        # Every confirmation of a channel but the first means that the subscription was interrupted.
        if channel in self._may_have_missed:
            self._report_missed(channel)
        self._may_have_missed.add(channel)

    def _channel(self, name: bytes) -> str:
        return name[len(self._prefix) :].decode()
