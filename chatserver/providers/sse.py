"""Server-sent events as they come over the wire, without I/O: bytes in, events out.

Also what servers send in their place: one JSON document in answer to a request for a stream, or one a line.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from chatserver.errors import BadBytes

# One event is a few words of an answer; a line beyond this is an attack or an accident.
LONGEST_LINE = 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """One event: its data, and its name where it has one. `raw` is a document that stood there without a frame."""

    data: str
    name: str = ""
    raw: bool = False


class EventStream:
    """Collects bytes into events. Comments, keep-alives and unknown fields are passed over; lines end in LF, CR or CRLF.

    `words` keeps the beginning of what was no event, to tell a web page from a stream that only broke.
    """

    def __init__(self) -> None:
        self.words = ""
        self._rest = b""
        self._ended_in_cr = False
        self._name = ""
        self._data: list[str] = []
        # The lines of a document over several lines; None while it is not known to be one.
        self._document: list[str] | None = None
        self._first = True

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Every event that is whole now. A character cut in two waits for its other half."""
        if not piece:
            return
        in_two, self._ended_in_cr = self._ended_in_cr and piece.startswith(b"\n"), piece.endswith(b"\r")
        piece = piece[1:] if in_two else piece
        *lines, self._rest = _LINE_END.split(self._rest + piece)
        if len(self._rest) > LONGEST_LINE:
            raise BadBytes("What came back was not a stream of text.")
        for line in lines:
            yield from self._line(line)

    def end(self) -> Iterator[Event]:
        """What is left when the stream ends: some servers leave out the last empty line."""
        yield from self._line(self._rest)
        if self._document is not None:
            yield Event("\n".join(self._document), raw=True)
        yield from self._dispatch()

    def _line(self, raw: bytes) -> Iterator[Event]:
        line = raw.decode("utf-8", "replace")
        if self._first and line.strip("\ufeff \t"):
            self._first = False
            line = line.lstrip("\ufeff")
        if self._document is not None:
            self._document.append(line)
        elif line.lstrip()[:1] in {"{", "["}:
            yield from self._json(line)
        elif not line:
            yield from self._dispatch()
        else:
            self._field(line)

    def _json(self, line: str) -> Iterator[Event]:
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            self._document = [line]
        else:
            yield Event(line, raw=True)

    def _field(self, line: str) -> None:
        field, colon, value = line.strip(" ").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value.strip()
        elif field and (field not in {"id", "retry"} or not colon) and len(self.words) < 1000:
            self.words += f"{line}\n"

    def _dispatch(self) -> Iterator[Event]:
        data, name = "\n".join(self._data), self._name
        self._data, self._name = [], ""
        if data.strip():
            yield Event(data, name)
