"""Three lock files carry the truth about the embedded server, since the kernel frees them however a process ends.

`starting.lock` is held while someone starts or stops the server; `server.lock` is inherited by the server itself, so it
is held exactly while one lives; `users.lock` is shared by the processes that use it, so the last one out can tell.
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
    """The lock files of one place."""

    def __init__(self, place: ServerPaths) -> None:
        self._place = place

    def open(self, name: Name) -> int:
        """A new descriptor of a lock file; closing the last copy of it gives the lock back."""
        path = self._place.folder / f"{name}.lock"
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._place.give(path)
        return lock

    def free(self, name: Name, mode: int) -> bool:
        """Whether a lock could be had in this mode just now."""
        lock = self.open(name)
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
        """Holds a lock alone for the length of a block, waiting for it so long at most."""
        lock = self.open(name)
        try:
            acquire(lock, seconds)
            yield
        finally:
            os.close(lock)


def acquire(lock: int, seconds: float) -> None:
    """Takes an opened lock alone. Raises ConfigurationError after `seconds`."""
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
