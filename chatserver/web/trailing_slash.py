"""An address with a slash too many leads to the one without: `/settings/` to `/settings`.

The framework would do so too, with the scheme and the host as it understands them; what is said here is the path alone,
so that the browser stays where it is, whatever stands between it and this server.
"""

from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE_IN_PATH = "/:@!$&'()*+,;=~"


class RedirectTrailingSlash:
    """Redirects (307) where a route knows the address without its last slashes, and none knows it with them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bare = scope["path"].rstrip("/") if scope["type"] == "http" else ""
        # Two slashes at the start would be another host's name.
        if not bare or bare == scope["path"] or bare.startswith("//") or not _leads(scope, bare):
            await self._app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        where = quote(bare, safe=_SAFE_IN_PATH, errors="replace") + (f"?{query}" if query else "")
        await RedirectResponse(where, 307)(scope, receive, send)


def _leads(scope: Scope, bare: str) -> bool:
    return _is_known(scope, bare) and not _is_known(scope, scope["path"])


def _is_known(scope: Scope, path: str) -> bool:
    routes = scope["app"].router.routes
    return any(route.matches({**scope, "path": path})[0] is not Match.NONE for route in routes)
