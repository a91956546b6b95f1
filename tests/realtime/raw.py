"""A websocket client over a raw socket: it sends any bytes and reads only on demand."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from tests.support.hub_server import HubServer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
# What a close frame without a code is reported as (RFC 6455, 7.1.5).
NO_CODE = 1005


def masked(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    """One client frame, masked with zeros. `reserved` are its three reserved bits."""
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = struct.pack("!BH", 0x80 | 126, size)
    else:
        length = struct.pack("!BQ", 0x80 | 127, size)
    return head + length + b"\0\0\0\0" + payload


def frames(received: bytes) -> list[tuple[int, bytes]]:
    """The whole frames of a server, by opcode and payload."""
    found, at = [], 0
    while at + 2 <= len(received):
        size, head = received[at + 1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(received[at + 2 : at + head])
        end = at + head + size
        if end > len(received):
            break
        found.append((received[at] & 0x0F, received[at + head : end]))
        at = end
    return found


def close_code(received: bytes) -> int | None:
    """The code of the first close frame; None where there is none."""
    for opcode, payload in frames(received):
        if opcode == CLOSE:
            return int.from_bytes(payload[:2]) if payload else NO_CODE
    return None


class RawClient:
    """A client after its handshake; `head` is the response to it."""

    def __init__(self, sock: socket.socket, head: bytes) -> None:
        self.socket = sock
        self.head = head
        self.received = b""
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self._loop.sock_sendall(self.socket, data)

    async def read_until(self, condition: Callable[[bytes], object], patience: float = 10.0) -> bool:
        """Reads until `condition` is true of everything received; False where the server disconnects before."""
        async with asyncio.timeout(patience):
            with contextlib.suppress(ConnectionError):
                while not condition(self.received):
                    data = await self._loop.sock_recv(self.socket, 65536)
                    if not data:
                        return False
                    self.received += data
                return True
        return False

    async def read_to_end(self, patience: float = 10.0) -> bytes:
        """Reads until the server disconnects; everything received."""
        await self.read_until(lambda _: False, patience)
        return self.received

    async def close_code(self, patience: float = 10.0) -> int | None:
        """The code of the server's close frame; None where it disconnected without one."""
        await self.read_until(lambda received: close_code(received) is not None, patience)
        return close_code(self.received)

    def close(self) -> None:
        self.socket.close()


async def open_raw(
    server: HubServer, session_id: str, person: str = "ada", receive_bytes: int = 0, headers: str = ""
) -> RawClient:
    """Completes the handshake; the snapshot is left unread. `receive_bytes` limits the kernel's receive buffer."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await loop.sock_connect(sock, ("127.0.0.1", server.port))
    await loop.sock_sendall(
        sock,
        f"GET /ws/sessions/{session_id} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\nAuthorization: Bearer {person}\r\n"
        f"{headers}\r\n".encode(),
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await loop.sock_recv(sock, 1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return RawClient(sock, head)
