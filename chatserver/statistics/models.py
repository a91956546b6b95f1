"""Calls of providers, as they are kept."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Outcome = Literal["done", "failed", "cancelled"]
Blame = Literal["provider", "ours", "user"]


class ReplyCall(Struct, frozen=True, kw_only=True):
    """One reply that was asked of a model, to its end. Seconds from the request: `first_token` until the first text (None:
    there was none), `seconds` to the end. `tokens_are_counted`: by the service; otherwise they are estimated."""

    provider: str
    model: str
    outcome: Literal["done", "failed", "stopped"]
    first_token: float | None
    seconds: float
    tokens_in: int
    tokens_out: int
    tokens_are_counted: bool
    error_code: str | None = None


class ProviderCall(Struct, frozen=True, kw_only=True):
    """One call of a provider that has ended. Times are seconds: `queued` at the provider, `loading` until it began,
    `rendering` until it ended; `width` and `height` are pixels, as asked for or, where it is done, as made; `duration` is
    that of a clip.

    `cancelled` says that nobody waited for it any more: its person cancelled it, or its worker had to stop.
    """

    id: str
    provider: str
    model: str
    started_at: datetime
    ended_at: datetime
    queued: float
    loading: float
    rendering: float
    width: int
    height: int
    outcome: Outcome
    error_code: str | None = None
    duration: float | None = None
