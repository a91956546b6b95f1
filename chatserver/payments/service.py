"""Orders: placing one, finding them, when their gateways are asked about them, and what is reported of them.

All of it needs the worker role.
"""

from datetime import datetime

import msgspec
import structlog

from chatserver import ids, sessions
from chatserver.database import Row, Transaction
from chatserver.errors import NotFound
from chatserver.payments.models import GatewayPage, Mode, PlanOrder, smallest
from chatserver.sessions.models import SessionOrder
from chatserver.users import idempotency, rate_limits
from chatserver.users.rate_limits import RateLimit
from chatserver.validation import visible

# How long the page of payment stays open. Stripe allows 30 minutes to a day, Razorpay 15 minutes and more.
OPEN_SECONDS = 3600.0
# What is left of it when the page is made: Stripe's own bound, and a little for the way there.
SHORTEST_SECONDS = 1830.0
# For a week a refund that has not arrived stands on the operator's overview, and then among the reports of the orders alone.
SHOWN_SECONDS = 7 * 24 * 3600.0
PAGE = 50
# Each makes a page at the gateway, which costs it and us a call.
ORDERS = RateLimit(
    "orders",
    3600,
    lambda _: 20,
    "You have begun to pay as often as one person may in an hour ({most}). Nothing was taken; try again in {wait}.",
)

log = structlog.get_logger(__name__)


async def place(
    tx: Transaction, user_id: str, plan_id: str, session_id: str | None, gateway: str, mode: Mode
) -> PlanOrder:
    """An order of a plan on offer at its present price, for a new session or to extend an own one.

    Invalid, NotAllowed or NotFound for what cannot be sold; RateLimited for too many.
    """
    return await _place(tx, ids.new(), user_id, plan_id, session_id, gateway, mode)


async def place_once(tx: Transaction, user_id: str, wanted: SessionOrder, gateway: str, mode: Mode) -> PlanOrder:
    """`place`, or the order that was placed under the same client_id; NotFound where that has gone since.

    An order has no title: the session takes its own from what is said in it first.
    """
    order_id = ids.new()
    # With what is taken for nothing, as the client cannot know which it is.
    placed = await idempotency.claim(tx, "session", wanted.client_id, wanted, order_id, user_id=user_id)
    if placed is not None:
        return await find(tx, placed)
    return await _place(tx, order_id, user_id, wanted.plan_id, wanted.session_id, gateway, mode)


async def _place(
    tx: Transaction, order_id: str, user_id: str, plan_id: str, session_id: str | None, gateway: str, mode: Mode
) -> PlanOrder:
    plan = await sessions.offered(tx, user_id, plan_id, session_id)
    amount = smallest(plan.price.amount, plan.price.currency)
    await rate_limits.consume(tx, ORDERS, user_id)
    row = await tx.fetch_one(
        "payments.insert",
        id=order_id,
        user_id=user_id,
        gateway=gateway,
        mode=mode,
        plan=msgspec.to_builtins(plan),
        amount=amount,
        currency=plan.price.currency,
        session_id=session_id,
        seconds=OPEN_SECONDS,
    )
    assert row is not None
    return PlanOrder.from_row(row)


async def name_page(tx: Transaction, order_id: str, page: GatewayPage) -> PlanOrder:
    """Keeps where an order is paid; the first page stays."""
    row = await tx.fetch_one(
        "payments.name_page", id=order_id, gateway_id=page.id, url=page.url, seconds=tx.timing.payment_poll
    ) or await tx.fetch_one("payments.find", id=order_id)
    if row is None:
        raise NotFound
    return PlanOrder.from_row(row)


async def find(tx: Transaction, order_id: str) -> PlanOrder:
    """One order; NotFound also for one that this transaction's user may not see."""
    row = await tx.fetch_one("payments.find", id=order_id)
    if row is None:
        raise NotFound
    return PlanOrder.from_row(row)


async def find_of_gateway(tx: Transaction, gateway: str, gateway_ids: tuple[str, ...]) -> PlanOrder | None:
    """The order that a gateway knows by one of these ids."""
    row = await tx.fetch_one("payments.of_gateway", gateway=gateway, gateway_ids=list(gateway_ids))
    return None if row is None else PlanOrder.from_row(row)


