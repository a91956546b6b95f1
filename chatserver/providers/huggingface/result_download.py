"""Downloads finished files from the URLs that a service gives, without trusting them.

A URL must be https on a listed host and must not lead to a private network. It is fetched without our token and without
following redirects, and the file type is checked by its first bytes, not by its content type.
"""

import asyncio
import base64
import binascii
import fnmatch
import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from chatserver.errors import BadBytes, ProviderDown, ProviderError
from chatserver.providers.base import Kind
from chatserver.providers.http import Deadline, HttpClient, too_large
from chatserver.providers.huggingface.client import HuggingFaceLimits

# The first bytes of the accepted picture formats, besides WebP and AVIF.
_PICTURES = (
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*"),
    *(b"P5\n", b"P6\n", b"P5 ", b"P6 "),
)
# What is not read here, by its first bytes, for the error.
_OTHERS = {
    b"<svg": "an SVG",
    b"<?xml": "an SVG or another XML",
    b"%PDF": "a PDF",
    b"\0\0\1\0": "an icon (ICO)",
    b"8BPS": "a Photoshop file",
    b"v/1\x01": "an OpenEXR file",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 file",
    b"\xff\x4f\xff\x51": "a JPEG 2000 file",
    b"\xff\x0a": "a JPEG XL file",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL file",
}
_TGA_FOOTER = b"TRUEVISION-XFILE."
# From the URL-safe base64 alphabet to the standard one.
_STANDARD = str.maketrans("-_", "+/")
# More base64 than this is decoded in a thread: a megabyte takes about a millisecond.
DECODE_OFF_LOOP = 1024 * 1024

log = structlog.get_logger(__name__)


class ResultDownloader:
    """Downloads finished files. `hosts` are exact hosts, `*.wildcards`, or origins such as http://127.0.0.1:9900.

    A host listed exactly may be private (a server in the operator's own network); plain http needs the whole origin.
    """

    def __init__(self, hosts: tuple[str, ...], limits: HuggingFaceLimits) -> None:
        self._hosts = tuple(host.lower().rstrip("/") for host in hosts)
        self._limits = limits
        self._http = HttpClient(resolver=_GuardedResolver(self._may_be_private))

    async def fetch(self, url: Any, kind: Kind, deadline: Deadline) -> bytes:
        """The bytes of a picture or clip. Raises BadBytes for a URL or bytes that are not accepted."""
        if isinstance(url, str) and url[:5].lower() == "data:":
            return checked_type(await decode_base64(url, self._max_bytes(kind)), kind)
        address = self._checked(url)
        answer = await self._http.call(
            "GET",
            str(address),
            headers={"Accept": f"{kind}/*"},
            max_bytes=self._max_bytes(kind),
            seconds=deadline.remaining(self._limits.video_seconds),
            idle_seconds=self._limits.query_seconds,
        )
        if not answer.ok:
            log.info("huggingface.result_download_failed", status=answer.status, host=address.host)
            raise _download_error(answer.status)
        return checked_type(answer.body, kind)

    async def close(self) -> None:
        """Gives back the connections."""
        await self._http.close()

    def _max_bytes(self, kind: Kind) -> int:
        return self._limits.video_bytes if kind == "video" else self._limits.image_bytes

    def _checked(self, url: Any) -> URL:
        address = _parsed(url)
        # ASCII and lower case, as in the list of hosts.
        host = address.raw_host or ""
        if address.scheme in {"http", "https"} and str(address.origin()) in self._hosts:
            return address
        listed = any(fnmatch.fnmatchcase(host, entry) for entry in self._hosts if "://" not in entry)
        if address.scheme != "https" or not listed or (_is_private(host) and not self._may_be_private(host)):
            mend = _mend(address)
            log.warning("huggingface.result_url_refused", scheme=address.scheme, host=host, mend=mend)
            raise BadBytes("The picture service pointed to an address that this server does not trust.")
        return address

    def _may_be_private(self, host: str) -> bool:
        return host.lower() in self._hosts or any(
            urlsplit(entry).hostname == host.lower() for entry in self._hosts if "://" in entry
        )


