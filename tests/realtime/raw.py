"""A websocket client that keeps no rules: sends any bytes, reads only when told to."""

import asyncio
import contextlib
import socket
import struct

from tests.realtime.house import House


def masked(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """One client frame, masked with zeros."""
    head = bytes([(0x80 if final else 0) | opcode])
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = struct.pack("!BH", 0x80 | 126, size)
    else:
        length = struct.pack("!BQ", 0x80 | 127, size)
    return head + length + b"\0\0\0\0" + payload


class RawClient:
    """After its handshake."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.received = b""
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await self._loop.sock_sendall(self.socket, data)

    async def read_to_end(self, patience: float = 10.0) -> bytes:
        """Everything until the server hangs up."""
        async with asyncio.timeout(patience):
            with contextlib.suppress(ConnectionError):
                while data := await self._loop.sock_recv(self.socket, 65536):
                    self.received += data
        return self.received

    async def close_code(self, patience: float = 10.0) -> int | None:
        """The code of the server's close frame; None where it hung up without one."""
        async with asyncio.timeout(patience):
            with contextlib.suppress(ConnectionError):
                while (code := _close_code(self.received)) is None:
                    data = await self._loop.sock_recv(self.socket, 65536)
                    if not data:
                        return None
                    self.received += data
                return code
        return None

    def close(self) -> None:
        self.socket.close()


def _close_code(received: bytes) -> int | None:
    at = 0
    while at + 2 <= len(received):
        size, head = received[at + 1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(received[at + 2 : at + head])
        if received[at] == 0x88 and len(received) >= at + 4:
            return int.from_bytes(received[at + 2 : at + 4])
        at += head + size
    return None


async def open_raw(house: House, session_id: str, person: str = "ada", receive_bytes: int = 0) -> RawClient:
    """Shakes hands; the opening is left unread. `receive_bytes` makes the kernel's buffer small."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await loop.sock_connect(sock, ("127.0.0.1", house.port))
    await loop.sock_sendall(
        sock,
        f"GET /ws/sessions/{session_id} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\nAuthorization: Bearer {person}\r\n\r\n".encode(),
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await loop.sock_recv(sock, 1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return RawClient(sock)
