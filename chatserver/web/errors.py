"""Errors as responses: JSON for programs, a page for browsers; neither has more than the public message."""

import contextlib
import math
from http import HTTPStatus
from urllib.parse import SplitResult, quote, urlsplit

import structlog
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from chatserver.api.endpoint import OPENAI_PATHS, PREFIX, json_response
from chatserver.errors import (
    ChatserverError,
    CreditsExhausted,
    Invalid,
    Malformed,
    NotFound,
    NotSignedIn,
    TooLarge,
)
from chatserver.web import forms, templating
from chatserver.web.request_log import request_id_of

log = structlog.get_logger(__name__)


class MethodNotAllowed(ChatserverError):
    """This address does not take that method."""

    code = "method-not-allowed"
    status = 405


class TooSlow(ChatserverError):
    """The request took too long to arrive."""

    code = "too-slow"
    status = 408


# The `type` of errors of OpenAI's API, by status.
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# What its fields are called where ours have other names.
_OPENAI_FIELDS = {"width": "size", "height": "size", "count": "n", "file": "image", "uploads": "image"}
_BY_STATUS = {error.status: error for error in (Malformed, NotFound, MethodNotAllowed, TooSlow, TooLarge)}


class ErrorResponses:
    """Turns every error of the wrapped app into a response. Unexpected ones are logged; the page shows the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            try:
                await send(message)
            except OSError:
                raise ClientDisconnect from None

        try:
            await self._app(scope, receive, watched_send)
        except Exception as error:
            if _is_disconnect(error):
                return
            if started:
                log.error("request.cut", error=type(error).__name__, exc_info=error)
                raise
            await _safe_response(Request(scope, receive), error)(scope, receive, send)


def _is_disconnect(error: BaseException) -> bool:
    """Whether the only error is that the client has disconnected."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_disconnect(each) for each in error.exceptions)
    return isinstance(error, ClientDisconnect)


def _safe_response(request: Request, error: Exception) -> Response:
    """The response for an error; JSON where the error page itself fails."""
    known = _as_chatserver_error(error)
    try:
        response = respond(request, known)
    except Exception as failure:
        log.exception("request.error_page_failed", error=type(failure).__name__)
        response = _json(request, known)
    return _with_headers(request, response, error)


def _with_headers(request: Request, response: Response, error: Exception) -> Response:
    """The response with the headers of an error of Starlette. That of a 405 names the methods of one route, and an address
    may have several."""
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
        if error.status_code == MethodNotAllowed.status:
            response.headers["Allow"] = ", ".join(sorted(_methods(request, request.scope["path"])))
    return response