class _GuardedResolver(AbstractResolver):
    """Resolves host names without private IP addresses.

    It checks the addresses of the connection itself, so that DNS rebinding between check and use is impossible.
    """

    def __init__(self, may_be_private: Callable[[str], bool]) -> None:
        self._may_be_private = may_be_private
        self._resolver: ThreadedResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self._resolver = self._resolver or ThreadedResolver()
        results = await self._resolver.resolve(host, port, family)
        if self._may_be_private(host):
            return results
        public = [result for result in results if not _is_private(result["host"])]
        if not public:
            raise OSError("the name leads to a private network")
        return public

    async def close(self) -> None:
        pass


def checked_type(data: bytes, kind: Kind) -> bytes:
    """The bytes themselves, where they begin like an accepted picture or clip. Raises BadBytes."""
    begins = _begins_like_video if kind == "video" else _begins_like_image
    if not begins(data[:16]):
        raise BadBytes(_not_a(kind, data))
    return data


async def decode_base64(text: Any, max_bytes: int) -> bytes:
    """Bytes from base64 as servers send it: bare or a data: URL, in either alphabet, with line breaks, without padding.

    Raises BadBytes where it is not base64, or longer than `max_bytes` decoded.
    """
    if not isinstance(text, str) or not text:
        raise BadBytes
    # Room for a line break after every 64 characters.
    if len(text) > max_bytes * 4 // 3 * 66 // 64 + 200:
        raise too_large(max_bytes)
    try:
        if len(text) > DECODE_OFF_LOOP:
            return await asyncio.to_thread(_decoded, text)
        return _decoded(text)
    except (binascii.Error, ValueError) as error:
        raise BadBytes from error


def _decoded(text: str) -> bytes:
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().rstrip().endswith("base64"):
            return unquote_to_bytes(text)
        text = unquote(text)
    text = text.strip()
    # Some servers send what Python prints of bytes.
    text = text.removeprefix("b") if text[:2] in {"b'", 'b"'} else text
    text = "".join(text.strip("\"'").split()).translate(_STANDARD).rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _begins_like_image(head: bytes) -> bool:
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    # AVIF by its brand, or by a related one that it may be compatible with: verification checks it fully.
    avif = head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis", b"mif1", b"msf1", b"miaf"}
    return webp or avif or head.startswith(_PICTURES)


def _begins_like_video(head: bytes) -> bool:
    return head[4:8] == b"ftyp" or head.startswith(b"\x1aE\xdf\xa3")


def _not_a(kind: Kind, data: bytes) -> str:
    noun = "clip" if kind == "video" else "picture"
    if not data:
        return f"The picture service sent an empty {noun}."
    head = data[:256].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return f"The picture service sent a web page instead of a {noun}."
    other = next((name for magic, name in _OTHERS.items() if data.startswith(magic)), "")
    other = "a TGA file" if _TGA_FOOTER in data[-32:] else other
    if other:
        return f"The picture service sent {other}, which this server does not read. PNG, JPEG and WebP are read."
    return f"The picture service sent something else instead of a {noun}."


def _download_error(status: int) -> ProviderError:
    if status >= 500:
        return ProviderDown("The finished file could not be fetched: its server is down.")
    if 300 <= status < 400:
        return BadBytes(
            "The picture service pointed to an address that leads elsewhere, where this server does not go."
        )
    return BadBytes("The finished file was no longer where the picture service said.")


def _mend(address: URL) -> str:
    """The setting that would allow an untrusted web URL. For the log, never for a page."""
    entry = str(address.origin()) if address.scheme == "http" else address.raw_host or ""
    web = address.scheme in {"http", "https"} and re.fullmatch(r"[\w:/.\[\]-]{1,100}", entry, re.ASCII)
    return f"HF_RESULT_HOSTS may list {entry}" if web else "this is no address of the web"


def _parsed(url: Any) -> URL:
    # The parser of the HTTP client: another parser that reads another host would be a vulnerability.
    try:
        return URL(url if isinstance(url, str) else "")
    except ValueError:
        return URL()


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host in {"localhost", ""} or host.endswith(".localhost")
