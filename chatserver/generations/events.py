"""What generations announce to the workers. What people see of them are messages, progress and credits."""

from chatserver.events import Event


class JobsWaiting(Event, frozen=True, kw_only=True, tag="jobs"):
    """Something was queued, or the named generation was cancelled. A lost one costs a poll, nothing more."""

    cancelled: str | None = None
