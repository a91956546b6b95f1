"""What the events of a chat completion say, without I/O: text, the end, the usage, or what went wrong.

The shapes differ from service to service: the usage comes in a chunk without choices or in the last one, and a fault may
be a string, an object or fields of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from chatserver.errors import BadBytes, Refused, Truncated
from chatserver.providers.base import Text, Usage
from chatserver.providers.faults import spoken_fault, words_of

# TGI's words for what it answers before a stream as a status.
_STATUSES = {"validation": 422, "overloaded": 503}


class Reading:
    """What an answer has told so far: whether it has ended, and what it cost."""

    def __init__(self) -> None:
        self.ended = False
        self.finished = False
        self.usage: Usage | None = None

    def take(self, event: str) -> str:
        """The text of one event; empty for all that carries none. Raises the fault that an event tells."""
        if event.strip() == "[DONE]":
            self.ended = True
            return ""
        try:
            chunk = msgspec.json.decode(event)
        except msgspec.DecodeError as error:
            raise BadBytes("The assistant's service sent something that could not be read.") from error
        return self._chunk(chunk) if isinstance(chunk, dict) else ""

    def take_whole(self, data: bytes) -> Iterator[Text]:
        """The text of an answer that came in one piece."""
        if text := self.take(data.decode("utf-8", "replace")):
            yield Text(text)
        self.ended = True

    def check(self) -> None:
        """Raises Truncated where the answer stopped without its end."""
        if not (self.ended or self.finished):
            raise Truncated

    def _chunk(self, chunk: dict[str, Any]) -> str:
        _check(chunk)
        self.usage = _usage(chunk.get("usage")) or self.usage
        match chunk.get("choices"):
            case [dict(choice), *_]:
                return self._choice(choice)
        # The chunk with the usage has no choices.
        return ""

    def _choice(self, choice: dict[str, Any]) -> str:
        reason = choice.get("finish_reason")
        if reason == "content_filter":
            raise Refused("The assistant's service stopped this answer because of its own rules.")
        self.finished = self.finished or bool(reason)
        part = choice.get("delta") or choice.get("message")
        content = part.get("content") if isinstance(part, dict) else None
        return content if isinstance(content, str) else ""


def _check(chunk: Mapping[str, Any]) -> None:
    """Raises what an event inside the stream says went wrong, in any of the shapes that services use."""
    error = chunk.get("error") or chunk.get("error_message") or (chunk if chunk.get("object") == "error" else None)
    if not error:
        return
    inside = error if isinstance(error, dict) else {}
    status = inside.get("http_status_code") or inside.get("code") or chunk.get("code")
    kind = str(chunk.get("error_type") or inside.get("type") or "")
    raise spoken_fault(words_of(error), kind, _status(status) or _STATUSES.get(kind))


def _status(value: Any) -> int | None:
    return value if isinstance(value, int) and 400 <= value < 600 else None


def _usage(usage: Any) -> Usage | None:
    match usage:
        case {"prompt_tokens": int(tokens_in), "completion_tokens": int(tokens_out)}:
            return Usage(tokens_in, tokens_out)
    return None
