"""Balances of credits: how many a session owns, has free and has held, and when the next becomes available."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Kind = Literal["image", "video"]


class Balance(Struct, frozen=True, kw_only=True):
    """The credits of one kind: `limit` owned, `left` free, `held` by running generations; the next is free at `next_at`."""

    limit: int
    left: int
    held: int
    next_at: datetime | None


class Balances(Struct, frozen=True, kw_only=True):
    """The balances of both kinds, as on the wire."""

    image: Balance
    video: Balance
