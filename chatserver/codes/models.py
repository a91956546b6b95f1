"""Codes, each good for one session: what is made, and what the operator sees of them."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.database import Row
from chatserver.database.records import Record

CodeState = Literal["unused", "redeemed", "expired", "withdrawn"]


class CodeOrder(Struct, frozen=True, kw_only=True):
    """What to make: `count` codes for a plan, each at `price` (as typed; empty: nothing), until `expires` (a date, a time
    or a duration); `note` is the operator's."""

    plan_id: str
    count: int
    expires: str
    price: str = ""
    note: str = ""


class MadeCodes(Struct, frozen=True, kw_only=True):
    """New codes, as they are printed once, and their batch."""

    batch_id: str
    plan_name: str
    expires_at: datetime
    codes: tuple[str, ...]


class CodeBatch(Record, frozen=True, kw_only=True):
    """Codes that were made together, and how many of them were redeemed, withdrawn, or have expired unused."""

    id: str
    plan_id: str
    minutes: int
    amount: str
    currency: str
    note: str
    made_by: str
    made_at: datetime
    expires_at: datetime
    made: int
    redeemed: int
    revoked: int
    expired: int

    @property
    def unused(self) -> int:
        """Those that can still be redeemed."""
        return self.made - self.redeemed - self.revoked - self.expired


class IssuedCode(Struct, frozen=True, kw_only=True):
    """One code without the code itself: its state, and who has redeemed it, while the account exists."""

    id: str
    state: CodeState
    redeemed_at: datetime | None
    redeemed_by: str | None
    session_id: str | None

    @classmethod
    def from_row(cls, row: Row) -> "IssuedCode":
        return cls(state=state_of(row), **{field: row[field] for field in cls.__struct_fields__ if field != "state"})


def state_of(row: Row) -> CodeState:
    """The state of a code's row, which has `expired` beside its columns."""
    if row["redeemed_at"] is not None:
        return "redeemed"
    if row["revoked_at"] is not None:
        return "withdrawn"
    return "expired" if row["expired"] else "unused"
