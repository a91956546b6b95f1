"""The viewer: who sends a request. The middleware sets `request.state.viewer` (or None); entrances require one."""

from contextvars import ContextVar
from typing import Literal

from msgspec import Struct
from starlette.requests import HTTPConnection

from chatserver.errors import NotAllowed, NotSignedIn

# Paths that accept API tokens: the API, files and sockets. Pages accept the browser's sign-in only, so that a stolen token
# can make no other token, end no sign-in and export nothing.
TOKEN_PATHS = ("/api/", "/files/", "/ws/")
# The id of the viewer of the request or the socket for which something is done; None without one, and in the background.
acting_user: ContextVar[str | None] = ContextVar("acting_user", default=None)


class Viewer(Struct, frozen=True, kw_only=True):
    """A signed-in user, and the credential: the browser's cookie or an API token (`via`, `credential_id`)."""

    id: str
    name: str
    role: Literal["member", "admin"]
    via: Literal["cookie", "token"]
    credential_id: str


def current_viewer(connection: HTTPConnection) -> Viewer | None:
    """The viewer of a request or a websocket handshake, or None."""
    viewer: Viewer | None = connection.state.viewer
    return viewer


def require_viewer(connection: HTTPConnection) -> Viewer:
    """The viewer of a request. Raises NotSignedIn."""
    viewer = current_viewer(connection)
    if viewer is None:
        raise NotSignedIn
    return viewer


def bearer_token(connection: HTTPConnection) -> str | None:
    """The Bearer token of a request whose path accepts tokens, or None."""
    if not connection.scope["path"].startswith(TOKEN_PATHS):
        return None
    # Other schemes are ignored: a proxy may ask for a password of its own.
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def require_browser(connection: HTTPConnection) -> Viewer:
    """The viewer of a request that needs a browser's sign-in. Raises NotSignedIn, or NotAllowed for an API token."""
    viewer = require_viewer(connection)
    if viewer.via != "cookie":
        raise NotAllowed("An API token may not do that. Sign in with a browser and do it in the settings.")
    return viewer
