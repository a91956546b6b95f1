"""Actors, who do what the audit log records."""

from msgspec import Struct
from starlette.requests import HTTPConnection

from chatserver.identity.viewer import require_viewer


class Actor(Struct, frozen=True, kw_only=True):
    """Who acts as an operator: an account by id and its name at the time, and the address that the request came from."""

    id: str | None = None
    name: str
    address: str = ""

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Actor":
        """The signed-in user who sends a request. Raises NotSignedIn."""
        viewer = require_viewer(connection)
        return cls(id=viewer.id, name=viewer.name, address=connection.client.host if connection.client else "")


COMMAND_LINE = Actor(name="command line")
