"""Ports that stay one test run's own, for what is told its port and may be started again on it.

The system gives ports of its own range to whoever connects, so that a port which was free a moment ago, or which a killed
server has left, may be taken. These are below that range, and a name for each port keeps other test runs away.
"""

import errno
import random
import socket
from pathlib import Path

_FIRST = 10_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_reserved: list[int] = []  # descriptors of sockets, whose names are taken as long as this process lives


def reserve() -> int:
    """A port of the loopback address that nobody listens on, and that no other test run will use."""
    end = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    while True:
        port = random.randrange(_FIRST, end)
        if _take_name(port) and _is_free(port):
            return port


def _take_name(port: int) -> bool:
    # An abstract name is no file: with the process that has it, however that ends, it is gone.
    named = socket.socket(socket.AF_UNIX)
    try:
        named.bind(f"\0chatserver-tests-port-{port}")
    except OSError as error:
        named.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    _reserved.append(named.detach())
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
