"""Orders: placing one, granting once what was paid for, and what happens to its money afterwards.

All of it needs the worker role. The order's row is locked before anything is decided about it, so that the gateway's report,
the page that the person returns to and the reconciler may all come at once, repeated and in any order.
"""

from datetime import datetime
from decimal import Decimal

import msgspec
import structlog

from chatserver import ids, mail, sessions, users
from chatserver.costs import refunds
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.events import user_channel
from chatserver.payments.events import PaymentNotice
from chatserver.payments.models import GatewayAnswer, GatewayPage, Mode, PlanOrder, smallest, whole
from chatserver.sessions.models import Session, SessionOrder
from chatserver.users import idempotency, rate_limits
from chatserver.users.rate_limits import RateLimit
from chatserver.validation import visible
from chatserver.web import filters

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


# What the gateway says ------------------------------------------------------------------------------------------------


async def settle(
    tx: Transaction, order_id: str, answer: GatewayAnswer, mode: Mode, *, by_mail: bool = False
) -> PlanOrder:
    """Brings an order to what its gateway says: paid and granted, expired, given back, disputed. May be repeated.
    Of money that goes back its person is told, with `by_mail` also by e-mail.

    Nothing is granted, and it is listed for the operator, where order, amount, currency or mode are not the order's own.
    """
    before = order = await _lock(tx, order_id)
    if wrong := _difference(order, answer, mode):
        if answer.status == "paid":
            await report(tx, order.gateway, wrong, order.id)
        return order
    if answer.status == "paid" and order.state in {"open", "expired"}:
        if order.state == "expired":
            await report(tx, order.gateway, "paid-late", order.id)
        order = _from(await tx.fetch_one("payments.mark_paid", id=order.id, payment_id=answer.payment_id))
    if order.state == "paid" and answer.refunded < order.amount:
        order = await fulfil(tx, order)
    if answer.refunded > order.refunded:
        order = await _book_refund(tx, order, min(answer.refunded, order.amount))
        await _tell_of_refund(tx, before, order, "went back to you", by_mail)
    if answer.refund_failed:
        await report_failed_refund(tx, order)
    if answer.disputed:
        await dispute(tx, order)
    if answer.lost and order.refunded < order.amount:
        await lose(tx, order.id, by_mail=by_mail)
    if answer.status == "expired" and order.state == "open":
        await expire(tx, order.id)
    return await find(tx, order_id)


async def _lock(tx: Transaction, order_id: str) -> PlanOrder:
    row = await tx.fetch_one("payments.lock", id=order_id)
    if row is None:
        raise NotFound
    return PlanOrder.from_row(row)


def _difference(order: PlanOrder, answer: GatewayAnswer, mode: Mode) -> str:
    """What of an answer is not the order's own; empty where all is."""
    if answer.order_id != order.id:
        return "wrong-order"
    if answer.currency != order.currency:
        return "wrong-currency"
    if answer.amount != order.amount:
        return "wrong-amount"
    if order.mode != mode or answer.is_live not in {None, mode == "live"}:
        return "wrong-mode"
    return ""


async def fulfil(tx: Transaction, order: PlanOrder) -> PlanOrder:
    """Grants what was paid for: one purchase, and one session or extension. `order` is locked and paid.

    The purchase has the order's id: a second one is impossible. An order that cannot be granted stays paid: the account is
    closed, so the money goes back.
    """
    if order.user_id is None or not await users.is_active(tx, order.user_id):
        await report(tx, order.gateway, "account-closed", order.id)
        return order
    session = await _grant(tx, order, order.user_id)
    if not await users.lock_active(tx, order.user_id):
        # Closed meanwhile: nothing of this is stored, and the next to ask gives the money back.
        raise Conflict("The account of this order is being closed.")
    await tx.fetch_value("payments.lock_receipts")
    row = await tx.fetch_one("payments.mark_fulfilled", id=order.id, purchase_id=order.id, session_id=session.id)
    log.info("order.fulfilled", order=order.id, gateway=order.gateway)
    return _from(row)


