"""Sales that were paid for, and what of them was given back, in the books. Needs the worker role."""

from datetime import datetime
from decimal import Decimal

from chatserver import audit, ids
from chatserver.audit import Actor
from chatserver.database import Row, Transaction
from chatserver.database.records import Record
from chatserver.errors import Conflict, Invalid, NotFound

# Sales that the page shows.
MOST_SALES = 20
# The ways to pay at which the money goes back by itself.
GATEWAYS = frozenset({"stripe", "razorpay"})


class Sale(Record, frozen=True, kw_only=True):
    """A sale that was paid for, with what of it was given back; `user_id` is None once the account is deleted."""

    purchase_id: str
    plan_id: str
    amount: Decimal
    currency: str
    at: datetime
    user_id: str | None
    refunded: Decimal


async def sales(tx: Transaction) -> list[Sale]:
    """The newest sales that were paid for."""
    return [Sale.from_row(row) for row in await tx.fetch_all("costs.sales", limit=MOST_SALES)]


async def book(tx: Transaction, purchase_id: str, amount: Decimal) -> None:
    """Books what a payment service gave back of a sale. NotFound for a purchase that was not paid for."""
    await _book(tx, await _locked_sale(tx, purchase_id), amount)


def require_seen(seen: str, refunded: str) -> None:
    """Raises Conflict where what was given back is not what a form has shown: it was sent twice, or another operator was
    faster."""
    if seen != refunded:
        raise Conflict(
            "Money was given back since this page was opened. Here it is as it is now; refund more if you want."
        )


async def refund(
    tx: Transaction, actor: Actor, purchase_id: str, amount: Decimal, reason: str, *, seen: str | None = None
) -> None:
    """Books that a sale, or a part of it, was given back; the money itself is moved elsewhere.

    NotFound for a purchase that was not paid for, Invalid for no amount, Conflict for more than is left of it, and where
    `seen`, with two decimals, is not what was given back until now.
    """
    if amount <= 0 or amount != amount.quantize(Decimal("0.01")):
        raise Invalid.field("amount", "must be more than 0, with at most two decimals")
    sale = await _locked_sale(tx, purchase_id)
    if sale["checkout"] in GATEWAYS:
        raise Conflict("This sale was paid at a payment service. Refund it under Orders, which moves the money too.")
    if seen is not None:
        require_seen(seen, f"{sale['refunded']:.2f}")
    left = sale["amount"] - sale["refunded"]
    if amount > left:
        raise Conflict(f"Only {left} {sale['currency']} of this sale are left to refund.")
    await _book(tx, sale, amount)
    details = {"amount": str(amount), "currency": sale["currency"], "plan": sale["plan_id"]}
    await audit.record(tx, actor, "purchase.refunded", "purchase", purchase_id, reason, **details)


async def _locked_sale(tx: Transaction, purchase_id: str) -> Row:
    """A sale with what is booked of it; refunds of one sale are booked one after the other."""
    await tx.fetch_value("costs.lock_sale", purchase_id=purchase_id)
    row = await tx.fetch_one("costs.sale", purchase_id=purchase_id)
    if row is None:
        raise NotFound
    return row


async def _book(tx: Transaction, sale: Row, amount: Decimal) -> None:
    sold = {name: sale[name] for name in ("purchase_id", "plan_id", "checkout", "currency")}
    await tx.execute("costs.add_refund", id=ids.new(), amount=-amount, **sold)
