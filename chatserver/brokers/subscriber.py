"""The half of the Redis broker that listens: keeps the subscriptions as wanted, and tells when something was missed."""

import asyncio
import itertools
import math
from collections.abc import Callable, Iterable, Set
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection

from chatserver.brokers.base import Resubscribed

# A silent connection is asked for a sign of life after this long, and given up after as long again.
SILENCE_SECONDS = 2.0
# Channels in one SUBSCRIBE, so that thousands after a reconnect stay small commands.
CHANNELS_AT_ONCE = 500

log = structlog.get_logger(__name__)

Take = Callable[[str, bytes], None]


class Listener:
    """Listens on the channels of `wanted`, which its owner changes and then calls `touch`."""

    def __init__(self, prefix: bytes, take: Take, lost: Resubscribed, wanted: Set[str]) -> None:
        self._prefix, self._take, self._lost, self._wanted = prefix, take, lost, wanted
        self._changed = asyncio.Event()
        self._touched: set[str] = set()
        # Channels on which something may have been said while nobody listened: told at their next confirmation.
        self._missing: set[str] = set()
        self._was_away = False

    def touch(self, channel: str) -> None:
        """`channel` has come to `wanted` or left it."""
        self._touched.add(channel)
        self._changed.set()

    def interrupted(self) -> None:
        """Redis is away: whatever is wanted until it is back misses something."""
        self._was_away = True

    async def run(self, connection: AbstractConnection) -> None:
        """Subscribes and receives. Ends only by raising what broke the connection."""
        self._missing = set(self._wanted) if self._was_away else set()
        self._was_away = False
        asking = asyncio.create_task(self._ask(connection))
        reading = asyncio.create_task(self._read(connection))
        try:
            done, _ = await asyncio.wait([asking, reading], return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            asking.cancel()
            reading.cancel()
            await asyncio.gather(asking, reading, return_exceptions=True)

    async def _ask(self, connection: AbstractConnection) -> None:
        asked: set[str] = set()
        self._touched = set(self._wanted)
        while True:
            touched, self._touched = self._touched, set()
            self._changed.clear()
            added, gone = (touched & self._wanted) - asked, (touched & asked) - self._wanted
            self._missing -= gone
            asked |= added
            asked -= gone
            await self._send(connection, "SUBSCRIBE", added)
            await self._send(connection, "UNSUBSCRIBE", gone)
            await self._changed.wait()

    async def _send(self, connection: AbstractConnection, command: str, channels: Iterable[str]) -> None:
        names = (self._prefix + channel.encode() for channel in channels)
        while some := list(itertools.islice(names, CHANNELS_AT_ONCE)):
            await connection.send_command(command, *some, check_health=False)

    async def _read(self, connection: AbstractConnection) -> None:
        asked_for_a_sign = False
        while True:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except TimeoutError:
                if asked_for_a_sign:
                    raise
                asked_for_a_sign = True
                await connection.send_command("PING", check_health=False)
            else:
                asked_for_a_sign = False
                self._handle(message)

    def _handle(self, message: Any) -> None:
        match message:
            case [b"message", bytes(name), bytes(payload)]:
                self._take(self._channel(name), payload)
            case [b"subscribe", bytes(name), _]:
                self._confirm(self._channel(name))
            case [b"pong" | b"unsubscribe", *_] | b"PONG":
                pass
            case _:
                log.warning("broker.unknown_message", kind=type(message).__name__)

    def _confirm(self, channel: str) -> None:
        # Any confirmation but the first of a channel means a gap in the listening, whoever caused it.
        if channel in self._missing:
            self._lost(channel)
        self._missing.add(channel)

    def _channel(self, name: bytes) -> str:
        return name[len(self._prefix) :].decode()
