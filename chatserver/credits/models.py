"""Credits as people see them: how many a session owns, has free and held, and when the next comes free."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Kind = Literal["image", "video"]


class Balance(Struct, frozen=True, kw_only=True):
    """One kind's credits: `limit` owned, `left` free now, `held` by running work, `next_at` the next to come free."""

    limit: int
    left: int
    held: int
    next_at: datetime | None


class Balances(Struct, frozen=True, kw_only=True):
    """Both kinds, as on the wire."""

    image: Balance
    video: Balance
