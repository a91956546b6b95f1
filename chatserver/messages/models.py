"""What a session's stream carries, as everybody sees it: messages, the generations in them, and their assets.

The shapes of a whole message live together, so that one value holds all that drawing or sending it needs. The rules of
generations and assets are in their own packages; they import the shapes from here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from chatserver.database import Row
from chatserver.errors import RateLimited
from chatserver.identity import colours
from chatserver.messages import finish_reason

T = TypeVar("T")

AuthorKind = Literal["user", "assistant", "system"]
AuthorRole = Literal["owner", "operator", "guest", "assistant", "system"]
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

    @classmethod
    def from_row(cls, row: Row) -> "Asset":
        folder, filename = f"/files/{row['id']}", row["filename"]
        return cls(
            id=row["id"],
            kind=row["kind"],
            content_type=row["content_type"],
            width=row["width"],
            height=row["height"],
            bytes=row["bytes"],
            sha256=row["sha256"],
            filename=filename,
            url=f"{folder}/{filename}",
            download_url=f"{folder}/{filename}?download",
            thumbnail_url=f"{folder}/thumbnail.webp",
            placeholder=row["placeholder"],
            favorite=row["favorite"],
            duration_seconds=row["duration_seconds"],
        )


class Stage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a generation is: only what is known. `position` 1 = next; `fraction` 0–1; `attempt` counts claims."""

    attempt: int
    position: int | UnsetType = UNSET
    eta_seconds: float | UnsetType = UNSET
    fraction: float | UnsetType = UNSET
    step: int | UnsetType = UNSET
    steps: int | UnsetType = UNSET

    @classmethod
    def from_row(cls, row: Row) -> "Stage":
        if row["status"] in ENDED:
            return cls(attempt=row["attempt"])
        eta = row["eta_seconds"]
        return cls(
            attempt=row["attempt"],
            eta_seconds=UNSET if eta is None else max(round(eta, 1), 0.0),
            fraction=UNSET if row["fraction"] is None else round(row["fraction"], 3),
            step=_known(row["step"]),
            steps=_known(row["step_count"]),
        )


def _known(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units, in which browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class GenerationFault(Struct, frozen=True, kw_only=True):
    """Why a generation failed, in words for people, and whether its credit came back."""

    code: str
    message: str
    credit_returned: bool
    retry_at: datetime | None = None

    @classmethod
    def from_row(cls, row: Row) -> "GenerationFault | None":
        if row["error_code"] is None:
            return None
        return cls(
            code=row["error_code"],
            message=row["error_message"],
            credit_returned=row["credit_returned"],
            retry_at=row["retry_at"],
        )


class Generation(Struct, frozen=True, kw_only=True):
    """One picture or clip being made. `number` counts in the message from 1; `parent_id` is what it is a version of."""

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

    @classmethod
    def from_row(cls, row: Row, assets: Sequence[Asset]) -> "Generation":
        return cls(
            id=row["id"],
            message_id=row["message_id"],
            kind=row["kind"],
            number=row["number"],
            status=row["status"],
            stage=Stage.from_row(row),
            prompt=row["prompt"],
            negative_prompt=row["negative_prompt"],
            style=row["style"],
            seed=row["seed"],
            width=row["width"],
            height=row["height"],
            steps=row["steps"],
            guidance=row["guidance"],
            model=row["model"],
            provider=row["provider"],
            error=GenerationFault.from_row(row),
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            parent_id=row["parent_id"],
            assets=tuple(assets),
        )


class Author(Struct, frozen=True, kw_only=True):
    """Who wrote a message. `id` is the user's, or the session's for the assistant and the system. `hue`: 0–11.

    `role` is the one in which it was said, and cannot be chosen as a name can: an operator is an admin of the site in
    the session of somebody else.
    """

    id: str
    name: str
    kind: AuthorKind
    role: AuthorRole
    hue: int

    @classmethod
    def from_row(cls, row: Row, owner_id: str | None) -> "Author":
        """`owner_id` is the session's owner, for what was said before roles were kept."""
        author_id, hue = row["user_id"] or row["session_id"], row["author_hue"]
        hue = colours.hue_of(author_id) if hue is None else hue
        kind, role = row["author_kind"], row["author_role"]
        if kind != "user":
            role = kind
        elif role is None:
            role = "owner" if author_id == owner_id else "guest"
        return cls(id=author_id, name=row["author_name"], kind=kind, role=role, hue=hue)


class Message(Struct, frozen=True, kw_only=True):
    """One entry of a session's stream, whole, as it now is. `html` is sanitised; `seq` is that of its last change.

    While a reply streams, `html` holds its finished blocks, and `closed` counts the UTF-16 code units that they cover.
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

    @property
    def tail(self) -> str:
        """What of `text` is not yet in `html`: shown plain while the reply streams."""
        return self.text.encode("utf-16-le", "surrogatepass")[2 * self.closed :].decode("utf-16-le", "replace")

    @property
    def goes_on(self) -> bool:
        """Whether this is a reply that ended before all was said, so that one may ask for the rest."""
        return (
            self.author.kind == "assistant"
            and self.status == "done"
            and finish_reason.code_of(self.text) == finish_reason.LENGTH
        )

    @property
    def declined(self) -> bool:
        """Whether this reply was never begun: who asked has had as many as one person may have."""
        return self.status == "failed" and finish_reason.code_of(self.text) == RateLimited.code

    @property
    def stacks(self) -> list[list[Generation]]:
        """The generations as they are shown: side by side by number, each with its later versions, newest first."""
        stacks: dict[str, list[Generation]] = {}
        roots: dict[str, str] = {}
        for generation in self.generations:
            root = roots.get(generation.parent_id or "", generation.id)
            roots[generation.id] = root
            stacks.setdefault(root, []).insert(0, generation)
        return list(stacks.values())

    @classmethod
    def from_row(cls, row: Row, generations: Sequence[Generation], owner_id: str | None = None) -> "Message":
        return cls(
            id=row["id"],
            session_id=row["session_id"],
            client_id=row["client_id"],
            seq=row["seq"],
            author=Author.from_row(row, owner_id),
            kind=row["kind"],
            text=row["text"],
            html=row["html"],
            status=row["status"],
            created_at=row["created_at"],
            generations=() if row["status"] == "deleted" else tuple(generations),
            reply_to=row["reply_to"],
            closed=row["closed"],
        )
