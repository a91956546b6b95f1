"""Finds the picture or clip in a response: bytes, base64 or a URL, in whichever field.

Every service has its own field names (`b64_json`, `url`, `images`, `artifacts`, `output` …), some fill several of them, and
some leave the usual one empty. So the whole response is searched, the likeliest names first.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urljoin

from chatserver.errors import BadBytes, BlackedOut, ProviderError
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import HttpResponse
from chatserver.providers.huggingface.inference_call import InferenceCall
from chatserver.providers.huggingface.result_download import checked_type, decode_base64

# Names of fields with a URL, with base64, and of containers of either; the likeliest first.
_URL_FIELDS = ("url", "image_url", "video_url", "uri", "download_url")
_BASE64_FIELDS = ("b64_json", "base64", "b64", "image_base64", "b64_image")
_CONTAINERS = ("data", "images", "image", "videos", "video", "artifacts", "outputs", "output", "results", "result")
# Fields that repeat the request or describe the work, and never hold the result.
_IGNORED_FIELDS = {
    *("parameters", "input", "inputs", "request", "prompt", "metadata", "meta", "info", "urls", "logs", "usage"),
    *("error", "errors", "detail", "thumbnail", "webhook", "status_url", "response_url", "cancel_url"),
}
# Fields in which services say of each picture whether their safety check found something in it.
_FLAGS = ("has_nsfw_concepts", "has_nsfw_contents", "has_nsfw_content", "nsfw_content_detected")
_MAX_DEPTH = 8
# Candidates that are tried: a response may hold several pictures, or one in several forms.
_MAX_CANDIDATES = 4
_BASE64 = re.compile(r"\s*(b?['\"])?[\w+/\s-]{40,}=*['\"]?\s*", re.ASCII)
# A path without a host. Base64 has no dot.
_PATH = re.compile(r"[^\s<>\"{}]{1,2000}\.(png|jpe?g|webp|avif|gif|bmp|tiff?|mp4|webm)(\?\S*)?", re.I)


class _Candidate(NamedTuple):
    """A text that may be a file: its URL, or the file itself in base64."""

    text: str
    is_url: bool


async def file_in_response(call: InferenceCall, answer: HttpResponse) -> bytes:
    """The file in a successful response. Raises the error that it reports, or BadBytes where it holds no file."""
    body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if body[:1] in {b"{", b"[", b'"'}:
        return await file_in_document(call, answer.json())
    if _is_data(text := body[:200].decode("latin-1")) or _BASE64.fullmatch(text):
        return checked_type(await decode_base64(body.decode("latin-1"), call.max_file_bytes), call.request.kind)
    return checked_type(answer.body, call.request.kind)


async def file_in_document(call: InferenceCall, document: Any) -> bytes:
    """The file in a JSON document. Raises the error that it reports, BlackedOut, or BadBytes where it holds no file."""
    check_not_blacked_out(document)
    first: ProviderError | None = None
    for candidate in islice(_candidates(document), _MAX_CANDIDATES):
        try:
            return await _bytes_of(call, candidate)
        except ProviderError as error:
            first = first or error
    raise first or _reported_error(document)


def check_not_blacked_out(document: Any) -> None:
    """Raises BlackedOut where a document flags its first picture: the service does not fail, but sends a black one."""
    flags = [document.get(name) for name in _FLAGS] if isinstance(document, Mapping) else []
    if any(flag is True or (isinstance(flag, list) and flag[:1] == [True]) for flag in flags):
        raise BlackedOut


def _reported_error(document: Any) -> ProviderError:
    words = message_in(document) if isinstance(document, Mapping) else ""
    match document:
        case {"data": [Mapping() as instead, *_]} if not words:
            return _reported_error(instead)
    if not words:
        return BadBytes("The picture service's answer held no picture.")
    inside = document["error"] if isinstance(document.get("error"), Mapping) else {}
    kinds = [document.get("error_type"), document.get("type"), inside.get("type"), inside.get("code")]
    return error_from_text(words, " ".join(kind for kind in kinds if isinstance(kind, str)))


async def _bytes_of(call: InferenceCall, candidate: _Candidate) -> bytes:
    if not candidate.is_url or _is_data(candidate.text):
        return checked_type(await decode_base64(candidate.text, call.max_file_bytes), call.request.kind)
    return await call.results.fetch(_address(call, candidate.text), call.request.kind, call.deadline)


def _address(call: InferenceCall, text: str) -> str:
    """The URL of a file. A self-hosted server may give a path on itself."""
    try:
        return urljoin(f"{call.base}/", text) if call.self_hosted else text
    except ValueError as error:
        raise BadBytes("The picture service pointed to an address that cannot be read.") from error


def _candidates(document: Any, depth: int = 0) -> Iterator[_Candidate]:
    """Every text in a document that may be a file, the likeliest first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(document, str):
        yield from _candidate(document)
    elif isinstance(document, list):
        for part in document:
            yield from _candidates(part, depth + 1)
    elif isinstance(document, Mapping):
        yield from _candidates_in_mapping(document, depth)


def _candidates_in_mapping(document: Mapping[str, Any], depth: int) -> Iterator[_Candidate]:
    for names, is_url in ((_BASE64_FIELDS, False), (_URL_FIELDS, True)):
        for name in names:
            # Such a field is meant to hold the file: where it is invalid, that is the error to report.
            if isinstance(text := document.get(name), str) and text.strip():
                yield _Candidate(text, is_url or _is_http(text))
    rest = [name for name in document if name not in _CONTAINERS and name not in _IGNORED_FIELDS]
    for name in (*_CONTAINERS, *rest):
        value = document.get(name)
        if not (isinstance(value, str) and name in _BASE64_FIELDS + _URL_FIELDS):
            yield from _candidates(value, depth + 1)


def _candidate(text: str) -> Iterator[_Candidate]:
    if _is_http(text) or (_PATH.fullmatch(text) and not _is_data(text)):
        yield _Candidate(text, is_url=True)
    elif _is_data(text) or _BASE64.fullmatch(text[:200]):
        yield _Candidate(text, is_url=False)


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"


def _is_http(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://", "//"))
