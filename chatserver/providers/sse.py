"""Server-sent events as they come over the wire, without I/O: bytes in, the events' data out."""

from collections.abc import Iterator

from chatserver.errors import BadBytes

# One event is a few words of an answer; a line beyond this is an attack or an accident.
LONGEST_LINE = 1024 * 1024


class EventStream:
    """Collects bytes into events. Comments, keep-alives and unknown fields are passed over; lines end in LF or CRLF."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[str]:
        """The data of every event that is whole now. A character cut in two waits for its other half."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise BadBytes("What came back was not a stream of text.")
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))

    def end(self) -> Iterator[str]:
        """What is left when the stream ends: some servers leave out the last empty line."""
        yield from self._line(self._rest.removesuffix(b"\r"))
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data = []
            return
        field, _, value = line.decode("utf-8", "replace").partition(":")
        if field == "data":
            self._data.append(value.removeprefix(" "))
