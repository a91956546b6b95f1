"""What the stream announces."""

from typing import Literal

from msgspec import UNSET, UnsetType

from chatserver.events import Event
from chatserver.messages.models import GenerationStatus, Message


class MessageChanged(Event, frozen=True, kw_only=True, tag="message"):
    """A message is new or changed: an upsert by `message.id`, durable."""

    seq: int
    message: Message

    def durable_seq(self) -> int | None:
        return self.seq


class Delta(Event, frozen=True, kw_only=True, tag="delta"):
    """More of a streaming reply; `offset` counts the UTF-16 code units before it. The next message heals a lost one."""

    message_id: str
    offset: int
    text: str


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
