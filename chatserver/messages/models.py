"""What a session's stream carries, as everybody sees it: messages, the generations in them, and their assets.

The shapes of a whole message live together, so that one value holds all that drawing or sending it needs. The rules of
generations and assets are in their own packages; they import the shapes from here.
"""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

AuthorKind = Literal["user", "assistant", "system"]
MessageKind = Literal["text", "image", "video"]
MessageStatus = Literal["streaming", "done", "failed", "deleted"]
GenerationStatus = Literal["queued", "model-loading", "rendering", "done", "failed", "cancelled"]

ENDED: frozenset[GenerationStatus] = frozenset({"done", "failed", "cancelled"})


class Asset(Struct, frozen=True, kw_only=True):
    """A stored file. Sizes in pixels and bytes; addresses are stable and checked on each request.

    `placeholder` is the base64 of a WebP of at most 24 pixels a side, drawn until the file has loaded.
    """

    id: str
    kind: Literal["image", "video"]
    content_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    filename: str
    url: str
    download_url: str
    thumbnail_url: str
    placeholder: str
    favorite: bool
    duration_seconds: float | None = None


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a generation is: only what is known. `position` 1 = next; `fraction` 0–1; `attempt` counts claims."""

    attempt: int
    position: int | UnsetType = UNSET
    eta_seconds: float | UnsetType = UNSET
    fraction: float | UnsetType = UNSET
    step: int | UnsetType = UNSET
    steps: int | UnsetType = UNSET


class GenerationFault(Struct, frozen=True, kw_only=True):
    """Why a generation failed, in words for people, and whether its credit came back."""

    code: str
    message: str
    credit_returned: bool
    retry_at: datetime | None = None


class Generation(Struct, frozen=True, kw_only=True):
    """One picture or clip being made. `number` counts within the message from 1; `parent_id` names what it is a version of."""

    id: str
    message_id: str
    kind: Literal["image", "video"]
    number: int
    status: GenerationStatus
    stage: Stage
    prompt: str
    negative_prompt: str | None
    style: str | None
    seed: int
    width: int
    height: int
    steps: int | None
    guidance: float | None
    model: str
    provider: str
    error: GenerationFault | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parent_id: str | None
    assets: tuple[Asset, ...]


class Author(Struct, frozen=True, kw_only=True):
    """Who wrote a message. `id` is the user's, or the session's for the assistant and the system."""

    id: str
    name: str
    kind: AuthorKind


class Message(Struct, frozen=True, kw_only=True):
    """One entry of a session's stream, whole, as it now is. `html` is sanitised; `seq` is that of its last change.

    While a reply streams, `html` holds its finished blocks, and `closed` counts the UTF-16 code units of `text` they cover.
    """

    id: str
    session_id: str
    client_id: str
    seq: int
    author: Author
    kind: MessageKind
    text: str
    html: str
    status: MessageStatus
    created_at: datetime
    generations: tuple[Generation, ...]
    reply_to: str | None = None
    closed: int = 0