def _methods(request: Request, path: str) -> set[str]:
    """The methods that an address takes."""
    scope = {**request.scope, "path": path}
    routes = [route for route in request.app.router.routes if route.matches(scope)[0] is not Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


class HandshakeErrors:
    """Turns errors before a websocket is accepted into responses; later ones are handled by its endpoint."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = False

        async def watched_send(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ChatserverError as error:
            log.warning("socket.refused", error=error.code)
            await _refuse(scope, send, error, accepted=accepted)
        except Exception as error:
            if not _is_disconnect(error):
                log.error("socket.failed", error=type(error).__name__, exc_info=error)
                await _refuse(scope, send, ChatserverError(), accepted=accepted)


async def _refuse(scope: Scope, send: Send, error: ChatserverError, *, accepted: bool) -> None:
    if accepted or "websocket.http.response" not in scope.get("extensions", {}):
        # The socket may be closed already.
        with contextlib.suppress(OSError, RuntimeError):
            await send({"type": "websocket.close", "code": 1011})
        return
    response = json_response({"error": error.as_dict()}, error.status)
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": response.raw_headers})
    await send({"type": "websocket.http.response.body", "body": response.body})


def _as_chatserver_error(error: Exception) -> ChatserverError:
    if isinstance(error, ChatserverError):
        return error
    if isinstance(error, HTTPException):
        return of_status(error.status_code)
    log.error("request.failed", error=type(error).__name__, exc_info=error)
    return ChatserverError()


def of_status(status: int) -> ChatserverError:
    """The error of a status that Starlette has raised."""
    return _BY_STATUS.get(status, ChatserverError)()


def respond(request: Request, error: ChatserverError) -> Response:
    """The response that shows an error: a page, a redirect to the sign-in page, or JSON."""
    wants_page = wants_html(request)
    if wants_page and isinstance(error, NotSignedIn):
        return _to_sign_in(request)
    if wants_page and isinstance(error, MethodNotAllowed) and request.method == "GET" and _page_above(request):
        return RedirectResponse(_page_above(request), status_code=303)
    response = _page(request, error) if wants_page else _json(request, error)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _json(request: Request, error: ChatserverError) -> Response:
    if request.url.path.startswith(OPENAI_PATHS):
        return _as_openai(error)
    return json_response({"error": error.as_dict()}, error.status)


def _as_openai(error: ChatserverError) -> Response:
    """An error in the shape of OpenAI's API, with ours in it."""
    status = Malformed.status if isinstance(error, Invalid) else error.status
    fault = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    kind = "insufficient_quota" if isinstance(error, CreditsExhausted) else _OPENAI_TYPES.get(status, fault)
    field = error.details.get("field")
    param = field if field is None else _OPENAI_FIELDS.get(field, field)
    return json_response({"error": {**error.as_dict(), "type": kind, "param": param}}, status)


def wants_html(request: Request) -> bool:
    """Whether the request is a browser's for a page, and not one for the API."""
    return not request.url.path.startswith(PREFIX + "/") and "text/html" in request.headers.get("accept", "")


def sign_in_path(request: Request) -> str:
    """The path of the sign-in page, which leads back afterwards: to this page, or to the one whose form was sent."""
    here = _page_of_form(request) if _is_form(request) else _path_of(request.url)
    return f"/sign-in?next={quote(here, safe='/')}" if here else "/sign-in"


def _to_sign_in(request: Request) -> Response:
    notice = "You were signed out meanwhile, so nothing was changed. Sign in, then send the form again."
    return forms.redirect(request, sign_in_path(request), notice=notice if _is_form(request) else "", kind="problem")


def _is_form(request: Request) -> bool:
    return request.method not in {"GET", "HEAD"}


def _path_of(address: URL | SplitResult) -> str:
    return address.path + (f"?{address.query}" if address.query else "")


def _page_of_form(request: Request) -> str:
    """The page of this site from which a form was sent; empty where that is unknown."""
    try:
        sender = _path_of(urlsplit(request.headers.get("referer", "")))
    except ValueError:  # not an address
        sender = ""
    return forms.local_path(sender, "") or _page_above(request)


def _page_above(request: Request) -> str:
    """The nearest page above an address that only takes a form, such as /settings of /settings/name, to which a reload or
    the way back leads; empty where there is none."""
    path = request.url.path
    while path := path.rpartition("/")[0]:
        if "GET" in _methods(request, path):
            return path
    return ""


def _page(request: Request, error: ChatserverError) -> Response:
    context = {
        "error": error,
        "request_id": request_id_of(request),
        "title": title_of(error),
        # Where the database did not say in time whose cookie it is, its owner is not asked to sign up.
        "is_identified": hasattr(request.state, "viewer"),
        "sign_in": sign_in_path(request) if _may_be_for_members(request, error) else "",
        "back": _page_of_form(request) if _is_form(request) else "",
    }
    return templating.render(request, "errors/error.html", context, error.status)


def _may_be_for_members(request: Request, error: ChatserverError) -> bool:
    """Whether a visitor who signs in may find what they are refused now: at this address, or with the form they sent."""
    # The page is also rendered where the request failed before anybody was identified.
    signed_in = getattr(request.state, "viewer", None) is not None
    return error.status in {403, 404} and not signed_in


_TITLES = {
    400: "That could not be read",
    403: "Not allowed",
    404: "Nothing here",
    405: "That does not work here",
    409: "That does not fit any more",
    413: "Too large",
    422: "Something is not right yet",
    429: "A little too fast",
    503: "One moment, please",
}


def title_of(error: ChatserverError) -> str:
    """The heading of the error page."""
    return _TITLES.get(error.status, HTTPStatus(error.status).phrase if error.status < 500 else "That went wrong")


async def _handle(request: Request, error: Exception) -> Response:
    return _with_headers(request, respond(request, _as_chatserver_error(error)), error)


# For Starlette's own exception middleware, which would otherwise respond with texts of its own.
EXCEPTION_HANDLERS: dict[type[Exception], ExceptionHandler] = {ChatserverError: _handle, HTTPException: _handle}
