"""Ids of workers, from which another process on the same machine can tell whether the worker's process still runs."""

import os
import secrets
import socket
from pathlib import Path

# A container's host name is its own, and a machine's boot makes all its old processes dead: both are in the name.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def worker_id() -> str:
    """A new id for a worker of this process: host, boot, process id and a random part."""
    return f"{process_id()}/{secrets.token_hex(4)}"


def process_id() -> str:
    """The id of this process among all those of all machines: host, boot and process id."""
    return f"{_machine()}/{os.getpid()}"


def is_dead(name: str) -> bool:
    """Whether the process of that worker has certainly ended; False wherever that cannot be known."""
    host, *rest = name.split("/")
    if host != socket.gethostname() or len(rest) != 3 or not rest[1].isdigit():
        return False
    # Called at the start, before this process holds a lease: its own id then belonged to an earlier one (1 in a container).
    return not _same_boot(rest[0]) or int(rest[1]) == os.getpid() or not _runs(int(rest[1]))


def _machine() -> str:
    boot = _BOOT.read_text(encoding="utf-8").strip()[:8] if _BOOT.exists() else "unknown"
    return f"{socket.gethostname()}/{boot}"


def _same_boot(boot: str) -> bool:
    return not _BOOT.exists() or _BOOT.read_text(encoding="utf-8").strip()[:8] == boot


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
