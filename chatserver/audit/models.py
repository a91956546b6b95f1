"""Actors, who do what the audit log records, and its entries."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from starlette.requests import HTTPConnection

from chatserver.database.records import Record
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


class AuditEntry(Record, frozen=True, kw_only=True):
    """One act: who did it, what, on whom, when, from where and why; `details` are ids and figures."""

    id: str
    at: datetime
    actor_id: str | None
    actor: str
    action: str
    target_kind: str
    target_id: str
    subject_id: str | None
    address: str
    reason: str
    details: dict[str, Any]

    @property
    def details_in_words(self) -> str:
        """The details on one line: "kind image, count 3"."""
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.details.items())


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which entries to show: by the beginning of the action, by actor or by target; empty: all."""

    action: str = ""
    actor: str = ""
    target: str = ""
