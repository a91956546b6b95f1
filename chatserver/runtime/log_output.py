"""Where lines of the log go: standard error, without waiting for whoever reads it.

A log collector that hangs, a pager, or a terminal after Ctrl+S takes no more; a write would then hold up the event loop, and
with it every person and the end of the process, for as long as that lasts. What is not taken is lost, and counted. A line
of which the end is lost, as on a disk that has become full, is ended before the next one.
"""

import os
import select
import threading
from typing import TextIO

# The first line that is not taken is waited for so long: a reader may be a moment late.
WAIT_MILLISECONDS = 100
# Where a pipe is ready to be written, it takes so many bytes at least.
PIECE_BYTES = 4096


def of(stream: TextIO) -> TextIO:
    """The stream without waits; itself where it is no file of the system's, as in a test."""
    try:
        return LogOutput(stream.fileno())  # type: ignore[return-value]
    except (OSError, ValueError, AttributeError):
        return stream


class LogOutput:
    """Writes to a descriptor what it takes at once; what it does not take, also because its disk is full, is lost."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._lock = descriptor, threading.Lock()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lost, self._is_cut = 0, False

    def put_line(self, text: str) -> int:
        """Writes a line, or loses it, or its end."""
        with self._lock:
            if self._lost and self._put(self._words()):
                self._lost, self._is_cut = 0, False
            if self._lost or not self._put(text.encode(errors="backslashreplace")):
                self._lost += 1
        return len(text)

    write = put_line  # as of a file: what loggers call

    def flush(self) -> None:
        """Nothing is kept back."""

    def _words(self) -> bytes:
        start = "\n" if self._is_cut else ""
        return f'{start}{{"event": "log.lines_lost", "lines": {self._lost}, "level": "warning"}}\n'.encode()

    def _put(self, data: bytes) -> bool:
        """Whether all of it was taken."""
        written = 0
        while written < len(data) and self._is_ready():
            try:
                written += os.write(self._descriptor, data[written : written + PIECE_BYTES])
            except OSError:
                break
        self._is_cut = self._is_cut or 0 < written < len(data)
        return written == len(data)

    def _is_ready(self) -> bool:
        return bool(self._poll.poll(0 if self._lost else WAIT_MILLISECONDS))
