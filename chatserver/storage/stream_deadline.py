"""How long a stream from a store may still take: what arrives earns a little more time, up to where it began.

A deadline for each piece would let a store that drips, byte by byte, go on for ever.
"""

import time
from typing import Any

from chatserver.storage.s3_errors import guarded


class StreamDeadline:
    """`seconds` to begin with, and at most; whoever brings `slowest` bytes a second does not lose any of them."""

    def __init__(self, seconds: float, slowest: float) -> None:
        self._most = self._left = seconds
        self._slowest = slowest

    async def read(self, body: Any, size: int) -> bytes:
        """The next piece of at most `size` bytes, b"" at the end; StorageError when it takes too long."""
        began = time.monotonic()
        piece: bytes = await guarded(body.read(size), self._left)
        earned = len(piece) / self._slowest
        # The time between two calls is our own reader's, and costs nothing.
        self._left = min(self._most, self._left - (time.monotonic() - began) + earned)
        return piece
