"""The websocket protocol without I/O: frames, close codes and commands. docs/protocol.md is the contract."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from chatserver import validation
from chatserver.errors import ChatserverError, Invalid, Malformed
from chatserver.realtime.limits import BATCH_BYTES

JSON = "chat.v1.json"
HTML = "chat.v1.html"

# The deepest nesting of a command, whatever the interpreter's recursion limit is.
MAX_DEPTH = 8
# A 64-bit integer has at most twenty digits with its sign; parsing longer numbers costs time.
MAX_DIGITS = 20


class Close(IntEnum):
    """Why a socket is closed. 4000–4499: reconnect; 4500–4999: do not."""

    DONE = 1000
    NOT_UTF8 = 1007
    ERROR = 1011
    RESTARTING = 1012
    BAD_FRAME = 4400
    TOO_SLOW = 4408
    FLOODING = 4429
    NOT_SIGNED_IN = 4501
    BAD_ORIGIN = 4503
    NO_SESSION = 4504
    ACCOUNT_CLOSED = 4512
    CLIENT_TOO_OLD = 4520


# The reasons of closes after which the user has no access any more.
CLOSE_REASONS = {
    Close.NOT_SIGNED_IN: "signed out",
    Close.NO_SESSION: "no such session",
    Close.ACCOUNT_CLOSED: "account closed",
}


def retry_reason(seconds: float) -> str:
    """The reason of a close that says when to reconnect: whole seconds, at least one."""
    return f"retry_after={max(math.ceil(seconds), 1)}"


# To the client ----------------------------------------------------------------------------------------------------

PING_FRAME = b"\x89\x00"


def text_frame(payload: bytes) -> bytes:
    """One unmasked, final text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1) + payload
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def payload_of(frame: bytes) -> bytes:
    """The payload of a frame made by `text_frame`."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def array_frame(events: Iterable[bytes]) -> bytes:
    """Encoded events as one frame: a JSON array."""
    return text_frame(b"[" + b",".join(events) + b"]")


def batches(sizes: Sequence[int]) -> Iterator[slice]:
    """Cuts events, given by their sizes in bytes, into batches of BATCH_BYTES; a larger event is a batch by itself."""
    start = total = 0
    for index, size in enumerate(sizes):
        if index > start and total + size > BATCH_BYTES:
            yield slice(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))


# From the client --------------------------------------------------------------------------------------------------


class BadFrame(Exception):
    """The text is not a JSON object: there is no `ref` to answer, so the socket is closed with 4400."""


class CommandFrame(Struct, frozen=True):
    """A command as received: its name, the `ref` for the reply, its other fields, and the `fault` of an invalid one."""

    name: str
    ref: str
    fields: dict[str, Any]
    fault: ChatserverError | None = None


def decode(text: str) -> CommandFrame:
    """Decodes one text of a client. Raises BadFrame where it is not a JSON object; other errors become the `fault`."""
    try:
        value, fault = _strict_json.decode(text)
    except RecursionError:
        return CommandFrame("", "", {}, Malformed("That is nested too deeply."))
    except ValueError:
        raise BadFrame from None
    if not isinstance(value, dict):
        raise BadFrame
    return _command_frame(value, fault)


def _command_frame(value: dict[str, Any], fault: ChatserverError | None) -> CommandFrame:
    name, ref = value.pop("type", None), value.pop("ref", "")
    if not isinstance(ref, str):
        return CommandFrame("", "", {}, fault or Invalid.field("ref", "must be a text"))
    if not _is_unicode(ref):
        return CommandFrame(
            "", ref.encode(errors="replace").decode(), {}, Invalid.field("ref", "must be valid Unicode")
        )
    if not isinstance(name, str):
        return CommandFrame("", ref, {}, fault or Malformed("A command has a type.", details={"field": "type"}))
    return CommandFrame(name, ref, value, fault or _find_fault(value))


class _StrictJson:
    """Rejects what Python's parser accepts: repeated keys, NaN, infinite and very long numbers."""

    def __init__(self) -> None:
        self._fault: ChatserverError | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_constant=self._constant,
            parse_int=self._integer,
            parse_float=self._number,
        )

    def decode(self, text: str) -> tuple[Any, ChatserverError | None]:
        """The value, and the first error in it. Raises ValueError, and RecursionError."""
        self._fault = None
        return self._decoder.decode(text), self._fault

    def _reject(self, why: str) -> None:
        self._fault = self._fault or Malformed(why)

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self._reject("A field is given twice.")
        return value

    def _constant(self, name: str) -> None:
        self._reject(f"{name} is no JSON number.")

    def _integer(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            self._reject("A number is too long.")
            return 0
        return int(digits)

    def _number(self, digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            self._reject("A number is too large.")
        return value


_strict_json = _StrictJson()


def _find_fault(fields: dict[str, Any]) -> ChatserverError | None:
    level: list[tuple[str, Any]] = [("a field's name", name) for name in fields] + list(fields.items())
    for _ in range(MAX_DEPTH):
        for field, value in level:
            if isinstance(value, str) and (why := validation.unreadable(value)):
                return Invalid.field(field, why)
        level = [(field, inner) for field, value in level for inner in _inside(value)]
        if not level:
            return None
    return Malformed("That is nested too deeply.")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def body(fields: dict[str, Any], kind: type[Struct]) -> Struct:
    """Converts the fields of a command to its struct. Raises Invalid, with the field, where they do not fit."""
    try:
        return validation.check(msgspec.convert(fields, kind))
    except msgspec.ValidationError as error:
        raise validation.misfit(error) from None