async def _grant(tx: Transaction, order: PlanOrder, user_id: str) -> Session:
    how = {"checkout": order.gateway, "reference": order.id, "purchase_id": order.id}
    if order.session_id is not None and await _can_extend(tx, order):
        return await sessions.sell_extension(tx, user_id, order.session_id, order.plan, **how)
    return await sessions.sell(tx, user_id, order.plan, **how)


async def _can_extend(tx: Transaction, order: PlanOrder) -> bool:
    """Whether the session of an order is still there and still fits: what was paid for becomes a new one otherwise."""
    try:
        session = await sessions.find(tx, order.session_id or "")
    except NotFound:
        return False
    return session.owner_id == order.user_id and sessions.can_extend(order.plan, session)


async def _book_refund(tx: Transaction, order: PlanOrder, refunded: int) -> PlanOrder:
    """Books what went back. After all of it the unused time of what was granted ends, and with it its credits."""
    marked = _from(await tx.fetch_one("payments.mark_refunded", id=order.id, refunded=refunded))
    if order.purchase_id is None:
        return marked
    amount = whole(refunded, order.currency) - whole(order.refunded, order.currency)
    await refunds.book(tx, order.purchase_id, amount)
    if marked.state == "refunded" and order.granted_session_id is not None:
        await sessions.take_back(tx, order.granted_session_id, order.purchase_id, order.plan.minutes)
    return marked


async def begin_refund(tx: Transaction, order: PlanOrder, amount: int) -> None:
    """Notes that so much more of an order shall go back, before its gateway is asked: it is looked for until confirmed."""
    await tx.execute("payments.mark_refund_asked", id=order.id, refunded=order.refunded + amount)


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


async def dispute(tx: Transaction, order: PlanOrder) -> None:
    """Flags an order whose money the bank was asked to take back; nobody is banned for it."""
    if await tx.fetch_value("payments.mark_disputed", id=order.id) is not None:
        await report(tx, order.gateway, "disputed", order.id)


async def lose(tx: Transaction, order_id: str, *, by_mail: bool = False) -> None:
    """The bank has taken the money of a disputed order back: it is booked, and its unused time ends, as after a refund.

    A dispute of a part counts as one of the whole.
    """
    before = await _lock(tx, order_id)
    await report(tx, before.gateway, "dispute-lost", before.id)
    if before.payment_id is None or before.refunded >= before.amount:
        return
    order = await _book_refund(tx, before, before.amount)
    await _tell_of_refund(tx, before, order, "was taken back by your bank", by_mail)


async def _tell_of_refund(tx: Transaction, before: PlanOrder, order: PlanOrder, how: str, by_mail: bool) -> None:
    """Tells the person, in their open tabs and where it is set up by e-mail, what of their money went back."""
    if order.user_id is None or not await users.is_active(tx, order.user_id):
        return
    amount = filters.money(order.refunded_price - before.refunded_price, order.currency)
    ended = " Its unused time has ended." if order.state == "refunded" and order.purchase_id else ""
    words = f"{amount} for {order.plan.name} {how}.{ended}"
    tx.announce(user_channel(order.user_id), PaymentNotice(user_id=order.user_id, order_id=order.id, text=words))
    user = await users.get(tx, order.user_id)
    if by_mail and not user.is_by_name:
        await mail.tell_of_payment(tx, user.email, words, f"/orders/{order.id}")


def _from(row: Row | None) -> PlanOrder:
    assert row is not None
    return PlanOrder.from_row(row)


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


def refundable(order: PlanOrder, amount: Decimal) -> int:
    """An amount in whole units as one to give back, in the smallest unit. Raises NotAllowed for more than is left."""
    exact = amount * 100 if order.price * 100 == order.amount else amount
    asked = int(exact)
    if order.payment_id is None or asked != exact or not 0 < asked <= order.amount - order.refunded:
        left = whole(order.amount - order.refunded, order.currency) if order.payment_id else 0
        raise NotAllowed(f"At most {left} {order.currency} of this order can go back.")
    return asked


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("payments.bring_forward", seconds=seconds)
