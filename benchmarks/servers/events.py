"""The events of the measured Python servers: 200 bytes of JSON with the trigger's nanoseconds in them."""

import asyncio
import struct
from collections.abc import Callable

from chatserver.events import Event

TRIGGER = struct.Struct("<QQ")
DURABLE = 1 << 63
_SIZE = 200


class Piece(Event, frozen=True, kw_only=True, tag="delta"):
    """More of a text: ephemeral, each must arrive."""

    text: str


class Said(Event, frozen=True, kw_only=True, tag="message"):
    """A durable change."""

    seq: int
    text: str

    def durable_seq(self) -> int | None:
        return self.seq


def text(nanoseconds: int) -> str:
    """The text of a Piece that is 200 bytes long as JSON."""
    return f"~{nanoseconds:019d}".ljust(_SIZE - len('{"type":"delta","text":""}'), "x")


class Orders(asyncio.Protocol):
    """The load generator's connection: `obey(number, nanoseconds)` for each trigger, without a stream or a task between."""

    def __init__(self, obey: Callable[[int, int], None]) -> None:
        self._obey, self._rest = obey, b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) // TRIGGER.size * TRIGGER.size
        self._rest = data[whole:]
        for number, nanoseconds in TRIGGER.iter_unpack(data[:whole]):
            self._obey(number, nanoseconds)
