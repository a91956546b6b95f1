"""Ports that stay one test run's own, for what is told its port and may be started again on it.

The system gives ports of its own range to whoever connects, so that a port which was free a moment ago, or which a killed
server has left, may be taken. These are below that range, and a lock on a file per port keeps other test runs away.
"""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_FIRST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_reserved: list[int] = []  # descriptors, locked as long as this process lives


def reserve() -> int:
    """A port of the loopback address that nobody listens on, and that no other test run will use."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = random.randrange(_FIRST, end)
        if _lock(port) and _is_free(port):
            return port


def _lock(port: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"chatserver-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _reserved.append(descriptor)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
