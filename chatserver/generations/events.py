"""What generations announce."""

from typing import Literal

from msgspec import UNSET, UnsetType

from chatserver.events import Event
from chatserver.generations.models import GenerationStatus


class Progress(Event, frozen=True, kw_only=True, tag="progress", omit_defaults=True):
    """Where a generation is now; ephemeral. `preview` is the base64 of a small WebP.

    `waits_for` says why a queued one is not begun: the hour's calls are used up (`limit`), the service is left alone for
    a while (`closed`), or the operator has paused it (`paused`).
    """

    generation_id: str
    message_id: str
    status: GenerationStatus
    attempt: int
    position: int | UnsetType = UNSET
    eta_seconds: float | UnsetType = UNSET
    waits_for: Literal["limit", "closed", "paused"] | UnsetType = UNSET
    fraction: float | UnsetType = UNSET
    step: int | UnsetType = UNSET
    steps: int | UnsetType = UNSET
    preview: str | UnsetType = UNSET

    def merge_key(self) -> str | None:
        return f"progress:{self.generation_id}"
