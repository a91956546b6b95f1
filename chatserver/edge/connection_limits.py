"""All connections of one web process, HTTP and websockets: how many may be open, from whom, and which are stuck.

`HttpProtocol` and `WebSocketProtocol` register theirs here. Once a second each one's deadlines are checked, so that no
connection needs timers of its own.
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

from chatserver.edge.limits import HttpLimits
from chatserver.edge.upgrade_queue import UpgradeQueue
from chatserver.errors import ChatserverError
from chatserver.identity.addresses import subnet_of
from chatserver.runtime import metrics

# The longest time between two checks; shorter where a deadline is shorter.
CHECK_SECONDS = 1.0
# Refusals are logged this often at most.
LOG_SECONDS = 10.0
RETRY_SECONDS = 5
# A newer connection is not evicted: its request may have arrived without having been read yet.
GRACE_SECONDS = 0.5
# Refused connections that are kept open until the 503 was sent; further ones are closed without an answer.
REFUSED_AT_ONCE = 32
_CODES = {
    HTTPStatus.BAD_REQUEST: ("malformed", "That is not HTTP as it should be."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method-not-allowed", "This address does not take that method."),
    HTTPStatus.REQUEST_URI_TOO_LONG: ("too-large", "That address is too long."),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: ("too-large", "Those headers are too long, or too many."),
    HTTPStatus.INTERNAL_SERVER_ERROR: (ChatserverError.code, ChatserverError().message),
    HTTPStatus.SERVICE_UNAVAILABLE: ("busy", "Too many connections at once; please try again in a moment."),
}
# struct linger: on, with a timeout of zero; closing sends a reset (RST).
_NO_LINGER = struct.pack("ii", 1, 0)
# tcp(7), struct tcp_info: tcpi_bytes_acked. Only Linux counts them.
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_ACKNOWLEDGED = struct.Struct("Q")
_ACKNOWLEDGED_AT = 120

log = structlog.get_logger(__name__)


class TrackedConnection(Protocol):
    """What the limiter needs of a connection."""

    def idle_since(self) -> float | None:
        """When something last moved on it (loop time); None while it is in use and must not be evicted."""

    def check_deadlines(self, now: float) -> None:
        """Ends the connection if it is past a deadline."""

    def cut(self, reason: str) -> None:
        """Ends the connection now and drops unsent output. `reason` is a label of the metric `CUT`."""


class ConnectionLimiter:
    """The open connections, grouped by address (an IPv6 address counts as its /64).

    `trusts(address)` tells trusted proxies, which speak for many clients; `headers` are those of every response.
    """

    def __init__(
        self,
        limits: HttpLimits | None = None,
        *,
        trusts: Callable[[str], bool] = lambda _: False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.limits = limits or HttpLimits()
        self.headers = dict(headers or {})
        self.encoded_headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        self.upgrades = UpgradeQueue()
        self._trusts = trusts
        self._groups: dict[str, dict[TrackedConnection, None]] = {}
        self._group_of: dict[TrackedConnection, str] = {}
        self._refused: dict[TrackedConnection, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")

    @property
    def count(self) -> int:
        """The number of open connections."""
        return len(self._group_of)

    def connections(self) -> list[TrackedConnection]:
        """The open connections, oldest first."""
        return list(self._group_of)

    # Admission ------------------------------------------------------------------------------------------------------

    def admit(self, connection: TrackedConnection, address: str) -> bool:
        """Registers a connection, after evicting an idle one where there are too many. False where none is idle."""
        name = subnet_of(address)
        if self._make_room(name, address):
            self._add(connection, name)
            return True
        self._report_full()
        return False

    def keep_refused(self, connection: TrackedConnection) -> bool:
        """Whether a connection that was not admitted may stay open until its 503 was sent."""
        if len(self._refused) >= REFUSED_AT_ONCE:
            return False
        self._refused[connection] = None
        return True

    def replace(self, old: TrackedConnection, new: TrackedConnection) -> None:
        """The same TCP connection under another protocol: an upgrade to a websocket."""
        name = self._group_of.get(old)
        if name is not None:
            self.remove(old)
            self._add(new, name)

    def remove(self, connection: TrackedConnection) -> None:
        """Unregisters a connection. Has no effect the second time."""
        self._refused.pop(connection, None)
        name = self._group_of.pop(connection, None)
        if name is None:
            return
        group = self._groups[name]
        del group[connection]
        if not group:
            del self._groups[name]

    def _add(self, connection: TrackedConnection, name: str) -> None:
        self._groups.setdefault(name, {})[connection] = None
        self._group_of[connection] = name
        if self._timer is None:
            self._schedule_check()

    def _make_room(self, name: str, address: str) -> bool:
        group = self._groups.get(name, {})
        if len(group) >= self.limits.connections_per_address and not self._trusts(address):
            return self._evict(group)
        if self.count >= self.limits.connections:
            # The address with the most connections loses one first.
            largest = max(self._groups.values(), key=len)
            return self._evict(largest) or self._evict(group) or self._evict(largest, grace=0)
        return True

    def _evict(self, group: dict[TrackedConnection, None], grace: float = GRACE_SECONDS) -> bool:
        """Cuts the connection that has been idle for longest, and for at least `grace` seconds."""
        latest = asyncio.get_running_loop().time() - grace
        idle = [
            (since, connection)
            for connection in group
            if (since := connection.idle_since()) is not None and since <= latest
        ]
        if not idle:
            return False
        _, connection = min(idle, key=lambda each: each[0])
        self.remove(connection)
        connection.cut("crowded")
        return True

    def _report_full(self) -> None:
        metrics.CONNECTIONS_CUT.labels("full").inc()
        now = asyncio.get_running_loop().time()
        if now - self._logged_at > LOG_SECONDS:
            self._logged_at = now
            log.warning("connection.limit_reached", connections=self.count, addresses=len(self._groups))

    # Deadlines ------------------------------------------------------------------------------------------------------

    def _schedule_check(self) -> None:
        shortest = min(seconds for name, seconds in vars(self.limits).items() if name.endswith("_seconds"))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(min(CHECK_SECONDS, shortest / 4), self._check_all, loop)

    def _check_all(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for connection in [*self._group_of, *self._refused]:
            try:
                connection.check_deadlines(now)
            except Exception:
                log.exception("connection.check_failed")
        if self._group_of or self._refused:
            self._schedule_check()

    # Responses below the application --------------------------------------------------------------------------------

    def error_response(self, status: HTTPStatus) -> bytes:
        """A complete HTTP/1.1 response with the JSON body of errors and the headers of every response; it closes."""
        retry_after = RETRY_SECONDS if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        headers = {
            **self.headers,
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        body = error_body(status, retry_after)
        headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def error_body(status: HTTPStatus, retry_after: float | None = None) -> bytes:
    """The JSON of an error that is answered below the application."""
    code, message = _CODES.get(status, _CODES[HTTPStatus.BAD_REQUEST])
    error: dict[str, object] = {"code": code, "message": message}
    if retry_after is not None:
        error["retry_after"] = retry_after
    return json.dumps({"error": error}).encode()


def reset(transport: asyncio.Transport) -> None:
    """Aborts a connection with a TCP reset: the kernel would otherwise keep unsent output for minutes."""
    raw = transport.get_extra_info("socket")
    if raw is not None and raw.fileno() != -1:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def acknowledged(transport: asyncio.Transport) -> int:
    """The bytes that the client's kernel has acknowledged so far; -1 where this system does not count them."""
    raw = transport.get_extra_info("socket")
    if raw is None or _TCP_INFO is None:
        return -1
    info = raw.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size)
    return int(_ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)[0]) if len(info) > _ACKNOWLEDGED_AT else -1
