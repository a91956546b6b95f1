"""Base URLs of services that an operator has set, and errors for one that does not speak the expected protocol.

People copy such URLs with a slash at the end, with the path of a call, or without `/v1`: those forms are tried. For all
others the error names the URL, the answer that came from there, and the setting to change; the doctor uses the same errors.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

from chatserver.errors import InvalidToken, NoPermission, ProviderDown, ProviderError, WrongAddress
from chatserver.providers.error_responses import MAX_MESSAGE, MODEL_GONE, message_of
from chatserver.providers.http import HttpResponse

_VERSION = re.compile(r"/v\d+\w*$")
# The path of a call below a base URL; empty where the base itself is called.
_CALL = re.compile(r"(/chat/completions|/images/(generations|edits)|/models)?$")
_HTML_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


@dataclass(frozen=True)
class ServiceUrl:
    """A setting that holds a URL, the protocol expected there, and an example of a valid value."""

    setting: str
    protocol: str
    example: str
    # Whether the operator runs the server, which may then be down; false for those of Hugging Face.
    own: bool = True
    # The setting of the key that is sent there; empty where the usual messages fit.
    key: str = ""

    @property
    def mend(self) -> str:
        """What the operator has to do about a wrong value."""
        return f"Set {self.setting} to the address of the server's API, such as {self.example}."

    def wrong_address(self, url: str, what: str, right: str = "") -> WrongAddress:
        """The error of a URL with the observation `what`; `right` is the base URL that would be correct, where known."""
        mend = f"Set {self.setting} to {right}." if right else self.mend
        error = WrongAddress(
            f"{without_credentials(url)} does not speak {self.protocol}: {what}. For the operator: {mend}"
        )
        error.service_message = what
        return error

    def protocol_error(self, url: str, answer: HttpResponse, *, model_in_path: bool = False) -> WrongAddress | None:
        """The error for an answer that no such service gives; None where it may be the service's own."""
        if 300 <= answer.status < 400:
            return self._redirected(url, answer.headers.get("Location", ""))
        if answer.ok:
            return self.wrong_address(url, "it answered with a web page") if is_html(answer.body) else None
        words = message_of(answer)
        if answer.status in {404, 405, 501} and not model_in_path and not _about_a_model(words):
            what = "has nothing there" if answer.status == 404 else "takes no such calls"
            return self._answered(self.wrong_address(url, f"the server {what} ({answer.status})"), answer.status)
        if answer.status == 400 and re.search(
            r"plain HTTP request was sent to|HTTP request to an HTTPS", _text(answer)
        ):
            return self.wrong_address(
                url, "the server wants https", f"https:{without_credentials(url).partition(':')[2]}"
            )
        return None

    def explain(self, url: str, error: ProviderError) -> ProviderError:
        """The error itself, or one that names this setting where it is the cause."""
        if type(error) is WrongAddress and error.service_message and self.setting not in error.message:
            return self.wrong_address(url, error.service_message)
        if type(error) is ProviderDown and error.service_status is None and self.own:
            down = ProviderDown(f"{error.message} For the operator: {self._not_reached(url)}")
            down.service_message = error.service_message
            return down
        if self.key and type(error) in {InvalidToken, NoPermission}:
            return self._key_error(error)
        return error

    def _key_error(self, error: ProviderError) -> ProviderError:
        said = error.message.partition(" It said: ")[2]
        if type(error) is InvalidToken:
            words, mend = "The picture service did not accept this server's key.", "set a valid one"
        else:
            words, mend = "This server's key may not make pictures there.", "allow it, or set another"
        words += f" It said: {said}" if said else ""
        told = type(error)(f"{words} For the operator: {mend} ({self.key}).")
        told.service_message, told.service_status = error.service_message, error.service_status
        return told

    def _not_reached(self, url: str) -> str:
        if is_loopback(url) and in_container():
            return (
                f"inside a container, {urlsplit(url).hostname} is the container itself. "
                f"Set {self.setting} to the other machine's name, such as host.docker.internal."
            )
        return f"see whether the server runs at {without_credentials(url)} ({self.setting})."

    def _redirected(self, url: str, location: str) -> WrongAddress:
        target = _target(url, location)
        # A redirect to the same call shows which base URL would be correct: all before the call's path, or the host alone.
        path = urlsplit(url).path
        call = next(_CALL.finditer(path))[0] if self.own else path
        right = target.removesuffix(call).rstrip("/") if location and target.endswith(call or path or "/") else ""
        return self.wrong_address(url, f"it leads to {target}, and this server follows nowhere with its key", right)

    @staticmethod
    def _answered(error: WrongAddress, status: int) -> WrongAddress:
        error.service_status = status
        return error


def candidates(url: str, tails: Iterable[str], *, versioned: bool = False) -> tuple[str, ...]:
    """The base URLs that may be meant by `url`, the likeliest first, without a slash at the end.

    `tails` are the paths of calls, which people copy too; `versioned` puts the form with `/v1` first where it is missing.
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


def join(base: str, path: str) -> str:
    """The URL of a call below a base URL, which keeps its query."""
    scheme, netloc, root, query, _ = urlsplit(base)
    return urlunsplit((scheme, netloc, f"{root.rstrip('/')}{path}", query, ""))


def without_credentials(url: str) -> str:
    """A URL as people may read it: without user name, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _target(url: str, location: str) -> str:
    """Where a redirect leads, as people may read it. A service may send anything there, of any length."""
    if not location:
        return "nowhere"
    try:
        target = without_credentials(urljoin(url, location))
    except ValueError:
        return "an address that cannot be read"
    return "".join(character if character.isprintable() else "?" for character in target[:MAX_MESSAGE])


def is_html(body: bytes) -> bool:
    """Whether these bytes begin like an HTML page."""
    return body[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML_STARTS)


def origins(url: str) -> tuple[str, ...]:
    """The origins of a URL; of a loopback URL under each name of this machine, which servers use for themselves."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    names = ("localhost", "127.0.0.1", "[::1]") if is_loopback(url) else ()
    return (f"{parts.scheme}://{parts.netloc}", *(f"{parts.scheme}://{name}{port}" for name in names))


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in {"localhost", "::1", "0.0.0.0"} or host.startswith("127.") or host.endswith(".localhost")  # noqa: S104


def in_container() -> bool:
    """Whether this process runs in a container, where `localhost` is the container itself."""
    marks = (Path("/.dockerenv"), Path("/run/.containerenv"))
    return "KUBERNETES_SERVICE_HOST" in os.environ or any(mark.exists() for mark in marks)


def _about_a_model(words: str) -> bool:
    return bool(MODEL_GONE.search(words) or re.search(r"\bmodel\b", words, re.I))


def _text(answer: HttpResponse) -> str:
    return answer.body[:2000].decode("utf-8", "replace")
