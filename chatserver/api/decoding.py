"""Strict decoding of percent-encoded paths, query strings and forms: invalid encodings are refused.

An undecodable path is 404 like any unknown one; an undecodable field of a query or form is 400 and named in the error. The
meaning and range of a field are checked where it is used.
"""

import re
from urllib.parse import unquote_to_bytes

from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver import validation
from chatserver.errors import Malformed, NotFound
from chatserver.runtime import redaction

# Their query is a signature: an undecodable one is an invalid signature, not an error.
_SIGNED_PATHS = "/files/"
# Our longest form has a dozen fields.
MAX_FIELDS = 100
_LONGEST_NAME = 60
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


class UndecodableText(Exception):
    """A text cannot be decoded; the message completes the sentence "the field …"."""


class StrictAddresses:
    """Middleware that refuses undecodable paths and queries before anything reads them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            query, scope["query_string"] = scope["query_string"], b""
            _check_path(scope)
            if not scope["path"].startswith(_SIGNED_PATHS):
                fields(query)
            scope["query_string"] = query
        await self._app(scope, receive, send)


def fields(data: bytes) -> dict[str, str]:
    """The fields of a query string or an urlencoded form. Raises Malformed with the name of the field."""
    found: dict[str, str] = {}
    pairs = [pair.partition(b"=") for pair in data.split(b"&") if pair]
    if len(pairs) > MAX_FIELDS:
        raise Malformed(f"There are more than {MAX_FIELDS} fields.")
    for written, _, value in pairs:
        name = _name(written)
        if name in found:
            raise Malformed.field(name, "is given twice")
        try:
            found[name] = text(value.replace(b"+", b" "))
        except UndecodableText as error:
            raise Malformed.field(name, str(error)) from None
    return found


def _name(written: bytes) -> str:
    try:
        return redaction.printable(redaction.cut(text(written.replace(b"+", b" ")), _LONGEST_NAME))
    except UndecodableText as error:
        raise Malformed(f"The name of a field {error}.") from None


def text(written: bytes) -> str:
    """One percent-encoded text, decoded. Raises UndecodableText."""
    try:
        encoded = written.decode("ascii")
    except UnicodeDecodeError:
        raise UndecodableText("must be percent-encoded") from None
    if _BROKEN.search(encoded):
        raise UndecodableText("has a % that is not followed by two hexadecimal digits")
    try:
        decoded = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise UndecodableText("must be UTF-8") from None
    if why := validation.unreadable(decoded):
        raise UndecodableText(why)
    return decoded


def _check_path(scope: Scope) -> None:
    try:
        text(scope["raw_path"] if scope.get("raw_path") is not None else scope["path"].encode("ascii", "replace"))
    except UndecodableText as error:
        field = _parameter(scope)
        raise NotFound(details={"field": field, "why": str(error)} if field else None) from None


def _parameter(scope: Scope) -> str | None:
    """The path parameter that cannot be decoded, where a route matches the path."""
    for route in scope["app"].router.routes:
        match, matched = route.matches(scope)
        if match is not Match.NONE:
            parameters: dict[str, str] = matched.get("path_params", {})
            return next((name for name, value in parameters.items() if _looks_undecoded(value)), None)
    return None


def _looks_undecoded(value: str) -> bool:
    """Whether a parameter shows that uvicorn has decoded it leniently."""
    return "%" in value or "\ufffd" in value or not value.isprintable()
