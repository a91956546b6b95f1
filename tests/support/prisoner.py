"""A child that tries to break out: what a hostile file would do that had taken over the decoder. Says what it managed."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from chatserver.processes import child

_LIBC = ctypes.CDLL(None, use_errno=True)


def _system_call(number: int, *arguments: int) -> None:
    if _LIBC.syscall(*(ctypes.c_ulong(argument) for argument in (number, *arguments))) < 0:
        raise OSError(ctypes.get_errno(), "syscall")


def _connects(family: int = socket.AF_INET) -> None:
    socket.socket(family, socket.SOCK_STREAM).connect(("127.0.0.1", 9))


def _writes() -> None:
    Path("/tmp/broken-out").write_text("x")


def _attempts(parent: int) -> dict[str, Callable[[], object]]:
    return {
        "reads a file": lambda: Path("/etc/passwd").read_text(),
        "reads its parent's environment": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "writes a file": _writes,
        "removes a file": lambda: os.unlink("/tmp/broken-out"),
        "opens a connection": _connects,
        "opens a local socket": lambda: socket.socketpair(),
        "starts a program": lambda: subprocess.run(["/bin/true"], check=True),
        "becomes another program": lambda: os.execv("/bin/true", ["true"]),
        "forks": os.fork,
        "kills its parent": lambda: os.kill(parent, signal.SIGKILL),
        "traces its parent": lambda: _system_call(101 if os.uname().machine == "x86_64" else 117, 16, parent, 0, 0),
        "becomes root": lambda: os.setuid(0),
        "raises its own limits": lambda: os.nice(-19),
        "makes memory a file": lambda: os.memfd_create("x"),
        "sets up a ring": lambda: _system_call(425, 1, 0),
    }


def _tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Exception as error:
        return type(error).__name__
    return "done"


def work(task: bytes) -> Iterator[bytes]:
    """Tries everything and answers with what came of it; then shows that what a decoder needs still works."""
    outcome = {words: _tried(attempt) for words, attempt in _attempts(int(task)).items()}
    thread = threading.Thread(target=lambda: outcome.update({"starts a thread": "done"}))
    thread.start()
    thread.join()
    outcome["takes memory"] = _tried(lambda: bytearray(50_000_000))
    outcome["is itself"] = _tried(lambda: os.kill(os.getpid(), 0))
    yield msgspec.msgpack.encode(outcome)


if __name__ == "__main__":
    child.run(work)
