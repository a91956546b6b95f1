"""Parses server-sent events (WHATWG HTML, section 9.2) from chunks of bytes. Without I/O.

Also accepts what some servers send instead: one JSON document, or one a line.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from chatserver.errors import BadBytes

# One event is a few words of an answer; a longer line is an attack or a defect.
MAX_LINE = 1024 * 1024
# A server that omits the empty lines between events sends its whole answer as one.
MAX_EVENT = 4 * MAX_LINE
_LINE_END = re.compile(rb"\r\n|\n|\r")


class ServerSentEvent(NamedTuple):
    """One event: its data, and its name where it has one. `raw` is true for a document that was not in an event."""

    data: str
    name: str = ""
    raw: bool = False


class EventStream:
    """Collects bytes into events. Comments and unknown fields are ignored; lines end in LF, CR or CRLF.

    `unparsed` keeps the beginning of what was no event, to distinguish a web page from a broken stream.
    """

    def __init__(self) -> None:
        self.unparsed = ""
        # The pieces of a line that has not ended.
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._ended_in_cr = False
        self._name = ""
        self._data: list[str] = []
        self._size = 0  # of its lines, or of those of the document, in characters
        # The lines of a document of several lines; None outside one.
        self._document: list[str] | None = None
        self._first = True

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that are complete now. A character split between chunks waits for its rest."""
        if not chunk:
            return
        split_crlf, self._ended_in_cr = self._ended_in_cr and chunk.startswith(b"\n"), chunk.endswith(b"\r")
        chunk = chunk[1:] if split_crlf else chunk
        # Each piece is looked through once, in however many pieces a line comes.
        first, *lines = _LINE_END.split(chunk)
        self._rest.append(first)
        self._rest_size += len(first)
        for line in lines:
            ended, self._rest, self._rest_size = b"".join(self._rest), [line], len(line)
            yield from self._line(ended)
        if self._rest_size > MAX_LINE:
            raise _no_stream()

    def end(self) -> Iterator[ServerSentEvent]:
        """The events left at the end of the stream: some servers omit the last empty line."""
        yield from self._line(b"".join(self._rest))
        if self._document is not None:
            yield ServerSentEvent("\n".join(self._document), raw=True)
        yield from self._dispatch()

    def _line(self, raw: bytes) -> Iterator[ServerSentEvent]:
        line = raw.decode("utf-8", "replace")
        if self._first and line.strip("\ufeff \t"):
            self._first = False
            line = line.lstrip("\ufeff")
        if self._document is not None:
            self._document.append(line)
            self._count(line)
        elif line.lstrip()[:1] in {"{", "["}:
            yield from self._json(line)
        elif not line:
            yield from self._dispatch()
        else:
            self._field(line)

    def _json(self, line: str) -> Iterator[ServerSentEvent]:
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            self._document = [line]
        else:
            yield ServerSentEvent(line, raw=True)

    def _field(self, line: str) -> None:
        field, colon, value = line.strip(" ").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._count(line)
        elif field == "event":
            self._name = value.strip()
        elif field and (field not in {"id", "retry"} or not colon) and len(self.unparsed) < 1000:
            self.unparsed += f"{line}\n"

    def _count(self, line: str) -> None:
        self._size += len(line) + 1
        if self._size > MAX_EVENT:
            raise _no_stream()

    def _dispatch(self) -> Iterator[ServerSentEvent]:
        data, name = "\n".join(self._data), self._name
        self._data, self._size, self._name = [], 0, ""
        if data.strip():
            yield ServerSentEvent(data, name)


def _no_stream() -> BadBytes:
    return BadBytes("What came back was not a stream of text.")
