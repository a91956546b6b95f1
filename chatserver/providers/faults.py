"""What a service answered when it did not do what we asked, as one leaf of `chatserver.errors` with words for people.

Services word the same fault in many shapes: JSON with `error` as a string, a list or an object, FastAPI's `detail`,
plain text, an HTML page or nothing. Statuses decide; the words only tell a refusal from a wrong size. A short plain
sentence of the service is passed on; markup, long texts and anything like a key are not.
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
from chatserver.providers.http import Answer

# Longer than an hour is no rate limit but a wrong header: the job would wait beyond its session.
LONGEST_WAIT_SECONDS = 3600.0
# "0" is honest but would let a fleet of workers knock without a pause.
SHORTEST_WAIT_SECONDS = 1.0
# Beyond this a service is not telling a person anything.
LONGEST_WORDS = 200

_REFUSAL = re.compile(r"content.?polic|nsfw|safety|flagged|inappropriate|moderat|prohibited|sensitive content", re.I)
MODEL_GONE = re.compile(
    r"model_not_(supported|found)|not supported by provider|model\b.{0,120}\b(not supported|not found|does not exist"
    r"|deprecated|not served|no longer)",
    re.I | re.S,
)
_BUSY = re.compile(r"overloaded|too many requests|rate.?limit", re.I)
_KEY = re.compile(r"\b(hf_|sk-|api_|key_)\w{6,}|bearer|authorization", re.I)
_MARKUP = re.compile(r"[<>{}\x00-\x08\x0b-\x1f\x7f]")

# Statuses that say it all, whatever the body holds.
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
_OURS = (400, 409, 413, 415, 422, 451)


def fault(answer: Answer) -> ProviderError:
    """The error that an unsuccessful answer means."""
    words = spoken(answer)
    kind = _kind(answer.status, words, answer.headers.get("x-fal-error-type", ""))
    wait = retry_after(answer.headers) if answer.status in {429, 503} else None
    error = kind(_sentence(kind, words, wait), retry_after=wait)
    error.said, error.answered = words[:2000], answer.status
    return error


def spoken_fault(words: str, kind: str = "", status: int | None = None) -> ProviderError:
    """The error that words mean which came inside a success: a job that failed, an event in a stream."""
    leaf = _kind(status or 500, words, kind) if status or _telling(words, kind) else ProviderError
    error = leaf(_sentence(leaf, words, None))
    error.said, error.answered = words[:2000], status
    return error


def _telling(words: str, kind: str) -> bool:
    return bool(_REFUSAL.search(f"{kind} {words}") or MODEL_GONE.search(words) or _BUSY.search(f"{kind} {words}"))


def _kind(status: int, words: str, error_type: str) -> type[ProviderError]:
    if status in _OURS or status >= 500:
        if _REFUSAL.search(f"{error_type} {words}"):
            return Refused
        if MODEL_GONE.search(words):
            return ModelGone
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in _OURS:
        return BadParameters
    return ProviderDown if status > 500 or _BUSY.search(f"{error_type} {words}") else ProviderError


def _sentence(kind: type[ProviderError], words: str, wait: float | None) -> str:
    sentence = " ".join((kind.__doc__ or "").split())
    if kind is ProviderRateLimited and wait is not None:
        sentence = f"The picture service asks us to wait {_duration(wait)}."
    said = plain(words)
    return f"{sentence} It said: “{said}”" if said and kind is not InvalidToken else sentence


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{math.ceil(seconds)} seconds" if seconds > 1 else "a second"
    return f"{math.ceil(seconds / 60)} minutes"


def plain(words: str) -> str:
    """A service's sentence as far as people may read it: one line, no markup, nothing like a key; otherwise empty."""
    line = " ".join(words.split())
    if not line or len(line) > LONGEST_WORDS or _MARKUP.search(line) or _KEY.search(line):
        return ""
    return line


def spoken(answer: Answer) -> str:
    """The words of an unsuccessful answer, in whichever of its shapes; empty for pages of HTML and for silence."""
    document = answer.json()
    if document is None:
        content_type = answer.headers.get("Content-Type", "")
        return "" if "html" in content_type else answer.body[:2000].decode("utf-8", "replace")
    return words_of(document)


def words_of(document: Any) -> str:
    """The words in any of the JSON shapes of an error."""
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return " ".join(words_of(part) for part in document[:3])
    if isinstance(document, Mapping):
        return _words_in(document)
    return ""


def _words_in(document: Mapping[str, Any]) -> str:
    for name in ("error", "message", "error_message", "detail", "details", "msg", "errors", "reason", "description"):
        if words := words_of(document.get(name)):
            # hf-inference says "unknown error" and puts what happened in `warnings`.
            return words_of(document.get("warnings")) or _with_field(document, words)
    return ""


def _with_field(document: Mapping[str, Any], words: str) -> str:
    """The words with the field that they are about, which FastAPI and OpenAI tell beside them."""
    match document:
        case {"loc": [*_, str(field)]} | {"param": str(field)} if field and field not in words:
            return f"{field}: {words}"
    return words


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait: Retry-After (seconds or a date), else the hub's RateLimit where that is spent."""
    value = headers.get("Retry-After", "").strip()
    seconds = (_seconds(value) or _until(value, now or datetime.now(UTC))) if value else _window(headers)
    if seconds is None or math.isnan(seconds) or seconds < 0:
        return None
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


def _seconds(value: str) -> float | None:
    # A number of any length: float() of thousands of digits is infinite, which the cap then bounds.
    return float(value) or SHORTEST_WAIT_SECONDS if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII) else None


def _until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


def _window(headers: Mapping[str, str]) -> float | None:
    match = re.search(r"r=(\d+);\s*t=(\d{1,9})", headers.get("RateLimit", ""))
    # With calls left in the window the cause lies elsewhere, and its end says nothing.
    return float(match[2]) if match and int(match[1]) == 0 else None
