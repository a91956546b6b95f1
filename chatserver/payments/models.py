"""Orders, and what gateways say about them. Amounts are whole numbers of the currency's smallest unit: 4900 is ₹49."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from chatserver.database import Row
from chatserver.errors import Invalid
from chatserver.plans.models import Plan

Mode = Literal["test", "live"]
OrderState = Literal["open", "expired", "paid", "fulfilled", "refunded"]
# Currencies that gateways take without a smaller unit (ISK has none in ISO 4217, and is sent with two decimals).
_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
# The books cannot hold the thousand parts of a unit. UGX stands in Stripe's list of currencies without a smaller unit
# (https://docs.stripe.com/currencies), and among the special cases beneath it as sent with two decimals: either could be a
# hundredth, or a hundred times, of the price.
_NOT_PAYABLE = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "UGX"})


class PlanOrder(Struct, frozen=True, kw_only=True):
    """What somebody wants to pay for: a plan as it was sold, for a new session or to extend one (`session_id`).

    `user_id` is None once the account is deleted. `gateway_id` names the page of payment, `payment_id` the payment.
    """

    id: str
    user_id: str | None
    gateway: str
    mode: Mode
    plan: Plan
    amount: int
    currency: str
    session_id: str | None
    state: OrderState
    gateway_id: str | None
    payment_id: str | None
    gateway_url: str | None
    refunded: int
    disputed: bool
    purchase_id: str | None
    granted_session_id: str | None
    receipt_number: int | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None

    @classmethod
    def from_row(cls, row: Row) -> "PlanOrder":
        fields = {name: row[name] for name in cls.__struct_fields__}
        return cls(**{**fields, "plan": msgspec.convert(row["plan"], Plan)})

    @property
    def price(self) -> Decimal:
        """The amount in whole units."""
        return whole(self.amount, self.currency)

    @property
    def refunded_price(self) -> Decimal:
        """What of it went back, in whole units."""
        return whole(self.refunded, self.currency)


class GatewayPage(Struct, frozen=True):
    """Where the person pays: the gateway's id of the page, and its address."""

    id: str
    url: str


class GatewayAnswer(Struct, frozen=True, kw_only=True):
    """What a gateway says about an order now. `is_live` is None where the gateway does not say."""

    status: Literal["open", "paid", "expired"]
    order_id: str
    amount: int
    currency: str
    is_live: bool | None
    payment_id: str | None = None
    refunded: int = 0
    disputed: bool = False
    # The bank has taken the money back.
    lost: bool = False
    # Money that was given back did not arrive: it is with the seller again.
    refund_failed: bool = False


class GatewayReport(Struct, frozen=True, kw_only=True):
    """A signed report: its type, and by which ids the order may be found. What it claims is asked for, never believed."""

    kind: str
    gateway_ids: tuple[str, ...]
    disputed: bool = False
    # The bank has taken the money back.
    lost: bool = False
    # Money that was given back did not arrive: it is with the seller again.
    refund_failed: bool = False


def smallest(amount: float, currency: str) -> int:
    """An amount of whole units in the smallest unit. Raises Invalid for what no gateway can be paid."""
    if currency in _NOT_PAYABLE:
        raise Invalid.field("plan_id", "is sold in a currency that cannot be paid here")
    exact = Decimal(str(amount)) * (1 if currency in _WHOLE else 100)
    if exact <= 0 or exact != exact.to_integral_value():
        raise Invalid.field("plan_id", "has a price that cannot be paid here")
    return int(exact)


def whole(amount: int, currency: str) -> Decimal:
    """An amount of the smallest unit in whole units."""
    return Decimal(amount) if currency in _WHOLE else Decimal(amount) / 100
