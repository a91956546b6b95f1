"""Checks that orders, purchases and revenue agree (`chatserver payments check`)."""

from chatserver.credits.reconciler import Discrepancy, discrepancies
from chatserver.database import Transaction

_CHECKS = {
    "payments.purchases_without_order": "the purchase at a gateway has no order",
    "payments.orders_without_purchase": "the order is fulfilled, and the books say something else",
    "payments.refunds_unbooked": "what went back of the order differs from the books",
    "payments.paid_for_nothing": "money is there for more than an hour, and nothing was granted or given back",
}


async def check(tx: Transaction) -> list[Discrepancy]:
    """All discrepancies; none means that every payment is accounted for. Needs the worker role."""
    return await discrepancies(tx, _CHECKS)
