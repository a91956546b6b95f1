"""Reports, the things that they are about, and decisions."""

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from chatserver.database.records import Record

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


class Decision(Record, frozen=True, kw_only=True):
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


class Report(Record, frozen=True, kw_only=True):
    """One report of one person, or of a visitor of a share link (`reporter_id` None)."""

    id: str
    kind: ReportKind
    words: str
    reporter_id: str | None
    created_at: datetime
    due_at: datetime


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


class OwnReport(Record, frozen=True, kw_only=True):
    """A report as its author reads it: `action` and `reason` once it is decided."""

    id: str
    kind: ReportKind
    target_kind: TargetKind
    created_at: datetime
    action: Decided | None
    reason: str | None
