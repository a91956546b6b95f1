"""Prices of providers, exchange rates, and the costs that come of them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from chatserver.database.records import Record

BilledKind = Literal["image", "video", "reply"]
Unit = Literal["picture", "megapixel", "second", "token"]


class UnitPrice(Record, frozen=True, kw_only=True):
    """What a provider charges from `valid_from` on for one unit of what it makes: `amount` in an ISO 4217 `currency`.

    `model` is empty where the price is that of every model without one of its own. A `picture` is a clip for kind `video`;
    a `second` is one of the clip, or for pictures one of rendering.
    """

    id: str
    provider: str
    model: str
    kind: BilledKind
    unit: Unit
    amount: Decimal
    currency: str
    valid_from: datetime


class NewPrice(Struct, frozen=True, kw_only=True):
    """A price as an operator gives it, checked. `valid_from` None: from now on."""

    provider: str
    model: str
    kind: BilledKind
    unit: Unit
    amount: Decimal
    currency: str
    valid_from: datetime | None = None


class ExchangeRate(Record, frozen=True, kw_only=True):
    """From `valid_from` on, one unit of `currency` is `rate` units of `base`."""

    id: str
    currency: str
    base: str
    rate: Decimal
    valid_from: datetime


class Rates(Struct, frozen=True, kw_only=True):
    """The exchange rates at one time into `base`: how many units of it one unit of each currency is."""

    base: str
    of: Mapping[str, Decimal] = {}

    def convert(self, amount: Decimal, currency: str | None) -> Decimal | None:
        """An amount in the base currency; None where the rate is unknown. Nothing is nothing in every currency."""
        if currency == self.base or not amount:
            return amount
        rate = self.of.get(currency or "")
        return None if rate is None else amount * rate


class BilledCall(Struct, frozen=True, kw_only=True):
    """One call of a provider, as far as its price depends on it: sizes in pixels, seconds of the clip and of rendering.

    What is not known is None. `error_code` is that of its error, None where it succeeded.
    """

    provider: str
    model: str
    kind: BilledKind
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    rendering: float | None = None
    tokens: int | None = None
    error_code: str | None = None


class Cost(Struct, frozen=True, kw_only=True):
    """What one call costs; without a currency and a price it costs nothing by definition."""

    amount: Decimal
    currency: str | None = None
    price_id: str | None = None


class ModelUse(Struct, frozen=True, kw_only=True):
    """A model that a credit can be spent on, with its price (None: unknown) and the longest seconds that it has taken: of
    a clip, or of rendering a picture."""

    provider: str
    model: str
    kind: Literal["image", "video"]
    price: UnitPrice | None = None
    longest_seconds: float | None = None


class WorstCase(Struct, frozen=True, kw_only=True):
    """What a session of a plan costs if every credit of it is used on the dearest model: `known` in `currency`, and what
    of it is `unknown`, in words. `price` is that of the plan in the same currency, None where its rate is unknown."""

    images: int
    videos: int
    price: Decimal | None
    known: Decimal
    currency: str
    unknown: tuple[str, ...] = ()

    @property
    def margin(self) -> Decimal | None:
        """What is left of the plan's price, None where that is unknown."""
        return None if self.price is None or self.unknown else self.price - self.known

    @property
    def loses(self) -> bool:
        """Whether it surely loses money: what is known alone is more than the price."""
        return self.price is not None and self.known > self.price
