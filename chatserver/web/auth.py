"""Who is asking. The middleware puts a `Viewer` (or None) on `request.state.viewer`; entrances require one."""

from typing import Literal

from msgspec import Struct
from starlette.requests import HTTPConnection

from chatserver.errors import NotSignedIn


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
