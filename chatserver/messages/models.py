"""What a session's stream carries, as everybody sees it: whole messages, with the generations in them and their assets."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database import Row
from chatserver.generations.models import LONG_AGO, Generation, Stack
from chatserver.identity import colours
from chatserver.markdown import growing, plain
from chatserver.messages import finish_reason

AuthorKind = Literal["user", "assistant", "system"]
AuthorRole = Literal["owner", "operator", "guest", "assistant", "system"]
MessageKind = Literal["text", "image", "video"]
# The longest reply of which a picture is offered, in characters: longer ones are no prompt.
LONGEST_DESCRIPTION = 600

MessageStatus = Literal["streaming", "done", "failed", "deleted"]


def utf16_length(text: str) -> int:
    """The number of UTF-16 code units, in which browsers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


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

    While a reply streams, `html` holds its finished blocks, and `closed` counts the UTF-16 code units that they cover;
    `open` is the block being written, with a `<span data-tail></span>` where its next words belong, and with it `shown`
    code units are covered.

    `version` of `versions` says which one of several this is; they share the `place` of the first, whose id `replaces` is,
    and all but one are `hidden`. Without one of another's, a message's place is its id.

    `withheld` is the reason for which the operator has hidden it: it has no text and no generations then.
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
    open: str = ""
    shown: int = 0
    place: str | None = None
    replaces: str | None = None
    version: int = 1
    versions: int = 1
    hidden: bool = False
    withheld: str | None = None

    @property
    def tail(self) -> str:
        """What of `text` is neither in `html` nor in `open`: shown plain while the reply streams."""
        return self.text.encode("utf-16-le", "surrogatepass")[2 * self.shown :].decode("utf-16-le", "replace")

    @property
    def open_parts(self) -> tuple[str, str]:
        """The HTML of the open block, before and after the place of its next words."""
        return growing.open_parts(self.open)

    @property
    def ending(self) -> finish_reason.Ending | None:
        """How a reply ended that did not come to the end of what it had to say; None for all others."""
        return finish_reason.of(self.text) if self.author.kind == "assistant" else None

    @property
    def is_describable(self) -> bool:
        """Whether this is a whole reply in a few plain words, of which one may have a picture made."""
        return self.status == "done" and len(self.text) <= LONGEST_DESCRIPTION and plain.is_plain(self.text)

    @property
    def order(self) -> tuple[str, str]:
        """What messages are sorted by in the stream."""
        return (self.place or self.id, self.id)

    @property
    def stacks(self) -> list[Stack]:
        """The generations as they are shown: side by side by number, each with its later versions."""
        stacks: dict[str, list[Generation]] = {}
        roots: dict[str, str] = {}
        for generation in self.generations:
            root = roots.get(generation.parent_id or "", generation.id)
            roots[generation.id] = root
            stacks.setdefault(root, []).insert(0, generation)
        return [Stack(root, number, tuple(made)) for number, (root, made) in enumerate(stacks.items(), start=1)]

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
            generations=() if row["status"] == "deleted" or row["withheld"] else tuple(generations),
            reply_to=row["reply_to"],
            closed=row["closed"],
            open=row["open_html"],
            shown=row["shown"],
            place=row["place"],
            replaces=row["replaces"],
            version=row["version"],
            versions=row["versions"],
            hidden=row["hidden"],
            withheld=None if row["status"] == "deleted" else row["withheld"],
        )

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Row],
        generation_rows: Sequence[Row],
        asset_rows: Sequence[Row],
        owners: Mapping[str, str],
    ) -> "tuple[Message, ...]":
        """Whole messages, in the order of `rows`. `owners` by session, where `Author.from_row` needs them."""
        generations = defaultdict(list)
        for generation in Generation.from_rows(generation_rows, asset_rows):
            generations[generation.message_id].append(generation)
        return tuple(cls.from_row(row, generations[row["id"]], owners.get(row["session_id"])) for row in rows)

    @classmethod
    def placeholder(cls, kind: MessageKind) -> "Message":
        """What the browser shows of a message until the server has stored it."""
        return cls(
            id="pending",
            session_id="",
            client_id="",
            seq=0,
            author=Author(id="", name="", kind="user", role="guest", hue=0),
            kind=kind,
            text="",
            html="",
            status="done",
            created_at=LONG_AGO,
            generations=() if kind == "text" else (Generation.placeholder(kind),),
        )
