"""What the audit log announces, on the channel of the operator's pages."""

from chatserver.events import Event

# The channel of the operator's pages, in every web process.
ADMIN_CHANNEL = "admin"


class OperatorActed(Event, frozen=True, kw_only=True, tag="operator-acted"):
    """To the web processes: an operator has done something, by the name of the act. A lost one costs seconds."""

    action: str

    def merge_key(self) -> str | None:
        return "operator-acted"
