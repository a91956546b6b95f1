"""What a member bought: a plan, a clock, members and a stream."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from chatserver.credits.models import Balances

SessionStatus = Literal["active", "expired"]
MemberRole = Literal["owner", "guest"]


class Member(Struct, frozen=True, kw_only=True):
    """Somebody in a session."""

    id: str
    name: str
    role: MemberRole


class Session(Struct, frozen=True, kw_only=True):
    """A session as its members see it."""

    id: str
    title: str
    plan_id: str
    status: SessionStatus
    started_at: datetime
    expires_at: datetime
    seq: int
    owner_id: str
    guests_may_generate: bool
    members: tuple[Member, ...]
    credits: Balances
