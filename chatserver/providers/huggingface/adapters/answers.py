"""The picture or clip in an answer, whichever of its fields holds it: bytes, base64 or an address.

Every service has its own names (`b64_json`, `url`, `images`, `artifacts`, `output` …), some fill in several, and some leave
the usual one empty. So all of an answer is looked through, the likeliest names first, and what is no file is passed over.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urljoin

from chatserver.errors import BadBytes, ProviderError
from chatserver.providers.error_responses import error_from_text, message_in
from chatserver.providers.http import Answer
from chatserver.providers.huggingface.job import Job
from chatserver.providers.huggingface.results import decoded, sniffed

# Names of an address, of a file's own bytes in base64, and of what may hold either; the likeliest first.
_ADDRESSES = ("url", "image_url", "video_url", "uri", "download_url")
_CODED = ("b64_json", "base64", "b64", "image_base64", "b64_image")
_HOLDERS = ("data", "images", "image", "videos", "video", "artifacts", "outputs", "output", "results", "result")
# What a service repeats of the request, or says about the work: no file of its making.
_OTHERS = {
    *("parameters", "input", "inputs", "request", "prompt", "metadata", "meta", "info", "urls", "logs", "usage"),
    *("error", "errors", "detail", "thumbnail", "webhook", "status_url", "response_url", "cancel_url"),
}
_DEEPEST = 8
# Files that are tried before an answer is given up: several pictures of one call, or one in several forms.
_MOST_TRIED = 4
_BASE64 = re.compile(r"[\w+/\s-]{40,}=*\s*", re.ASCII)
# A path without its host. No base64 has a dot.
_PATH = re.compile(r"[^\s<>\"{}]{1,2000}\.(png|jpe?g|webp|avif|gif|bmp|tiff?|mp4|webm)(\?\S*)?", re.I)


class _Found(NamedTuple):
    """A text that may be a file: its address, or the file itself in base64."""

    text: str
    is_address: bool


async def file_in(job: Job, answer: Answer) -> bytes:
    """The file of a successful answer. Raises what it says went wrong, or BadBytes where it holds none."""
    body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if body[:1] in {b"{", b"[", b'"'}:
        return await file_of(job, answer.json())
    if _is_data(text := body[:200].decode("latin-1")) or _BASE64.fullmatch(text):
        return sniffed(await decoded(body.decode("latin-1"), job.cap), job.request.kind)
    return sniffed(answer.body, job.request.kind)


async def file_of(job: Job, document: Any) -> bytes:
    """The file of a document. Raises what it says went wrong, or BadBytes where it holds none."""
    first: ProviderError | None = None
    for found in islice(_files(document), _MOST_TRIED):
        try:
            return await _fetched(job, found)
        except ProviderError as error:
            first = first or error
    raise first or _told(document)


def _told(document: Any) -> ProviderError:
    words = message_in(document) if isinstance(document, Mapping) else ""
    match document:
        case {"data": [Mapping() as instead, *_]} if not words:
            return _told(instead)
    if not words:
        return BadBytes("The picture service's answer held no picture.")
    inside = document["error"] if isinstance(document.get("error"), Mapping) else {}
    kinds = [document.get("error_type"), document.get("type"), inside.get("type"), inside.get("code")]
    return error_from_text(words, " ".join(kind for kind in kinds if isinstance(kind, str)))


async def _fetched(job: Job, found: _Found) -> bytes:
    if not found.is_address or _is_data(found.text):
        return sniffed(await decoded(found.text, job.cap), job.request.kind)
    # A path is meant on the server that says it, where that is the operator's own.
    address = urljoin(f"{job.base}/", found.text) if job.self_hosted else found.text
    return await job.results.fetch(address, job.request.kind, job.deadline)


def _files(document: Any, deep: int = 0) -> Iterator[_Found]:
    """Every text in a document that may be a file, the likeliest first."""
    if deep > _DEEPEST:
        return
    if isinstance(document, str):
        yield from _file(document)
    elif isinstance(document, list):
        for part in document:
            yield from _files(part, deep + 1)
    elif isinstance(document, Mapping):
        yield from _files_among(document, deep)


def _files_among(document: Mapping[str, Any], deep: int) -> Iterator[_Found]:
    for names, is_address in ((_CODED, False), (_ADDRESSES, True)):
        for name in names:
            # Under such a name it is meant to be one, and what is wrong with it is worth an error.
            if isinstance(text := document.get(name), str) and text.strip():
                yield _Found(text, is_address or _is_http(text))
    rest = [name for name in document if name not in _HOLDERS and name not in _OTHERS]
    for name in (*_HOLDERS, *rest):
        value = document.get(name)
        if not (isinstance(value, str) and name in _CODED + _ADDRESSES):
            yield from _files(value, deep + 1)


def _file(text: str) -> Iterator[_Found]:
    if _is_http(text) or (_PATH.fullmatch(text) and not _is_data(text)):
        yield _Found(text, is_address=True)
    elif _is_data(text) or _BASE64.fullmatch(text[:200]):
        yield _Found(text, is_address=False)


def _is_data(text: str) -> bool:
    return text[:5].lower() == "data:"


def _is_http(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://", "//"))
