"""Turns a service's error response into a leaf of `chatserver.errors` with a message for people.

Services report the same error in many forms: JSON with `error` as a string, a list or an object, FastAPI's `detail`, plain
text, an HTML page or nothing. The status decides; the message only distinguishes a refusal from a wrong parameter. A short
plain sentence of the service is passed on; markup, long texts and anything like a key are not.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from chatserver.errors import (
    BadParameters,
    InvalidToken,
    ModelGone,
    NoPermission,
    ProviderCreditsUsedUp,
    ProviderDown,
    ProviderError,
    ProviderRateLimited,
    Refused,
    TimedOut,
)
from chatserver.providers.http import HttpResponse
from chatserver.runtime import clock

# Longer than an hour is a wrong header and no rate limit: the job would wait beyond its session.
MAX_WAIT_SECONDS = 3600.0
# "0" would let all workers retry without a pause.
MIN_WAIT_SECONDS = 1.0
# A longer message is not meant for people.
MAX_MESSAGE = 200

_REFUSAL = re.compile(r"content.?polic|nsfw|safety|flagged|inappropriate|moderat|prohibited|sensitive content", re.I)
MODEL_GONE = re.compile(
    r"model_not_(supported|found)|not supported by provider|model\b.{0,120}\b(not supported|not found|does not exist"
    r"|deprecated|not served|no longer)",
    re.I | re.S,
)
# What hf-inference says where what happened is in `warnings`. Beside any other words those are remarks, not the reason.
_UNKNOWN = "unknown error"
_BUSY = re.compile(r"overloaded|too many requests|rate.?limit", re.I)
_KEY = re.compile(r"\b(hf_|sk-|api_|key_)\w{6,}|bearer|authorization", re.I)
# Markup, control characters, marks of direction, and lone surrogates, which no database and no socket takes.
_MARKUP = re.compile("[<>{}\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Statuses that decide alone, whatever the body holds.
_BY_STATUS: dict[int, type[ProviderError]] = {
    401: InvalidToken,
    402: ProviderCreditsUsedUp,
    403: NoPermission,
    404: ModelGone,
    408: TimedOut,
    410: ModelGone,
    429: ProviderRateLimited,
    502: ProviderDown,
    503: ProviderDown,
    504: TimedOut,
}
_REQUEST_ERRORS = (400, 409, 413, 415, 422, 451)


def error_from(answer: HttpResponse) -> ProviderError:
    """The error that an unsuccessful response means."""
    words = message_of(answer)
    kind = _error_class(answer.status, words, answer.headers.get("x-fal-error-type", ""))
    wait = retry_after(answer.headers) if answer.status in {429, 503} else None
    error = kind(_sentence(kind, words, wait), retry_after=wait)
    error.service_message, error.service_status = words[:2000], answer.status
    return error


def error_from_text(words: str, kind: str = "", status: int | None = None) -> ProviderError:
    """The error that a message inside a successful response means: a job that failed, an event in a stream."""
    leaf = _error_class(status or 500, words, kind) if status or _is_telling(words, kind) else ProviderError
    error = leaf(_sentence(leaf, words, None))
    error.service_message, error.service_status = words[:2000], status
    return error


def _is_telling(words: str, kind: str) -> bool:
    return bool(_REFUSAL.search(f"{kind} {words}") or MODEL_GONE.search(words) or _BUSY.search(f"{kind} {words}"))


def _error_class(status: int, words: str, error_type: str) -> type[ProviderError]:
    if status in _REQUEST_ERRORS or status >= 500:
        if _REFUSAL.search(f"{error_type} {words}"):
            return Refused
        if MODEL_GONE.search(words):
            return ModelGone
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in _REQUEST_ERRORS:
        return BadParameters
    return ProviderDown if status > 500 or _BUSY.search(f"{error_type} {words}") else ProviderError


def _sentence(kind: type[ProviderError], words: str, wait: float | None) -> str:
    sentence = " ".join((kind.__doc__ or "").split())
    if kind is ProviderRateLimited and wait is not None:
        sentence = f"The picture service asks us to wait {_duration(wait)}."
    said = public_text(words)
    return f"{sentence} It said: “{said}”" if said and kind is not InvalidToken else sentence


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{math.ceil(seconds)} seconds" if seconds > 1 else "a second"
    return f"{math.ceil(seconds / 60)} minutes"


def public_text(words: str) -> str:
    """The message on one line as people may read it; empty where it is long, or holds markup or anything like a key."""
    line = " ".join(words.split())
    if not line or len(line) > MAX_MESSAGE or _MARKUP.search(line) or _KEY.search(line):
        return ""
    return line


def message_of(answer: HttpResponse) -> str:
    """The message of an unsuccessful response in any of its forms; empty for HTML pages and empty bodies."""
    document = answer.json()
    if document is None:
        content_type = answer.headers.get("Content-Type", "")
        return "" if "html" in content_type else answer.body[:2000].decode("utf-8", "replace")
    return message_in(document)


def message_in(document: Any) -> str:
    """The message in any of the JSON forms of an error; empty where there is none."""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return " ".join(message_in(part) for part in document[:3])
    if isinstance(document, Mapping):
        return _message_in_mapping(document)
    return ""


def _message_in_mapping(document: Mapping[str, Any]) -> str:
    for name in ("error", "message", "error_message", "detail", "details", "msg", "errors", "reason", "description"):
        if words := message_in(document.get(name)):
            warned = message_in(document.get("warnings")) if words.strip().lower() == _UNKNOWN else ""
            return warned or _with_field(document, words)
    return ""


def _with_field(document: Mapping[str, Any], words: str) -> str:
    """The message with the name of its field, which FastAPI and OpenAI give separately."""
    match document:
        case {"loc": [*_, str(field)]} | {"param": str(field)} if field and field not in words:
            return f"{field}: {words}"
    return words


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait: Retry-After (seconds or a date), else the hub's RateLimit where that is spent."""
    value = headers.get("Retry-After", "").strip()
    seconds = (_seconds(value) or _until(value, now or clock.now())) if value else _window(headers)
    if seconds is None or math.isnan(seconds) or seconds < 0:
        return None
    return min(max(seconds, MIN_WAIT_SECONDS), MAX_WAIT_SECONDS)


def _seconds(value: str) -> float | None:
    # float() of thousands of digits is infinite, which MAX_WAIT_SECONDS then bounds.
    return float(value) or MIN_WAIT_SECONDS if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII) else None


def _until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def _window(headers: Mapping[str, str]) -> float | None:
    match = re.search(r"r=(\d+);\s*t=(\d{1,9})", headers.get("RateLimit", ""))
    # With calls left in the window the limit is not the cause.
    return float(match[2]) if match and int(match[1]) == 0 else None
