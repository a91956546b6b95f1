"""Reads a chat completion from its events: text, the end, the usage, or an error. Without I/O.

Services differ in their JSON, so every field is read in all known forms: text as a string or in parts, in `delta`,
`message` or `text`; the usage in a separate chunk or in the last one; an error as a string, an object or separate fields,
in a response with status 200. Unknown fields are ignored.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from chatserver.errors import BadBytes, NoWords, Refused, Truncated, WrongAddress
from chatserver.providers import reported_numbers
from chatserver.providers.base import ChatChunk, LengthLimitReached, Retracted, TextDelta, Usage
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.openai_chat.sse import ServerSentEvent
from chatserver.providers.reasoning import ReasoningFilter

# Values of `status`, `type` or `event` with which gateways keep a connection alive while a request waits.
_WAITING = {
    *("queued", "queueing", "in_queue", "pending", "waiting", "loading", "starting", "initializing", "scheduled"),
    *("accepted", "processing", "in_progress", "running", "ping", "heartbeat", "keepalive", "keep-alive"),
}
# MiniMax reports errors as numbers in `base_resp`, in a response with status 200: the status that each stands for.
_MINIMAX_STATUSES = {
    1001: 504, 1002: 429, 1004: 401, 1008: 402, 1024: 503, 1026: 451, 1027: 451, 1033: 503, 1039: 429, 2013: 400, 2049: 401,
    2056: 429,
}  # fmt: skip
_MINIMAX_FILTERED = {1026, 1027}
# TGI's error types, with the status that it uses for them before a stream.
_STATUSES = {"validation": 422, "overloaded": 503}
# Lines of one event that are no JSON: a server that writes more of them does not write answers.
_MAX_WORDS = 1_000
# Values of `finish_reason` that mean: not finished.
_NOT_FINISHED = {"null", "none"}
_LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
_FILTERED = {"content_filter", "safety", "prohibited_content", "blocklist"}
_BROKEN = {"error", "abort", "aborted"}
# The types of content parts that hold text.
_TEXT_PARTS = {"", "text", "output_text", "refusal"}
# The Unicode categories of invisible characters.
_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
_UNREADABLE = "The assistant's service sent something that could not be read."
_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details", "thinking")


class AnswerReader:
    """The state of one answer.

    `recognized` is true once an event came that only a chat service sends, `started` once the model has sent text or
    reasoning, `finished` after a finish reason, and `ended` after the end mark.
    """

    def __init__(self, *, reasoning_first: bool = False) -> None:
        self.ended = False
        self.finished = False
        self.recognized = False
        self.started = False
        self.usage: Usage | None = None
        self._length_limited = False
        self._textless_kind = ""
        self._streamed = False
        # The text of `message` fields, and the number of those that said nothing about more to come.
        self._message_text = ""
        self._messages = 0
        self._has_text = False
        # A high surrogate at the end of a chunk, whose low surrogate comes with the next one.
        self._surrogate = ""
        self.reasoning = ReasoningFilter(opened=reasoning_first)

    def feed(self, event: ServerSentEvent) -> Iterator[ChatChunk]:
        """The chunks of one event. Raises the error that an event reports."""
        if event.name == "error":
            raise _error_in_event(event.data)
        for document in _documents(event.data):
            if document is None:
                self.ended = self.recognized = True
                return
            # Some gateways wrap completions and errors into a list.
            for each in document if isinstance(document, list) else [document]:
                if isinstance(each, Mapping):
                    yield from self._show(self._text_of(each, whole=event.raw))
                    self.recognized = self.recognized or _is_completion(each)

    def end(self) -> Iterator[ChatChunk]:
        """The chunks after the last event. Raises WrongAddress, Truncated or NoWords for an incomplete answer."""
        retract, text = self.reasoning.flush()
        yield from self._chunks(retract, text + self._surrogate)
        if self.usage:
            yield self.usage
        if not self.recognized:
            raise WrongAddress
        # One `message` and nothing else is a whole answer, sent as an event by a server that does not stream.
        whole = self._messages == 1 and not self._streamed
        if not (self.ended or self.finished or whole):
            raise Truncated
        if not self._has_text:
            raise NoWords(self._why_no_text())
        if self._length_limited:
            yield LengthLimitReached()

    def _show(self, text: str) -> Iterator[ChatChunk]:
        if text:
            self.started = True
            yield from self._chunks(*self.reasoning.feed(self._joined_surrogates(text)))

    def _joined_surrogates(self, text: str) -> str:
        text = (self._surrogate + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        self._surrogate = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        return text.removesuffix(self._surrogate)

    def _chunks(self, retract: bool, text: str) -> Iterator[ChatChunk]:
        if retract:
            self._has_text = False
            yield Retracted()
        if text:
            self._has_text = self._has_text or any(unicodedata.category(each) not in _INVISIBLE for each in text)
            yield TextDelta(text)

    def _text_of(self, chunk: Mapping[str, Any], *, whole: bool) -> str:
        choice = _choice(chunk)
        _check(chunk, choice)
        usage = _usage(chunk)
        self.usage = usage or self.usage
        if choice is None:
            # The last chunk has the usage and no choices. Before the first text it is not the last.
            self.finished = self.finished or (usage is not None and self.started)
            return ""
        text = self._text(choice)
        self._set_finish_reason(
            choice.get("finish_reason") or choice.get("done_reason") or (choice.get("done") and "stop")
        )
        # A server without streaming answers with one document.
        self.finished = self.finished or (whole and not choice.get("delta") and "done" not in choice)
        return text

    def _set_finish_reason(self, reason: Any) -> None:
        value = str(reason or "null").casefold()
        if value in _NOT_FINISHED:
            return
        if value in _FILTERED:
            raise Refused("The assistant's service stopped this answer because of its own rules.")
        if value in _BROKEN:
            raise Truncated
        self.finished = True
        self._length_limited = self._length_limited or value in _LENGTH

    def _text(self, choice: Mapping[str, Any]) -> str:
        for name in ("delta", "message"):
            part = choice.get(name)
            if not part or (name == "message" and self._streamed):
                # Some servers repeat the whole answer as a message at the end of the stream.
                continue
            text = self._part(part)
            if name == "delta":
                self._streamed = self._streamed or bool(text)
                return text
            return self._new_text(choice, text)
        return _text_in(choice.get("text")) or _text_in(choice.get("content"))

    def _new_text(self, choice: Mapping[str, Any], text: str) -> str:
        """The text of a `message` that was not sent yet: Ollama sends pieces (with `done`), others all text so far."""
        if "done" in choice:
            return text
        self._messages += 1
        known, self._message_text = self._message_text, text
        if text.startswith(known):
            return text.removeprefix(known)
        self._message_text = known + text
        return text

    def _part(self, part: Any) -> str:
        if not isinstance(part, Mapping):
            return _text_in(part)
        if any(part.get(name) for name in _REASONING_FIELDS) or _has_reasoning(part.get("content")):
            self.started, self._textless_kind = True, "reasoning"
        if part.get("tool_calls") or part.get("function_call"):
            self.started, self._textless_kind = True, "tools"
        return _text_in(part.get("content")) or _text_in(part.get("refusal"))

    def _why_no_text(self) -> str | None:
        if self._textless_kind == "tools":
            return "The assistant answered with a call of a tool, which this server does not have, and not with words."
        if self._textless_kind == "reasoning" or self.reasoning.found:
            why = "reached its longest length while it was" if self._length_limited else "ended while it was still"
            return f"The assistant {why} thinking, before a word of its answer. Please ask again, or for less at once."
        return None


def _documents(data: str) -> Iterator[Any]:
    """The JSON documents of an event, None for the end mark; several where a server omits the empty lines between events."""
    data = data.strip().removeprefix("\ufeff")
    if not data:
        return
    if data.strip("[]\"' ").upper() == "DONE":
        yield None
        return
    try:
        yield reported_numbers.read_json(data)
    except ValueError as error:
        if "\n" in data:
            yield from _documents_of_lines(data.split("\n"))
        elif data[:1] in "{[":
            raise BadBytes(_UNREADABLE) from error
        # Anything else is a keep-alive text between events, such as "ping".


def _documents_of_lines(lines: list[str]) -> Iterator[Any]:
    without = 0
    for line in lines:
        found = list(_documents(line))
        yield from found
        without += not found
        if without > _MAX_WORDS:
            raise BadBytes(_UNREADABLE)


def _is_completion(document: Mapping[str, Any]) -> bool:
    return (
        any(name in document for name in ("choices", "done", "usage", "delta"))
        or isinstance(document.get("message"), Mapping)
        or str(document.get("object", "")).startswith("chat.completion")
    )


def _choice(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match chunk.get("choices"):
        case [*choices] if choices:
            return next((choice for choice in choices if isinstance(choice, Mapping)), None)
        case Mapping() as choice if choice:
            return choice
    # Ollama's own protocol has the message directly; some proxies send only the content of a choice.
    return chunk if isinstance(chunk.get("message"), Mapping) or chunk.get("delta") else None


def _check(chunk: Mapping[str, Any], choice: Mapping[str, Any] | None) -> None:
    """Raises the error that an event in the stream reports, in any of its forms."""
    if minimax := _minimax_error(chunk):
        raise minimax
    error = chunk.get("error") or chunk.get("error_message") or (choice and choice.get("error"))
    if not error and choice is None and not chunk.get("usage") and not _is_waiting(chunk):
        words = any(isinstance(chunk.get(name), str) for name in ("message", "msg"))
        error = chunk.get("errors") or chunk.get("detail") or (words and chunk)
    if error or chunk.get("object") == "error":
        raise _error_in(chunk, error if isinstance(error, Mapping) else None)


def _is_waiting(chunk: Mapping[str, Any]) -> bool:
    return any(str(chunk.get(name) or "").casefold() in _WAITING for name in ("status", "state", "type", "event"))


def _minimax_error(chunk: Mapping[str, Any]) -> Exception | None:
    result = chunk.get("base_resp")
    code = reported_numbers.count(result.get("status_code"), 1_000_000) if isinstance(result, Mapping) else None
    if not isinstance(result, Mapping) or not code:
        return None
    kind = "content policy" if code in _MINIMAX_FILTERED else ""
    return error_from_text(_text_in(result.get("status_msg")), kind, _MINIMAX_STATUSES.get(code))


def _error_in_event(data: str) -> Exception:
    try:
        document = reported_numbers.read_json(data)
    except ValueError:
        document = data
    return _error_in(document if isinstance(document, Mapping) else {"error": document})


def _error_in(chunk: Mapping[str, Any], error: Mapping[str, Any] | None = None) -> Exception:
    inside = error or (chunk["error"] if isinstance(chunk.get("error"), Mapping) else {})
    numbered = [inside.get("http_status_code"), inside.get("code"), inside.get("status"), chunk.get("code")]
    status = next((found for found in map(_status, [*numbered, chunk.get("status")]) if found), None)
    kinds = [chunk.get("error_type"), inside.get("type"), inside.get("code"), chunk.get("type")]
    kind = " ".join(str(kind) for kind in kinds if isinstance(kind, str))
    return error_from_text(message_in(chunk) or message_in(inside), kind, status or _STATUSES.get(kind))


def _status(value: Any) -> int | None:
    status = reported_numbers.count(value, 599)
    return status if status is not None and status >= 400 else None


def _text_in(content: Any) -> str:
    """The text of a content: a string, a part, or a list of both."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_text_in(part) for part in content)
    if isinstance(content, Mapping) and str(content.get("type") or "") in _TEXT_PARTS:
        return _text_in(
            next((content[name] for name in ("text", "content", "value", "refusal") if content.get(name)), "")
        )
    return ""


def _has_reasoning(content: Any) -> bool:
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, Mapping) and part.get("type") in _REASONING_FIELDS for part in parts)


def _usage(chunk: Mapping[str, Any]) -> Usage | None:
    """The counted tokens, under any of their names; None where they are absent or invalid."""
    usage = chunk.get("usage")
    usage = usage if isinstance(usage, Mapping) else chunk
    tokens_in = _first_count(usage, "prompt_tokens", "input_tokens", "prompt_eval_count")
    tokens_out = _first_count(usage, "completion_tokens", "output_tokens", "eval_count")
    return None if tokens_in is None or tokens_out is None else Usage(tokens_in, tokens_out)


def _first_count(usage: Mapping[str, Any], *names: str) -> int | None:
    counts = (reported_numbers.count(usage.get(name), reported_numbers.MAX_TOKENS) for name in names)
    return next((count for count in counts if count is not None), None)
