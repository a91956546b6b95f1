"""What tells workers that there is something to do: one ephemeral event, sent after the job is committed."""

from typing import Literal

from chatserver.events import Event

# The channel that every worker listens on.
JOBS_CHANNEL = "jobs"


JobsKind = Literal["generation", "reply"]


class JobsWaiting(Event, frozen=True, kw_only=True, tag="jobs"):
    """To the workers: a job of this kind was queued (None: look for all kinds), or the named one was cancelled.

    A lost one costs a poll, nothing more.
    """

    kind: JobsKind | None = None
    cancelled: str | None = None
