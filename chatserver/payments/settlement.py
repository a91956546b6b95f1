"""What the gateway says of an order, brought into it: granted once it is paid, and what happens to its money afterwards.

All of it needs the worker role. The order's row is locked before anything is decided about it, so that the gateway's report,
the page that the person returns to and the reconciler may all come at once, repeated and in any order.
"""

from decimal import Decimal

import structlog

from chatserver import mail, sessions, users
from chatserver.costs import refunds
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.events import user_channel
from chatserver.payments import service
from chatserver.payments.events import PaymentNotice
from chatserver.payments.models import GatewayAnswer, Mode, PlanOrder, whole
from chatserver.sessions.models import Session
from chatserver.web import filters

log = structlog.get_logger(__name__)


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
            await service.report(tx, order.gateway, wrong, order.id)
        return order
    if answer.status == "paid" and order.state in {"open", "expired"}:
        if order.state == "expired":
            await service.report(tx, order.gateway, "paid-late", order.id)
        order = _from(await tx.fetch_one("payments.mark_paid", id=order.id, payment_id=answer.payment_id))
    if order.state == "paid" and answer.refunded < order.amount:
        order = await fulfil(tx, order)
    if answer.refunded > order.refunded:
        order = await _book_refund(tx, order, min(answer.refunded, order.amount))
        await _tell_of_refund(tx, before, order, "went back to you", by_mail)
    if answer.refund_failed:
        await service.report_failed_refund(tx, order)
    if answer.disputed:
        await dispute(tx, order)
    if answer.lost and order.refunded < order.amount:
        await lose(tx, order.id, by_mail=by_mail)
    if answer.status == "expired" and order.state == "open":
        await service.expire(tx, order.id)
    return await service.find(tx, order_id)


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
        await service.report(tx, order.gateway, "account-closed", order.id)
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


async def dispute(tx: Transaction, order: PlanOrder) -> None:
    """Flags an order whose money the bank was asked to take back; nobody is banned for it."""
    if await tx.fetch_value("payments.mark_disputed", id=order.id) is not None:
        await service.report(tx, order.gateway, "disputed", order.id)


async def lose(tx: Transaction, order_id: str, *, by_mail: bool = False) -> None:
    """The bank has taken the money of a disputed order back: it is booked, and its unused time ends, as after a refund.

    A dispute of a part counts as one of the whole.
    """
    before = await _lock(tx, order_id)
    await service.report(tx, before.gateway, "dispute-lost", before.id)
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


def refundable(order: PlanOrder, amount: Decimal) -> int:
    """An amount in whole units as one to give back, in the smallest unit. Raises NotAllowed for more than is left."""
    exact = amount * 100 if order.price * 100 == order.amount else amount
    asked = int(exact)
    if order.payment_id is None or asked != exact or not 0 < asked <= order.amount - order.refunded:
        left = whole(order.amount - order.refunded, order.currency) if order.payment_id else 0
        raise NotAllowed(f"At most {left} {order.currency} of this order can go back.")
    return asked


async def begin_refund(tx: Transaction, order: PlanOrder, amount: int) -> None:
    """Notes that so much more of an order shall go back, before its gateway is asked: it is looked for until confirmed."""
    await tx.execute("payments.mark_refund_asked", id=order.id, refunded=order.refunded + amount)
