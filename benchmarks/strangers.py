"""Clients that hold connections without finishing a request, in a process of its own:
`python -m benchmarks.strangers KIND PORT`.

They use a loopback address of their own, and print at the end how many bytes the server has read.
"""

import contextlib
import socket
import sys
import time
from collections.abc import Callable

ADDRESS = "127.0.0.2"
SECONDS = 15.0
ASKED = b"GET /static/x/css/app.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 40
CHUNKED = b"POST /api/v1/users HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"


def _connect(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(SECONDS)
    sock.bind((ADDRESS, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def trailers(port: int) -> int:
    """300 MB of them behind one body."""
    taken, piece = 0, b"X-Trailer: " + b"y" * 65_536 + b"\r\n"
    sock = _connect(port)
    with contextlib.suppress(OSError):
        sock.sendall(CHUNKED)
        while taken < 300_000_000:
            sock.sendall(piece)
            taken += len(piece)
    # The bystander's waits are taken for a while, however soon it is over.
    time.sleep(SECONDS / 3)
    return taken


def unread(port: int) -> int:
    """277 connections that ask for forty answers each and read none."""
    return _hold(port, 277, ASKED)


def connections(port: int) -> int:
    """1,000 that begin a request."""
    return _hold(port, 1000, b"GET / HTTP/1.1\r\n")


def _hold(port: int, count: int, says: bytes) -> int:
    held, taken = [], 0
    for _ in range(count):
        with contextlib.suppress(OSError):
            held.append(_connect(port))
            held[-1].sendall(says)
            taken += len(says)
    time.sleep(SECONDS)
    return taken


KINDS: dict[str, Callable[[int], int]] = {"trailers": trailers, "unread": unread, "connections": connections}

if __name__ == "__main__":
    print(KINDS[sys.argv[1]](int(sys.argv[2])))
