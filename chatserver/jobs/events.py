"""The notification of workers: one ephemeral event, published after the transaction that queued or cancelled a job."""

from typing import Literal

from chatserver.events import Event

# The channel that every worker listens on.
JOBS_CHANNEL = "jobs"


JobsKind = Literal["generation", "reply"]


class JobsWaiting(Event, frozen=True, kw_only=True, tag="jobs"):
    """To the workers: a job of this kind was queued (None: poll for all kinds), or the named one was cancelled.

    A lost one costs a poll, nothing more.
    """

    kind: JobsKind | None = None
    cancelled: str | None = None
