"""A deadline for reading a stream: received bytes extend it, up to the initial number of seconds.

A deadline for each piece would let a store that sends byte by byte go on without end.
"""

import time
from typing import Any

from chatserver.storage.s3_errors import guarded


class StreamDeadline:
    """`seconds` initially and at most; at `min_bytes_per_second` and above, none of them are used up."""

    def __init__(self, seconds: float, min_bytes_per_second: float) -> None:
        self._max = self._left = seconds
        self._min_bytes_per_second = min_bytes_per_second

    async def read(self, body: Any, size: int) -> bytes:
        """The next piece of at most `size` bytes, b"" at the end. Raises StorageError at the deadline."""
        began = time.monotonic()
        piece: bytes = await guarded(body.read(size), self._left)
        earned = len(piece) / self._min_bytes_per_second
        # Only time inside this call counts, not that of our own reader between two calls.
        self._left = min(self._max, self._left - (time.monotonic() - began) + earned)
        return piece
