"""Logs one line for each request, and gives it the id that its other lines and its error page show."""

import secrets
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatserver.runtime import metrics, redaction

# The client closed the connection before the response (nginx's status).
_CLIENT_CLOSED_REQUEST = 499
# Any other method is labelled "other": labels must be bounded.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_QUIET_PATHS = ("/static/", "/healthz", "/readyz", "/metrics")

log = structlog.get_logger(__name__)


class RequestLog:
    """Gives each request an id (`X-Request-Id`, `request.state.request_id`, every log line), and logs its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(6)
        scope.setdefault("state", {})["request_id"] = request_id
        status, started = 0, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                _log(scope, status or _CLIENT_CLOSED_REQUEST, time.perf_counter() - started)


def request_id_of(connection: HTTPConnection) -> str:
    """The id of this request, shown with an error; empty outside of `RequestLog`."""
    return str(getattr(connection.state, "request_id", ""))


def _log(scope: Scope, status: int, seconds: float) -> None:
    client = scope.get("client")
    metrics.REQUESTS.labels(scope["method"] if scope["method"] in _METHODS else "other", f"{status // 100}xx").observe(
        seconds
    )
    write = log.debug if scope["path"].startswith(_QUIET_PATHS) else log.info
    write(
        "request.finished",
        method=scope["method"],
        path=redaction.path(scope["path"]),
        status=status,
        ms=round(seconds * 1000, 1),
        client=client[0] if client else None,
    )
