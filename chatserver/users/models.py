"""People as the product knows them."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Role = Literal["member", "admin"]


class User(Struct, frozen=True, kw_only=True):
    """An account as its owner sees it."""

    id: str
    name: str
    email: str
    role: Role
    created_at: datetime
