"""Endpoints of the HTTP API: Starlette routes with declared types, from which the OpenAPI document is generated.

    ROUTES = [
        Endpoint("POST", "/sessions/{session_id}/messages", create, body=CreateMessage, answer=MessageAnswer, status=201),
    ]

A handler takes the `ApiRequest` (state, viewer, path and query) and, where the endpoint declares one, the decoded body; it
returns the answer as a value. The middleware turns errors of `chatserver.errors` into JSON.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids, validation
from chatserver.api import decoding
from chatserver.errors import Invalid, Malformed, TooLarge
from chatserver.identity.viewer import Viewer, require_browser, require_viewer
from chatserver.runtime import redaction
from chatserver.state import state_of

PREFIX = "/api/v1"
# OpenAI's API: its clients take 400 for a field that is not valid, and other words in an error (`web.errors`).
OPENAI_PATHS = (f"{PREFIX}/images/", f"{PREFIX}/models")
# Larger than any body of the API.
MAX_BODY_BYTES = 256 * 1024

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
T = TypeVar("T", bound=msgspec.Struct)


class ApiRequest:
    """One request to the API, as its handler sees it; `http` is Starlette's own request."""

    def __init__(self, request: Request) -> None:
        self.http = request
        self.state = state_of(request)

    @property
    def viewer(self) -> Viewer:
        """The viewer. Raises NotSignedIn."""
        return require_viewer(self.http)

    def id(self, name: str) -> str:
        """An id in the path, in its canonical form. Raises NotFound."""
        return ids.parse(self.http.path_params[name], name)

    def text(self, name: str) -> str:
        """A text in the path."""
        return str(self.http.path_params[name])

    def query(self, kind: type[T]) -> T:
        """The query string as a struct of the given type. Raises Malformed or Invalid."""
        # An empty value (`?kind=&q=`) counts as missing.
        given = {name: text for name, text in decoding.fields(self.http.scope["query_string"]).items() if text}
        return from_texts(given, kind)


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a change that takes none: nothing, or an object without fields."""


class Endpoint(Route):
    """A route below /api/v1 that knows its types. `answer` None is an empty 204; `status` is that of success.

    `browser_only` is for what an API token may not do; `takes_file` for a body that is a file, which the handler reads
    (`read_file`), and `form` for one that is multipart/form-data with these fields, which it reads too. `also` are further
    answers, by status, which the handler gives as responses; `errors` the statuses of errors that do not follow from the
    rest of the declaration.
    """

    def __init__(
        self,
        method: Method,
        path: str,
        handler: Callable[..., Awaitable[Any]],
        *,
        summary: str,
        body: type[msgspec.Struct] | None = None,
        query: type[msgspec.Struct] | None = None,
        answer: Any = None,
        status: int = 200,
        signed_in: bool = True,
        browser_only: bool = False,
        takes_file: bool = False,
        form: type[msgspec.Struct] | None = None,
        also: Mapping[int, type[msgspec.Struct]] | None = None,
        errors: Collection[int] = (),
    ) -> None:
        self.takes_file, self.form, self.also, self.errors = takes_file, form, also or {}, errors
        self.summary, self.body, self.query, self.answer = summary, body, query, answer
        self.success, self.signed_in, self.browser_only = status, signed_in, browser_only
        self.method, self.api_path = method, PREFIX + path
        # What a client sends where nothing is read, it takes for done: a client_id, or `{"on": false}`.
        self.takes_no_fields = body is None and form is None and not takes_file and method in {"POST", "PUT", "PATCH"}

        async def endpoint(request: Request) -> Response:
            api_request = ApiRequest(request)
            if browser_only:
                require_browser(request)
            elif signed_in:
                require_viewer(request)
            if body is not None:
                result = await handler(api_request, await read_body(request, body))
            else:
                if self.takes_no_fields:
                    await read_body(request, NoFields)
                result = await handler(api_request)
            if isinstance(result, Response):
                return result
            return Response(status_code=status) if result is None else json_response(result, status)

        super().__init__(PREFIX + path, endpoint, methods=[method], name=f"api:{method}:{path}")


def json_response(value: Any, status: int = 200) -> Response:
    """A value as JSON."""
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def read_file(request: Request) -> bytes:
    """The whole body, which `web.body_limits` bounds for each address."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
    return bytes(data)


async def read_body(request: Request, kind: type[T]) -> T:
    """The JSON body as a value of `kind`. Raises Malformed, TooLarge or Invalid."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise TooLarge
    return decode(bytes(data) or b"{}", kind)


def decode(data: bytes, kind: type[T]) -> T:
    """JSON as a value of `kind`. Raises Malformed for invalid JSON, and Invalid, with the field, for a wrong type."""
    try:
        value = msgspec.json.decode(data, type=kind)
        # Of a repeated name parsers take the first or the last value, so it is refused.
        json.loads(data, object_pairs_hook=_refuse_repeated)
    except msgspec.ValidationError as error:
        raise validation.misfit(error) from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Malformed("The body is not valid JSON in UTF-8.") from None
    return validation.check(value)


def from_texts(given: dict[str, str], kind: type[T]) -> T:
    """The fields of a query or a form, each a text, as a value of `kind`. Raises Invalid, with the field."""
    value = _convert(given, kind)
    for name in given:
        if getattr(value, name) is None:
            # msgspec reads the text "null" as no value: what a client writes into an address by mistake.
            raise Invalid.field(name, "is left out where it has no value")
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Malformed.field(redaction.printable(redaction.cut(name, 60)), "is given twice")
        seen.add(name)


def _convert(values: dict[str, str], kind: type[T]) -> T:
    try:
        return validation.check(msgspec.convert(values, kind, strict=False))
    except msgspec.ValidationError as error:
        raise validation.misfit(error) from None
