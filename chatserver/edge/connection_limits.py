"""All connections of one web process, HTTP and websockets: how many there may be, of whom, and which are stuck.

`http_server` and `server` announce theirs here; once a second each is looked at, so that none needs timers of its own.
"""

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import structlog

from chatserver.identity.addresses import neighbourhood
from chatserver.realtime.limits import HttpLimits
from chatserver.runtime import metrics

# The longest time between two looks; shorter where a deadline is.
LOOK_SECONDS = 1.0
# That connections are refused is logged this often at most.
LOG_SECONDS = 10.0
RETRY_SECONDS = 5
# Who has only just called may have asked already: nobody has looked yet.
YOUNG_SECONDS = 0.5
# Refused ones that are kept until they have heard why; more than these only hear the line go dead.
REFUSED_AT_ONCE = 32
_CODES = {
    HTTPStatus.BAD_REQUEST: ("malformed", "That is not HTTP as it should be."),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("too-large", "That address is too long."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("too-large", "Those headers are too long, or too many."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("busy", "Too many connections at once; please try again in a moment."),
}
# struct linger: on, for no time at all; the peer gets a reset.
_NO_LINGER = struct.pack("ii", 1, 0)
# tcp(7), struct tcp_info: tcpi_bytes_acked. Other systems than Linux have no such count.
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_ACKNOWLEDGED = struct.Struct("Q")
_ACKNOWLEDGED_AT = 120

log = structlog.get_logger(__name__)


class Held(Protocol):
    """One connection, as the edge sees it."""

    def still_since(self) -> float | None:
        """When something last moved on it (loop time); None where it is of use now, and must not be cut for another."""

    def look(self, now: float) -> None:
        """Ends itself if it is over a deadline."""

    def cut(self, reason: str) -> None:
        """Ends it now, with whatever was still to be sent."""


class Edge:
    """The connections by address. `trusts` tells proxies, which speak for many; `headers` are those of every answer."""

    def __init__(
        self,
        bounds: HttpLimits | None = None,
        *,
        trusts: Callable[[str], bool] = lambda _: False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.bounds = bounds or HttpLimits()
        self.headers = dict(headers or {})
        self.encoded_headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        self._trusts = trusts
        self._groups: dict[str, dict[Held, None]] = {}
        self._group_of: dict[Held, str] = {}
        self._refused: dict[Held, None] = {}
        self._ticking: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")

    @property
    def count(self) -> int:
        """The connections of this process."""
        return len(self._group_of)

    def all(self) -> list[Held]:
        """Them."""
        return list(self._group_of)

    # Who may come in ------------------------------------------------------------------------------------------------

    def admit(self, connection: Held, address: str) -> bool:
        """Counts it, in place of one that is of no use if there are too many. False where all of them are."""
        name = neighbourhood(address)
        if self._has_room(name, address):
            self._add(connection, name)
            return True
        self._tell_full()
        return False

    def keep_refused(self, connection: Held) -> bool:
        """Whether one that was not admitted may stay for as long as it takes to tell it so."""
        if len(self._refused) >= REFUSED_AT_ONCE:
            return False
        self._refused[connection] = None
        return True

    def replace(self, old: Held, new: Held) -> None:
        """The same connection in other hands: a websocket's."""
        name = self._group_of.get(old)
        if name is not None:
            self.remove(old)
            self._add(new, name)

    def remove(self, connection: Held) -> None:
        """Forgets it; the second time nothing happens."""
        self._refused.pop(connection, None)
        name = self._group_of.pop(connection, None)
        if name is None:
            return
        group = self._groups[name]
        del group[connection]
        if not group:
            del self._groups[name]

    def _add(self, connection: Held, name: str) -> None:
        self._groups.setdefault(name, {})[connection] = None
        self._group_of[connection] = name
        if self._ticking is None:
            self._schedule()

    def _has_room(self, name: str, address: str) -> bool:
        group = self._groups.get(name, {})
        if len(group) >= self.bounds.connections_per_address and not self._trusts(address):
            return self._evict(group)
        if self.count >= self.bounds.connections:
            # Who has most has to give way.
            largest = max(self._groups.values(), key=len)
            return self._evict(largest) or self._evict(group) or self._evict(largest, young=0)
        return True

    def _evict(self, group: dict[Held, None], young: float = YOUNG_SECONDS) -> bool:
        """Cuts the one on which nothing has moved for longest, and at least for as long as one is young."""
        latest = asyncio.get_running_loop().time() - young
        still = [
            (since, connection)
            for connection in group
            if (since := connection.still_since()) is not None and since <= latest
        ]
        if not still:
            return False
        _, connection = min(still, key=lambda each: each[0])
        self.remove(connection)
        connection.cut("crowded")
        return True

    def _tell_full(self) -> None:
        metrics.CUT.labels("full").inc()
        now = asyncio.get_running_loop().time()
        if now - self._logged_at > LOG_SECONDS:
            self._logged_at = now
            log.warning("connections.full", connections=self.count, addresses=len(self._groups))

    # Those that are stuck -------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        shortest = min(seconds for name, seconds in vars(self.bounds).items() if name.endswith("_seconds"))
        loop = asyncio.get_running_loop()
        self._ticking = loop.call_later(min(LOOK_SECONDS, shortest / 4), self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ticking = None
        now = loop.time()
        for connection in [*self._group_of, *self._refused]:
            connection.look(now)
        if self._group_of or self._refused:
            self._schedule()

    # What is answered below the application -------------------------------------------------------------------------

    def refusal(self, status: HTTPStatus) -> bytes:
        """A whole answer as errors are answered, with the headers that all answers have; the connection ends with it."""
        code, message = _CODES[status]
        error: dict[str, object] = {"code": code, "message": message}
        headers = {
            **self.headers,
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            error["retry_after"] = RETRY_SECONDS
            headers["Retry-After"] = str(RETRY_SECONDS)
        body = json.dumps({"error": error})
        headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def cut(transport: asyncio.Transport) -> None:
    """Aborts a connection. The kernel would otherwise keep what it holds for somebody who does not read, for minutes."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() != -1:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def acknowledged(transport: asyncio.Transport) -> int:
    """The bytes that the other side's kernel has taken so far; -1 where this system does not count them."""
    raw = transport.get_extra_info("socket")
    if raw is None or _TCP_INFO is None:
        return -1
    info = raw.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size)
    return int(_ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)[0]) if len(info) > _ACKNOWLEDGED_AT else -1
