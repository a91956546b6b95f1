"""What the events of a chat completion say, without I/O: text, the end, the usage, or what went wrong.

The shapes differ from service to service, so that every field is read as it may come: text as a string or in parts, in
`delta`, `message` or `text`; the usage in a chunk of its own or in the last one; a fault as a string, an object or fields
of its own, in an answer that is called a success. What says nothing to us is passed over.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from chatserver.errors import BadBytes, NoWords, Refused, Truncated, WrongAddress
from chatserver.providers import reported_numbers
from chatserver.providers.base import ChatChunk, LengthLimitReached, Retracted, TextDelta, Usage
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.reasoning import ReasoningFilter
from chatserver.providers.sse import Event

# TGI's words for what it answers before a stream as a status.
_STATUSES = {"validation": 422, "overloaded": 503}
# "Not yet", as some write it.
_NO_REASON = {"null", "none"}
_LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
_FILTERED = {"content_filter", "safety", "prohibited_content", "blocklist"}
_BROKEN = {"error", "abort", "aborted"}
# The parts of a text that comes in parts, by their type; a part of another type is no text.
_TEXTUAL = {"", "text", "output_text", "refusal"}
# What a text may hold without one word to see.
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


class Reading:
    """What an answer has told so far: whether it has ended, and what it cost.

    `began` is true once anything came that only such a service sends, `alive` once the model has written or thought.
    """

    def __init__(self, *, thinking: bool = False) -> None:
        self.ended = False
        self.finished = False
        self.began = False
        self.alive = False
        self.usage: Usage | None = None
        self._cut = False
        self._wordless = ""
        self._streamed = False
        self._spoke = False
        # The first half of a character that its escapes cut in two.
        self._half = ""
        self.thinking = ReasoningFilter(opened=thinking)

    def take(self, event: Event) -> Iterator[ChatChunk]:
        """The steps of one event; none for all that carries no text. Raises the fault that an event tells."""
        if event.name == "error":
            raise _told_by_event(event.data)
        for document in _documents(event.data):
            if document is None:
                self.ended = self.began = True
                return
            if isinstance(document, Mapping):
                yield from self._show(self._chunk(document, whole=event.raw))
                self.began = self.began or _is_one(document)

    def finish(self) -> Iterator[ChatChunk]:
        """The steps after the last event. Raises what an answer lacks that only stopped, or has no words."""
        back, text = self.thinking.flush()
        yield from self._steps(back, text + self._half)
        if self.usage:
            yield self.usage
        if not self.began:
            raise WrongAddress
        if not (self.ended or self.finished):
            raise Truncated
        if not self._spoke:
            raise NoWords(self._without_words())
        if self._cut:
            yield LengthLimitReached()

    def _show(self, text: str) -> Iterator[ChatChunk]:
        if text:
            self.alive = True
            yield from self._steps(*self.thinking.feed(self._in_whole_characters(text)))

    def _in_whole_characters(self, text: str) -> str:
        text = (self._half + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return text.removesuffix(self._half)

    def _steps(self, back: bool, text: str) -> Iterator[ChatChunk]:
        if back:
            self._spoke = False
            yield Retracted()
        if text:
            self._spoke = self._spoke or any(unicodedata.category(each) not in _UNSEEN for each in text)
            yield TextDelta(text)

    def _chunk(self, chunk: Mapping[str, Any], *, whole: bool) -> str:
        choice = _choice(chunk)
        _check(chunk, choice)
        usage = _usage(chunk)
        self.usage = usage or self.usage
        if choice is None:
            # The chunk with the usage has no choices, and is the last; before the first word it is none.
            self.finished = self.finished or (usage is not None and self.alive)
            return ""
        text = self._text(choice)
        self._note_end(choice.get("finish_reason") or choice.get("done_reason") or (choice.get("done") and "stop"))
        # A server that does not stream answers with one document, whatever it was asked for.
        self.finished = self.finished or (whole and not choice.get("delta") and "done" not in choice)
        return text

    def _note_end(self, reason: Any) -> None:
        word = str(reason or "null").casefold()
        if word in _NO_REASON:
            return
        if word in _FILTERED:
            raise Refused("The assistant's service stopped this answer because of its own rules.")
        if word in _BROKEN:
            raise Truncated
        self.finished = True
        self._cut = self._cut or word in _LENGTH

    def _text(self, choice: Mapping[str, Any]) -> str:
        for name in ("delta", "message"):
            part = choice.get(name)
            if not part or (name == "message" and self._streamed):
                # Some repeat the whole answer as a message at the end of its stream.
                continue
            text = self._part(part)
            self._streamed = self._streamed or (name == "delta" and bool(text))
            return text
        return _words(choice.get("text")) or _words(choice.get("content"))

    def _part(self, part: Any) -> str:
        if not isinstance(part, Mapping):
            return _words(part)
        if any(part.get(name) for name in _THOUGHTS) or _thinks(part.get("content")):
            self.alive, self._wordless = True, "thoughts"
        if part.get("tool_calls") or part.get("function_call"):
            self.alive, self._wordless = True, "tools"
        return _words(part.get("content")) or _words(part.get("refusal"))

    def _without_words(self) -> str | None:
        if self._wordless == "tools":
            return "The assistant answered with a call of a tool, which this server does not have, and not with words."
        if self._wordless == "thoughts" or self.thinking.found:
            why = "reached its longest length while it was" if self._cut else "ended while it was still"
            return f"The assistant {why} thinking, before a word of its answer. Please ask again, or for less at once."
        return None


def _documents(data: str) -> Iterator[Any]:
    """The JSON of an event, None for its end mark; more than one where a server leaves the empty lines out."""
    data = data.strip().removeprefix("\ufeff")
    if not data:
        return
    if data.strip("[]\"' ").upper() == "DONE":
        yield None
        return
    try:
        yield reported_numbers.read_json(data)
    except ValueError as error:
        lines = data.split("\n")
        if len(lines) > 1:
            for line in lines:
                yield from _documents(line)
        elif data[:1] in "{[":
            raise BadBytes("The assistant's service sent something that could not be read.") from error
        # Anything else is a word of its own between the events: "ping", "keep-alive".


def _is_one(document: Mapping[str, Any]) -> bool:
    return any(name in document for name in ("choices", "message", "done", "usage", "delta")) or (
        str(document.get("object", "")).startswith("chat.completion")
    )


def _choice(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match chunk.get("choices"):
        case [*choices] if choices:
            return next((choice for choice in choices if isinstance(choice, Mapping)), None)
        case Mapping() as choice if choice:
            return choice
    # Ollama's own protocol has the message itself; some proxies send the inside of a choice alone.
    return chunk if isinstance(chunk.get("message"), Mapping) or chunk.get("delta") else None


def _check(chunk: Mapping[str, Any], choice: Mapping[str, Any] | None) -> None:
    """Raises what an event inside the stream says went wrong, in any of the shapes that services use."""
    error = chunk.get("error") or chunk.get("error_message") or (choice and choice.get("error"))
    if not error and choice is None and not chunk.get("usage"):
        words = any(isinstance(chunk.get(name), str) for name in ("message", "msg"))
        error = chunk.get("errors") or chunk.get("detail") or (words and chunk)
    if error or chunk.get("object") == "error":
        raise _told(chunk, error if isinstance(error, Mapping) else None)


def _told_by_event(data: str) -> Exception:
    try:
        document = reported_numbers.read_json(data)
    except ValueError:
        document = data
    return _told(document if isinstance(document, Mapping) else {"error": document})


def _told(chunk: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> Exception:
    inside = error or (chunk["error"] if isinstance(chunk.get("error"), Mapping) else {})
    numbered = [inside.get("http_status_code"), inside.get("code"), inside.get("status"), chunk.get("code")]
    status = next((found for found in map(_status, [*numbered, chunk.get("status")]) if found), None)
    kinds = [chunk.get("error_type"), inside.get("type"), inside.get("code"), chunk.get("type")]
    kind = " ".join(str(kind) for kind in kinds if isinstance(kind, str))
    return error_from_text(message_in(chunk) or message_in(inside), kind, status or _STATUSES.get(kind))


def _status(value: Any) -> int | None:
    status = reported_numbers.count(value, 599)
    return status if status is not None and status >= 400 else None


def _words(content: Any) -> str:
    """The text of a content: a string, a part, or a list of both."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_words(part) for part in content)
    if isinstance(content, Mapping) and str(content.get("type") or "") in _TEXTUAL:
        return _words(
            next((content[name] for name in ("text", "content", "value", "refusal") if content.get(name)), "")
        )
    return ""


def _thinks(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, Mapping) and part.get("type") in _THOUGHTS for part in parts)


def _usage(chunk: Mapping[str, Any]) -> Usage | None:
    """Tokens as counted by the service, under any of their names; None where they are absent or no numbers."""
    usage = chunk.get("usage")
    usage = usage if isinstance(usage, Mapping) else chunk
    tokens_in = _first_count(usage, "prompt_tokens", "input_tokens", "prompt_eval_count")
    tokens_out = _first_count(usage, "completion_tokens", "output_tokens", "eval_count")
    return None if tokens_in is None or tokens_out is None else Usage(tokens_in, tokens_out)


def _first_count(usage: Mapping[str, Any], *names: str) -> int | None:
    counts = (reported_numbers.count(usage.get(name), reported_numbers.MAX_TOKENS) for name in names)
    return next((count for count in counts if count is not None), None)
