"""Plans, the rows of `session_config`, and their prices."""

from msgspec import Struct

from chatserver.database import Row


class Price(Struct, frozen=True):
    """An amount in whole units of an ISO 4217 currency: 49 INR."""

    amount: float
    currency: str


class Plan(Struct, frozen=True, kw_only=True):
    """What a session costs and includes: minutes, credits an hour, the largest side in pixels, pictures at once, uploads
    that each person may keep in it."""

    id: str
    name: str
    price: Price
    minutes: int
    image_credits_per_hour: int
    video_credits_per_hour: int
    max_size: int
    max_count: int
    max_uploads: int = 20
    chat_model: str = ""
    available: bool = True
    position: int = 0

    @property
    def images(self) -> int:
        """About how many pictures a session of this plan makes: its credits an hour for its hours, at least once."""
        return max(self.image_credits_per_hour, self.image_credits_per_hour * self.minutes // 60)

    @property
    def image_price(self) -> Price | None:
        """What each of these pictures costs; None where there are none, or nothing is to pay."""
        if not self.images or not self.price.amount:
            return None
        return Price(self.price.amount / self.images, self.price.currency)

    @classmethod
    def from_row(cls, row: Row) -> "Plan":
        return cls(
            id=row["id"],
            name=row["name"],
            price=Price(float(row["price_amount"]), row["price_currency"]),
            minutes=row["minutes"],
            image_credits_per_hour=row["image_credits_per_hour"],
            video_credits_per_hour=row["video_credits_per_hour"],
            max_size=row["max_size"],
            max_count=row["max_count"],
            max_uploads=row["max_uploads"],
            chat_model=row["chat_model"],
            available=row["available"],
            position=row["position"],
        )


class Offer(Struct, frozen=True, kw_only=True):
    """A plan as it is shown beside the others: whether it is the default, and the fields in which the plans differ."""

    plan: Plan
    is_default: bool
    differing: frozenset[str]
