"""Addresses that an operator has set, and what is wrong with one that does not speak what it should.

People write them as they find them: with a slash at the end, with the whole path of a call, without `/v1`. Those are tried;
for all else there is one error in words: which address, what came from there, and what to set. The doctor says the same.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from chatserver.errors import InvalidToken, NoPermission, ProviderDown, ProviderError, WrongAddress
from chatserver.providers.faults import MODEL_GONE, spoken
from chatserver.providers.http import Answer

_VERSION = re.compile(r"/v\d+\w*$")
# The path of a call below a base; empty where the base is called itself.
_CALL = re.compile(r"(/chat/completions|/images/(generations|edits)|/models)?$")
_MARKUP_BEGINS = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


@dataclass(frozen=True)
class Address:
    """A setting that holds an address, what is to be spoken there, and how a right one looks."""

    setting: str
    protocol: str
    example: str
    # A server of the operator's own, which may not run; not one of Hugging Face's.
    own: bool = True
    # The setting of the key that is sent there; empty where the usual words fit.
    key: str = ""

    @property
    def mend(self) -> str:
        """What the operator has to do about a wrong one."""
        return f"Set {self.setting} to the address of the server's API, such as {self.example}."

    def wrong(self, url: str, what: str, right: str = "") -> WrongAddress:
        """The error of an address that answered with `what`; `right` is the one that it leads to, where it leads."""
        mend = f"Set {self.setting} to {right}." if right else self.mend
        error = WrongAddress(f"{shown(url)} does not speak {self.protocol}: {what}. For the operator: {mend}")
        error.said = what
        return error

    def judged(self, url: str, answer: Answer, *, model_in_path: bool = False) -> WrongAddress | None:
        """The error of an answer that no such service gives; None where the answer is one of its own."""
        if 300 <= answer.status < 400:
            return self._redirected(url, answer.headers.get("Location", ""))
        if answer.ok:
            return self.wrong(url, "it answered with a web page") if is_page(answer.body) else None
        words = spoken(answer)
        if answer.status in {404, 405, 501} and not model_in_path and not _about_a_model(words):
            what = "has nothing there" if answer.status == 404 else "takes no such calls"
            return self._answered(self.wrong(url, f"the server {what} ({answer.status})"), answer.status)
        if answer.status == 400 and re.search(
            r"plain HTTP request was sent to|HTTP request to an HTTPS", _text(answer)
        ):
            return self.wrong(url, "the server wants https", f"https:{shown(url).partition(':')[2]}")
        return None

    def explained(self, url: str, error: ProviderError) -> ProviderError:
        """The same error, where it comes of the address in words that say so."""
        if type(error) is WrongAddress and error.said and self.setting not in error.message:
            return self.wrong(url, error.said)
        if type(error) is ProviderDown and error.answered is None and self.own:
            down = ProviderDown(f"{error.message} For the operator: {self._unreached(url)}")
            down.said = error.said
            return down
        if self.key and type(error) in {InvalidToken, NoPermission}:
            return self._keyless(error)
        return error

    def _keyless(self, error: ProviderError) -> ProviderError:
        said = error.message.partition(" It said: ")[2]
        if type(error) is InvalidToken:
            words, mend = "The picture service did not accept this server's key.", "set a valid one"
        else:
            words, mend = "This server's key may not make pictures there.", "allow it, or set another"
        words += f" It said: {said}" if said else ""
        told = type(error)(f"{words} For the operator: {mend} ({self.key}).")
        told.said, told.answered = error.said, error.answered
        return told

    def _unreached(self, url: str) -> str:
        if is_loopback(url) and in_container():
            return (
                f"inside a container, {urlsplit(url).hostname} is the container itself. "
                f"Set {self.setting} to the other machine's name, such as host.docker.internal."
            )
        return f"see whether the server runs at {shown(url)} ({self.setting})."

    def _redirected(self, url: str, location: str) -> WrongAddress:
        target = shown(urljoin(url, location)) if location else "nowhere"
        # The same call elsewhere says which base would have been right: all before it, or its host alone.
        path = urlsplit(url).path
        call = next(_CALL.finditer(path))[0] if self.own else path
        right = target.removesuffix(call).rstrip("/") if location and target.endswith(call or path or "/") else ""
        return self.wrong(url, f"it leads to {target}, and this server follows nowhere with its key", right)

    @staticmethod
    def _answered(error: WrongAddress, status: int) -> WrongAddress:
        error.answered = status
        return error


def bases(url: str, tails: Iterable[str], *, versioned: bool = False) -> tuple[str, ...]:
    """The base addresses that may be meant by `url`, the likeliest first, without a slash at the end.

    `tails` are the paths of calls, which people copy along; `versioned` tries `/v1` first where it is missing.
    """
    scheme, netloc, path, query, _ = urlsplit(url.strip())
    path = path.rstrip("/")
    tail = next((tail for tail in tails if path.lower().endswith(tail)), "")
    path = path[: len(path) - len(tail)].rstrip("/")
    paths = [path, _VERSION.sub("", path) if _VERSION.search(path) else f"{path}/v1"]
    if versioned and not _VERSION.search(path):
        paths.reverse()
    if tail.startswith("/api/") or path.endswith("/api"):
        paths.append(f"{path.removesuffix('/api')}/v1")
    return tuple(dict.fromkeys(urlunsplit((scheme, netloc, path, query, "")) for path in paths))


def call(base: str, path: str) -> str:
    """The address of one call below a base; a query of the base stays behind it."""
    scheme, netloc, root, query, _ = urlsplit(base)
    return urlunsplit((scheme, netloc, f"{root.rstrip('/')}{path}", query, ""))


def shown(url: str) -> str:
    """An address as people may read it: without a name, a password or a query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_page(body: bytes) -> bool:
    """Whether these bytes begin like a web page."""
    return body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP_BEGINS)


def origins(url: str) -> tuple[str, ...]:
    """The origin of an address; on this machine under each of its names, by which servers there call themselves."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    names = ("localhost", "127.0.0.1", "[::1]") if is_loopback(url) else ()
    return (f"{parts.scheme}://{parts.netloc}", *(f"{parts.scheme}://{name}{port}" for name in names))


def is_loopback(url: str) -> bool:
    """Whether an address leads to the machine itself."""
    host = (urlsplit(url).hostname or "").lower()
    return host in {"localhost", "::1", "0.0.0.0"} or host.startswith("127.") or host.endswith(".localhost")  # noqa: S104


def in_container() -> bool:
    """Whether this process runs in a container, where `localhost` is not the machine that people mean."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(mark.exists() for mark in marks)


def _about_a_model(words: str) -> bool:
    return bool(MODEL_GONE.search(words) or re.search(r"\bmodel\b", words, re.I))


def _text(answer: Answer) -> str:
    return answer.body[:2000].decode("utf-8", "replace")
