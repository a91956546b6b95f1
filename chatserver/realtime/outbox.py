"""The events that wait for a socket that is not ready: in order, limited in bytes, ephemeral ones merged by key."""

from chatserver.realtime.limits import BATCH_BYTES, OUTBOX_BYTES

# The memory of one entry besides its bytes, measured with tracemalloc on CPython 3.11.
_ENTRY_BYTES = 160


class Outbox:
    """Exists from when a socket is opened or paused until it has caught up."""

    __slots__ = ("_entries", "_number", "size")

    def __init__(self) -> None:
        self._entries: dict[str | int, tuple[int, bytes]] = {}
        self._number = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, key: str | None, seq: int | None, data: bytes) -> bool:
        """Adds an encoded event; it replaces one with the same merge key. False where the outbox is full."""
        if key is not None:
            self._pop(key)
        if self.size + len(data) + _ENTRY_BYTES > OUTBOX_BYTES:
            return False
        self._number += 1
        self._entries[self._number if key is None else key] = (seq or 0, data)
        self.size += len(data) + _ENTRY_BYTES
        return True

    def pop_batch(self, position: int) -> list[bytes]:
        """Removes and returns the oldest events, as many as fit into one frame, without durable ones up to `position`."""
        batch, size = [], 0
        while self._entries and size < BATCH_BYTES:
            seq, data = self._pop(next(iter(self._entries)))
            if seq == 0 or seq > position:
                batch.append(data)
                size += len(data)
        return batch

    def _pop(self, key: str | int) -> tuple[int, bytes]:
        entry = self._entries.pop(key, (0, b""))
        if entry[1]:
            self.size -= len(entry[1]) + _ENTRY_BYTES
        return entry
