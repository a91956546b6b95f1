"""Redirects `/settings/` to `/settings`.

Starlette's own redirect has the scheme and the host as the server sees them; this one has the path only, so that it is
right behind any proxy.
"""

from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_IN_PATH = "/:@!$&'()*+,;=~"


class RedirectTrailingSlash:
    """Redirects (307) where a route matches the path without its trailing slashes, and none matches it with them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bare = scope["path"].rstrip("/") if scope["type"] == "http" else ""
        # Two slashes at the start would make it a URL of another host.
        if not bare or bare == scope["path"] or bare.startswith("//") or not _matches_only_without_slash(scope, bare):
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        where = quote(bare, safe=_SAFE_IN_PATH, errors="replace") + (f"?{query}" if query else "")
        await RedirectResponse(where, 307)(scope, receive, send)


def _matches_only_without_slash(scope: Scope, bare: str) -> bool:
    return _has_route(scope, bare) and not _has_route(scope, scope["path"])


def _has_route(scope: Scope, path: str) -> bool:
    routes = scope["app"].router.routes
    return any(route.matches({**scope, "path": path})[0] is not Match.NONE for route in routes)
