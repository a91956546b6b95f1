"""A plan: what a session on it costs and gives. Rows of `session_config`."""

from msgspec import Struct


class Price(Struct, frozen=True):
    """An amount in whole units of an ISO 4217 currency: 49 INR."""

    amount: float
    currency: str


class Plan(Struct, frozen=True, kw_only=True):
    """What a session gives: `minutes` of clock, credits an hour, the largest side in pixels, pictures at once."""

    id: str
    name: str
    price: Price
    minutes: int
    image_credits_per_hour: int
    video_credits_per_hour: int
    max_size: int
    max_count: int
