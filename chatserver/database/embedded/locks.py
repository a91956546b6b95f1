"""Three lock files hold the state of the embedded server, since the kernel releases them however a process ends.

`starting.lock` is held while a process starts or stops the server; `server.lock` is inherited by the server itself, so it
is held exactly while one runs; `users.lock` is shared by the processes that use it, so the last one knows that it is.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from typing import Literal

from chatserver.database.embedded.paths import ServerPaths
from chatserver.errors import ConfigurationError

POLL_SECONDS = 0.01

Name = Literal["starting", "server", "users"]


class LockFiles:
    """The lock files of one server."""

    def __init__(self, paths: ServerPaths) -> None:
        self._paths = paths

    def open_file(self, name: Name) -> int:
        """A new descriptor of a lock file; closing its last copy releases the lock."""
        path = self._paths.folder / f"{name}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._paths.give_to_account(path)
        return lock

    def is_free(self, name: Name, mode: int) -> bool:
        """Whether a lock could be acquired in this mode (LOCK_SH, LOCK_EX) just now."""
        lock = self.open_file(name)
        try:
            fcntl.flock(lock, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def hold(self, name: Name, seconds: float) -> Iterator[None]:
        """Holds a lock exclusively for the length of the block. Raises ConfigurationError after `seconds`."""
        lock = self.open_file(name)
        try:
            acquire(lock, seconds)
            yield
        finally:
            os.close(lock)


def acquire(lock: int, seconds: float) -> None:
    """Acquires an opened lock exclusively. Raises ConfigurationError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    "Another process has been starting or stopping Postgres for too long."
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
