"""Reports, the things that they are about, and decisions."""

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from chatserver.database import Row

ReportKind = Literal["sexual", "violence", "hate", "illegal", "spam", "other"]
TargetKind = Literal["picture", "message"]
Decided = Literal["dismissed", "hidden", "restored", "banned"]
# What the author of a thing may still see of it: `gone` when it was deleted.
TargetState = Literal["shown", "hidden", "gone"]

KINDS: tuple[ReportKind, ...] = get_args(ReportKind)
# The kinds as people read them.
KIND_WORDS: dict[ReportKind, str] = {
    "sexual": "Sexual",
    "violence": "Violence",
    "hate": "Hate",
    "illegal": "Illegal",
    "spam": "Spam",
    "other": "Something else",
}
# Characters of the words of a report.
WORDS_LENGTH = 1000


class Decision(Struct, frozen=True, kw_only=True):
    """What an operator decided on a thing, and why. `decider` is the name at the time."""

    id: str
    at: datetime
    action: Decided
    target_kind: TargetKind
    target_id: str
    session_id: str
    author_id: str | None
    decider: str
    reason: str

    @classmethod
    def from_row(cls, row: Row) -> "Decision":
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class Report(Struct, frozen=True, kw_only=True):
    """One report of one person, or of a visitor of a share link (`reporter_id` None)."""

    id: str
    kind: ReportKind
    words: str
    reporter_id: str | None
    created_at: datetime
    due_at: datetime

    @classmethod
    def from_row(cls, row: Row) -> "Report":
        return cls(**{name: row[name] for name in cls.__struct_fields__})


class ReportedThing(Struct, frozen=True, kw_only=True):
    """A reported picture or message: whose it is, how it is now, and its newest open reports, the most urgent first.

    `seen` is the id of the newest decision on it, or empty: a decision names it, so that nobody overrules another unseen.
    """

    cursor: str
    target_kind: TargetKind
    target_id: str
    session_id: str
    author_id: str | None
    media: Literal["image", "video", "text"]
    state: TargetState
    seen: str
    count: int
    reports: tuple[Report, ...]


class OwnReport(Struct, frozen=True, kw_only=True):
    """A report as its author reads it: `action` and `reason` once it is decided."""

    id: str
    kind: ReportKind
    target_kind: TargetKind
    created_at: datetime
    action: Decided | None
    reason: str | None

    @classmethod
    def from_row(cls, row: Row) -> "OwnReport":
        return cls(**{name: row[name] for name in cls.__struct_fields__})
