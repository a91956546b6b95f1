"""Middleware that identifies the viewer, and that refuses cross-site requests with the browser's cookie."""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from chatserver.config import Config
from chatserver.errors import NotAllowed
from chatserver.identity.viewer import Viewer, acting_user, bearer_token
from chatserver.web.headers import REPORTS_PATH
from chatserver.web.hosts import is_own_origin

Identify = Callable[[HTTPConnection], Awaitable[Viewer | None]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Served without a viewer, so without a query.
_ANONYMOUS_PATHS = ("/static/", "/healthz", "/readyz")


class Authentication:
    """Puts the Viewer, or None, on `state.viewer` of each request and websocket. Where identifying fails there is none."""

    def __init__(self, app: ASGIApp, identify: Identify) -> None:
        self._app = app
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            state = scope.setdefault("state", {})
            anonymous = scope["path"].startswith(_ANONYMOUS_PATHS)
            viewer = state["viewer"] = None if anonymous else await self._identify(HTTPConnection(scope))
            acting_user.set(viewer.id if viewer else None)
        await self._app(scope, receive, send)


class SameOrigin:
    """Refuses unsafe requests that another site made the browser send (CSRF). Requests with a Bearer token are exempt."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_own(scope):
            raise NotAllowed("That came from another site, so it was not done. Please do it on our own page.")
        await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        if scope["method"] in _SAFE_METHODS or scope["path"] == REPORTS_PATH:
            return True
        connection = HTTPConnection(scope)
        if bearer_token(connection) is not None:
            return True
        site = connection.headers.get("sec-fetch-site")
        if site is not None:
            return site in {"same-origin", "none"}
        origin = connection.headers.get("origin")
        if origin is not None:
            return is_own_origin(self._config, scope, origin)
        # Every browser sends one of the two headers with an unsafe request; without a cookie there is nothing to abuse.
        return not connection.headers.get("cookie")
