"""Who is asking. The middleware puts a `Viewer` (or None) on `request.state.viewer`; entrances require one."""

from typing import Literal

from msgspec import Struct
from starlette.requests import HTTPConnection

from chatserver.errors import NotAllowed, NotSignedIn

# Where programs come in: the API, files and sockets. A person's pages take the browser's sign-in alone, so that a token
# in the wrong hands makes no other token, ends no sign-in and exports nothing.
TOKEN_PATHS = ("/api/", "/files/", "/ws/")


class Viewer(Struct, frozen=True, kw_only=True):
    """A signed-in person and how the sign-in was shown: by the browser's cookie or by an API token."""

    id: str
    name: str
    role: Literal["member", "admin"]
    via: Literal["cookie", "token"]
    credential_id: str


def current_viewer(connection: HTTPConnection) -> Viewer | None:
    """The person behind a request or a websocket's handshake, or None."""
    viewer: Viewer | None = connection.state.viewer
    return viewer


def require_viewer(connection: HTTPConnection) -> Viewer:
    """The person behind a request; NotSignedIn where there is none."""
    viewer = current_viewer(connection)
    if viewer is None:
        raise NotSignedIn
    return viewer


def shown_token(connection: HTTPConnection) -> str | None:
    """The Bearer token of a request to where tokens count; None where none is shown, or the header is not looked at."""
    if not connection.scope["path"].startswith(TOKEN_PATHS):
        return None
    # Other schemes are not ours: a proxy in front may ask for a password of its own.
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def require_browser(connection: HTTPConnection) -> Viewer:
    """The person behind a request that a browser's sign-in may make, and an API token may not."""
    viewer = require_viewer(connection)
    if viewer.via != "cookie":
        raise NotAllowed("An API token may not do that. Sign in with a browser and do it in the settings.")
    return viewer