async def list_own(tx: Transaction, user_id: str, before: str | None) -> list[PlanOrder]:
    """A page of a user's orders that were paid or can still be, the newest first."""
    rows = await tx.fetch_all("payments.own", user_id=user_id, before=before, limit=PAGE)
    return [PlanOrder.from_row(row) for row in rows]


async def list_newest(tx: Transaction, before: str | None) -> list[tuple[PlanOrder, str | None]]:
    """A page of all orders with the names of their buyers, the newest first."""
    rows = await tx.fetch_all("payments.newest", before=before, limit=PAGE)
    return [(PlanOrder.from_row(row), row["user_name"]) for row in rows]


async def claim(tx: Transaction, gateways: tuple[str, ...], mode: Mode, limit: int) -> list[PlanOrder]:
    """Orders about which the gateway is to be asked now, leased to the caller for a minute or longer."""
    rows = await tx.fetch_all(
        "payments.claim", gateways=list(gateways), mode=mode, soon=tx.timing.payment_poll, limit=limit
    )
    return [PlanOrder.from_row(row) for row in rows]


async def claim_one(tx: Transaction, order_id: str) -> bool:
    """Whether the gateway is to be asked about this order now; not where it was asked within two seconds."""
    return await tx.fetch_one("payments.claim_one", id=order_id, soon=tx.timing.payment_poll) is not None


async def expire(tx: Transaction, order_id: str) -> None:
    """Marks an open order as one that takes no payment any more."""
    await tx.execute("payments.mark_expired", id=order_id)


async def sweep(tx: Transaction) -> None:
    """Asks no more about orders of four months ago, disputed ones of ten months ago, unpaid ones of a week ago and refunds
    of six weeks ago; lists refunds that no gateway has confirmed; deletes reports of a quarter ago."""
    await tx.execute("payments.rest")
    await tx.execute("payments.list_unconfirmed_refunds")
    await tx.execute("payments.sweep_events")


# Reports --------------------------------------------------------------------------------------------------------------


async def report(tx: Transaction, gateway: str, outcome: str, order_id: str | None = None, details: str = "") -> None:
    """Lists what a gateway reported, or what was refused; the same of one order once. `details` is the gateway's word."""
    shown = visible(details)[:200]
    await tx.execute(
        "payments.add_event", id=ids.new(), gateway=gateway, outcome=outcome, order_id=order_id, details=shown
    )


async def count(tx: Transaction, gateway: str, outcome: str, times: int = 1) -> None:
    """Counts reports of no order of ours, in one row an hour: ones that nobody signed, or of other sales of the account."""
    await tx.execute("payments.count_event", id=ids.new(), gateway=gateway, outcome=outcome, times=times)


async def report_failed_refund(tx: Transaction, order: PlanOrder, details: str = "") -> None:
    """Lists a refund that did not arrive. It was booked and told when it was asked for: only the operator can pay it in
    another way."""
    await report(tx, order.gateway, "refund-failed", order.id, details)


def refunds_in_words(number: int) -> str:
    """That so many refunds are at large."""
    return "1 refund has not arrived" if number == 1 else f"{number} refunds have not arrived"


async def refunds_at_large(tx: Transaction, seconds: float) -> list[Row]:
    """The refunds that were found not to have arrived, or not to be confirmed by their gateway, within so many seconds: a
    page of the newest."""
    return await tx.fetch_all("payments.refunds_at_large", seconds=seconds, limit=PAGE)


async def list_reports(tx: Transaction) -> list[Row]:
    """The newest reports that need the operator's eye."""
    return await tx.fetch_all("payments.events", limit=PAGE)


async def last_order_and_report(tx: Transaction, gateway: str) -> tuple[datetime | None, datetime | None]:
    """When the newest order that was paid at a gateway was paid, and when its newest signed report came."""
    row = await tx.fetch_one("payments.last_event", gateway=gateway)
    return (None, None) if row is None else (row["paid_at"], row["reported_at"])


async def export_page(tx: Transaction, user_id: str, after: str, limit: int) -> list[Row]:
    """Up to `limit` orders of a user with ids beyond `after`, for the export of an account."""
    return await tx.fetch_all("payments.export", user_id=user_id, after=after, limit=limit)


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("payments.bring_forward", seconds=seconds)
