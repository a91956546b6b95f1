"""Tabs that are cheap for this process: raw sockets and epoll, which look for words in what they receive."""

import contextlib
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 60.0
_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat.v1.html\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {token}\r\n\r\n"
)


@dataclass(frozen=True)
class Tab:
    """One tab: the session that it shows, whose it is, and the words by which it knows that it has been served."""

    session_id: str
    token: str
    after: int | None
    served_by: bytes

    def request(self) -> bytes:
        query = "" if self.after is None else f"?after={self.after}"
        path = f"/ws/sessions/{self.session_id}{query}"
        return _UPGRADE.format(path=path, token=self.token).encode()


@dataclass
class Served:
    """What came of tabs that were opened: seconds until each was served, bytes that each was sent, and the refused."""

    seconds: list[float]
    received: list[int]
    refused: int


class Opened:
    """Tabs that are open, to be closed after all was measured."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def open(self, address: tuple[str, int], tabs: Sequence[Tab], at_once: int) -> Served:
        """Opens all of the tabs, so many at once; returns when the last is served or refused."""
        found, waiting, epoll = Served([], [], 0), list(reversed(tabs)), select.epoll()
        under_way: dict[int, tuple[Tab, float, bytearray]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting or under_way:
            assert time.monotonic() < deadline, f"{len(under_way)} tabs were not served"
            while waiting and len(under_way) < at_once:
                self._begin(address, waiting.pop(), epoll, under_way)
            for number, _ in epoll.poll(1):
                tab, began, heard = under_way[number]
                if self._is_settled(number, tab, heard, found):
                    found.seconds.append(time.monotonic() - began)
                    found.received.append(len(heard))
                    epoll.unregister(number)
                    del under_way[number]
        epoll.close()
        return found

    def _begin(self, address: tuple[str, int], tab: Tab, epoll: select.epoll, under_way: dict) -> None:  # type: ignore[type-arg]
        sock = socket.create_connection(address)
        sock.sendall(tab.request())
        sock.setblocking(False)
        self._sockets[sock.fileno()] = sock
        under_way[sock.fileno()] = (tab, time.monotonic(), bytearray())
        epoll.register(sock.fileno(), select.EPOLLIN)

    def _is_settled(self, number: int, tab: Tab, heard: bytearray, found: Served) -> bool:
        data = self._sockets[number].recv(1 << 20)
        heard += data
        if tab.served_by in heard:
            return True
        if not data or b"\x88" in data[:1]:  # the end, or a close frame
            found.refused += 1
            return True
        return False

    def drain(self, seconds: float) -> int:
        """Reads all that comes for so long; its bytes."""
        count, until, epoll = 0, time.monotonic() + seconds, select.epoll()
        for number in self._sockets:
            epoll.register(number, select.EPOLLIN)
        while (left := until - time.monotonic()) > 0:
            for number, _ in epoll.poll(left):
                with contextlib.suppress(OSError):
                    count += len(self._sockets[number].recv(1 << 20))
        epoll.close()
        return count

    def receive(self, words: bytes) -> int:
        """Reads until each tab has these words; the bytes of all of them, up to the ends of what was read."""
        count, epoll = 0, select.epoll()
        heard: dict[int, bytes] = dict.fromkeys(self._sockets, b"")
        for number in heard:
            epoll.register(number, select.EPOLLIN)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while heard:
            assert time.monotonic() < deadline, f"{len(heard)} tabs did not hear of it"
            for number, _ in epoll.poll(1):
                data = self._sockets[number].recv(1 << 20)
                count += len(data)
                heard[number] += data
                if words in heard[number]:
                    epoll.unregister(number)
                    del heard[number]
        epoll.close()
        return count

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()


def address_of(url: str) -> tuple[str, int]:
    """The host and port of a server's URL."""
    host, _, port = url.partition("//")[2].partition(":")
    return host, int(port)
