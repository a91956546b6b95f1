"""What sessions announce."""

from typing import Literal

from msgspec import Struct

from chatserver.events import Event
from chatserver.sessions.models import Session, SessionSummary


class SessionChanged(Event, frozen=True, kw_only=True, tag="session"):
    """Status, time, title or members of the session changed."""

    session: Session

    def merge_key(self) -> str | None:
        return "session"


class SessionDeleted(Event, frozen=True, kw_only=True, tag="session.deleted"):
    """The owner deleted the session with everything in it. Sockets close after this event."""

    session_id: str

    def ends_channel(self) -> bool:
        return True


class UsualDuration(Struct, frozen=True):
    """The median seconds of the latest pictures or clips of one kind, model, size in pixels (width times height) and number
    of steps (None: as many as the model takes by itself)."""

    kind: Literal["image", "video"]
    model: str
    pixels: int
    seconds: float
    steps: int | None = None


class StatsChanged(Event, frozen=True, kw_only=True, tag="stats"):
    """Counts of the session, the median seconds of the most usual picture, those of each kind, model, size and number of
    steps of which enough were made lately (the most usual first), the queue's length, and the session's open sockets.

    `queued` and `rendering` count the session's own pictures and clips that are not finished; `queue_length` everybody's.
    """

    messages: int
    images: int
    videos: int
    tokens_in: int
    tokens_out: int
    median_seconds: float | None
    usual: tuple[UsualDuration, ...]
    queue_length: int
    queued: int
    rendering: int
    connections: int

    def merge_key(self) -> str | None:
        return "stats"


class SummariesChanged(Event, frozen=True, kw_only=True, tag="sessions"):
    """Sessions of one user that changed, for the list of them; `removed` are the ids of those that are no longer theirs."""

    summaries: tuple[SessionSummary, ...]
    removed: tuple[str, ...] = ()
