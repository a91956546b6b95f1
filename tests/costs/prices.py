"""Prices and plans for the tests of costs."""

from datetime import UTC, datetime
from decimal import Decimal

from chatserver.audit import Actor
from chatserver.costs.models import UnitPrice
from chatserver.plans import Plan, Price

GRACE = Actor(name="Grace", address="192.0.2.7")


def unit_price(amount, unit="picture", kind="image", currency="USD", provider="huggingface", model=""):
    return UnitPrice(
        id="018f0000-0000-7000-8000-000000000001",
        provider=provider,
        model=model,
        kind=kind,
        unit=unit,
        amount=Decimal(amount),
        currency=currency,
        valid_from=datetime(2026, 11, 1, tzinfo=UTC),
    )


def plan(amount=99, minutes=180, images=15, videos=5, size=1024, currency="INR", available=True):
    return Plan(
        id="pro",
        name="Pro",
        price=Price(amount, currency),
        minutes=minutes,
        image_credits_per_hour=images,
        video_credits_per_hour=videos,
        max_size=size,
        max_count=4,
        available=available,
    )
