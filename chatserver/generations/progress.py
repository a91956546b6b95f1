"""What people learn of one attempt while it runs: stages as durable changes of the message, progress as ephemeral events.

A new stage is a row and a durable event. Progress within a stage is published at most four times a second, and saved more
rarely, for pages that are rendered later.
"""

import base64
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import UNSET, UnsetType

from chatserver.database import Publisher
from chatserver.events import Announcement, session_channel
from chatserver.generations import queue
from chatserver.generations.events import Progress
from chatserver.generations.models import GenerationJob, GenerationStatus, ModelChoice
from chatserver.generations.queue import SavedProgress
from chatserver.jobs.lease import Lease
from chatserver.providers import reported_numbers
from chatserver.providers.base import Loading, Queued, Rendering

# Progress events of one generation come at least this far apart.
PUBLISH_SECONDS = 0.25

_STATUS: dict[type, GenerationStatus] = {Queued: "queued", Loading: "model-loading", Rendering: "rendering"}

T = TypeVar("T")


class ProgressReporter:
    """Publishes and saves the progress of one attempt. `save_interval` grows with the attempts of the process."""

    def __init__(
        self, publisher: Publisher, job: GenerationJob, lease: Lease, save_interval: Callable[[], float]
    ) -> None:
        self._publisher, self._job, self._lease, self._save_interval = publisher, job, lease, save_interval
        self._status: GenerationStatus = "model-loading"
        self._known = SavedProgress()
        self._is_dirty = False
        self._published_at = 0.0
        self._rendering_since = time.monotonic()

    async def advance(self, update: Queued | Loading | Rendering, made_by: ModelChoice) -> None:
        """The provider has sent an update: stores a new stage, remembers the progress, and publishes it."""
        status, eta = _STATUS[type(update)], self._eta(update)
        if status != self._status:
            await self._lease.insist(queue.set_stage, self._job, status, made_by, eta)
            self._lease.mark_renewed()
            self._status, self._published_at = status, 0.0
        known = SavedProgress(eta_seconds=eta)
        if isinstance(update, Rendering):
            known = SavedProgress(fraction=update.fraction, step=update.step, steps=update.steps, eta_seconds=eta)
        # Seconds to go are those of this moment: the same number a little later is news.
        self._is_dirty = self._is_dirty or known != self._known or eta is not None
        self._known = known
        self._report(update, eta)

    async def save(self) -> None:
        """Saves what is new, or renews the lease where that is due. Raises Busy and LeaseLost."""
        if self._is_dirty or self._lease.is_due:
            self._is_dirty = False
            await self._lease.write(queue.save_progress, self._job, self._known)

    def _eta(self, update: Queued | Loading | Rendering) -> float | None:
        if update.eta_seconds is not None or not isinstance(update, Rendering) or not update.fraction:
            self._rendering_since = time.monotonic()
            return update.eta_seconds
        # Only a true fraction gives an estimate: what is left at the pace so far.
        elapsed = time.monotonic() - self._rendering_since
        left = reported_numbers.seconds(elapsed * (1 - update.fraction) / update.fraction)
        return None if left is None else round(left, 1)

    def _report(self, update: Queued | Loading | Rendering, eta: float | None) -> None:
        now = time.monotonic()
        if now - self._published_at < PUBLISH_SECONDS:
            return
        self._published_at = now
        if self._save_interval() <= PUBLISH_SECONDS:
            self._lease.wake()  # a page rendered a moment later shows what people have just been told
        rendering = update if isinstance(update, Rendering) else Rendering()
        event = Progress(
            generation_id=self._job.id,
            message_id=self._job.message_id,
            status=self._status,
            attempt=self._job.attempt,
            position=_given(
                update.position + 1 if isinstance(update, Queued) and update.position is not None else None
            ),
            eta_seconds=_given(eta),
            fraction=_given(rendering.fraction),
            step=_given(rendering.step),
            steps=_given(rendering.steps),
            preview=_given(base64.b64encode(rendering.preview).decode() if rendering.preview else None),
        )
        self._publisher.publish([Announcement(session_channel(self._job.session_id), event)])


def _given(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
