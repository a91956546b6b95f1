"""Fetches finished files from where a service says they are, believing it as little as possible.

An address must be https on a listed host, must not lead to a private network, is fetched without our token and without
following redirects, and what comes is judged by its first bytes, not by its label.
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
from chatserver.providers.http import Deadline, Http, too_large
from chatserver.providers.huggingface.client import Limits

# The first bytes of the pictures that the pipeline reads, beside WebP and AVIF.
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
# The alphabet for addresses, in the usual one.
_STANDARD = str.maketrans("-_", "+/")
# Above this, base64 is undone off the loop: a megabyte takes about a millisecond.
DECODE_OFF_LOOP = 1024 * 1024

log = structlog.get_logger(__name__)


class Results:
    """The way to finished files. `hosts`: exact hosts, `*.wildcards`, or an origin such as http://127.0.0.1:9900.

    A host listed exactly may be private (a server in the operator's own network); plain http needs the whole origin.
    """

    def __init__(self, hosts: tuple[str, ...], limits: Limits) -> None:
        self._hosts = tuple(host.lower().rstrip("/") for host in hosts)
        self._limits = limits
        self._http = Http(resolver=_GuardedResolver(self._may_be_private))

    async def fetch(self, url: Any, kind: Kind, deadline: Deadline) -> bytes:
        """The bytes of a picture or clip. Raises BadBytes for an address or bytes that we do not take."""
        if isinstance(url, str) and url[:5].lower() == "data:":
            return sniffed(await decoded(url, self._cap(kind)), kind)
        address = self._checked(url)
        answer = await self._http.call(
            "GET",
            str(address),
            headers={"Accept": f"{kind}/*"},
            cap=self._cap(kind),
            seconds=deadline.left(self._limits.video_seconds),
            silence=self._limits.asking_seconds,
        )
        if not answer.ok:
            log.info("huggingface.result_refused", status=answer.status, host=address.host)
            raise _unfetched(answer.status)
        return sniffed(answer.body, kind)

    async def close(self) -> None:
        """Gives back the connections."""
        await self._http.close()

    def _cap(self, kind: Kind) -> int:
        return self._limits.video_bytes if kind == "video" else self._limits.image_bytes

    def _checked(self, url: Any) -> URL:
        address = _parsed(url)
        # In ASCII and small letters, as the list of hosts is.
        host = address.raw_host or ""
        if address.scheme in {"http", "https"} and str(address.origin()) in self._hosts:
            return address
        listed = any(fnmatch.fnmatchcase(host, entry) for entry in self._hosts if "://" not in entry)
        if address.scheme != "https" or not listed or (_is_private(host) and not self._may_be_private(host)):
            mend = _mend(address)
            log.warning("huggingface.result_address_refused", scheme=address.scheme, host=host, mend=mend)
            raise BadBytes("The picture service pointed to an address that this server does not trust.")
        return address

    def _may_be_private(self, host: str) -> bool:
        return host.lower() in self._hosts or any(
            urlsplit(entry).hostname == host.lower() for entry in self._hosts if "://" in entry
        )


class _GuardedResolver(AbstractResolver):
    """Resolves names, but leaves out addresses of private networks: checked where the connection is made, so that a
    name that changes its mind between check and use gains nothing."""

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


def sniffed(data: bytes, kind: Kind) -> bytes:
    """The bytes themselves, where they begin like a picture (or clip) that we take. Raises BadBytes."""
    begins = _begins_like_video if kind == "video" else _begins_like_image
    if not begins(data[:16]):
        raise BadBytes(_not_a(kind, data))
    return data


async def decoded(text: Any, cap: int) -> bytes:
    """Bytes from base64 as servers send it: bare or a data: address, of either alphabet, in lines, without its padding.

    Raises BadBytes where it is none, or more than `cap`.
    """
    if not isinstance(text, str) or not text:
        raise BadBytes
    # A line break behind every 64 characters is the most that anybody puts in.
    if len(text) > cap * 4 // 3 * 66 // 64 + 200:
        raise too_large(cap)
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
    text = "".join(text.strip("\"'").split()).translate(_STANDARD).rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _begins_like_image(head: bytes) -> bool:
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    # AVIF by its brand, or by one of the family with which it may be compatible: the pipeline looks closer.
    avif = head[4:8] == b"ftyp" and head[8:12] in {b"avif", b"avis", b"mif1", b"msf1", b"miaf"}
    return webp or avif or head.startswith(_PICTURES)


def _begins_like_video(head: bytes) -> bool:
    return head[4:8] == b"ftyp" or head.startswith(b"\x1aE\xdf\xa3")


def _not_a(kind: Kind, data: bytes) -> str:
    noun = "clip" if kind == "video" else "picture"
    if not data:
        return f"The picture service sent an empty {noun}."
    what = "a web page" if data[:256].lstrip().lower().startswith((b"<!doctype", b"<html")) else "something else"
    return f"The picture service sent {what} instead of a {noun}."


def _unfetched(status: int) -> ProviderError:
    if status >= 500:
        return ProviderDown("The finished file could not be fetched: its server is down.")
    if 300 <= status < 400:
        return BadBytes(
            "The picture service pointed to an address that leads elsewhere, where this server does not go."
        )
    return BadBytes("The finished file was no longer where the picture service said.")


def _mend(address: URL) -> str:
    """What the operator may set where an address that is not trusted is one of the web. For the log, never for a page."""
    entry = str(address.origin()) if address.scheme == "http" else address.raw_host or ""
    web = address.scheme in {"http", "https"} and re.fullmatch(r"[\w:/.\[\]-]{1,100}", entry, re.ASCII)
    return f"HF_RESULT_HOSTS may list {entry}" if web else "this is no address of the web"


def _parsed(url: Any) -> URL:
    # The parser that the client itself uses: two parsers that disagree about the host would be a hole.
    try:
        return URL(url if isinstance(url, str) else "")
    except ValueError:
        return URL()


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host in {"localhost", ""} or host.endswith(".localhost")
