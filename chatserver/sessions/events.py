"""What sessions announce."""

from chatserver.events import Event
from chatserver.sessions.models import Session


class SessionChanged(Event, frozen=True, kw_only=True, tag="session"):
    """Status, clock, title or members changed."""

    session: Session

    def merge_key(self) -> str | None:
        return "session"


class SessionDeleted(Event, frozen=True, kw_only=True, tag="session.deleted"):
    """The owner deleted the session, with all in it. Sockets close after it."""

    session_id: str

    def ends_channel(self) -> bool:
        return True


class StatsChanged(Event, frozen=True, kw_only=True, tag="stats"):
    """This session's counts, the usual seconds of a picture, the queue's length now, and its open sockets."""

    messages: int
    images: int
    videos: int
    tokens_in: int
    tokens_out: int
    median_seconds: float | None
    queue_length: int
    connections: int

    def merge_key(self) -> str | None:
        return "stats"
