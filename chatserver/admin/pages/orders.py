"""/admin/orders: what was ordered at payment services, what needs a look, and refunds."""

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import audit, ids
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.audit import Actor
from chatserver.audit.service import required_reason
from chatserver.costs import checks, refunds
from chatserver.database import Transaction
from chatserver.errors import Conflict, GatewayFailed, Invalid, NotAllowed
from chatserver.payments import service, settlement
from chatserver.payments.models import PlanOrder
from chatserver.payments.processing import PaymentProcessor
from chatserver.state import state_of
from chatserver.web import forms

PATH = "/admin/orders"


async def show(request: Request) -> Response:
    """GET /admin/orders: the newest, or with `?before=<id>` the page after that one."""
    require_admin(request)
    state = state_of(request)
    before = request.query_params.get("before")
    orders = await state.database.run_system(service.list_newest, ids.parse(before, "before") if before else None)
    reports = await state.database.run_system(service.list_reports)
    older = orders[-1][0].id if len(orders) == service.PAGE else None
    context = {"orders": orders, "reports": reports, "older": older, "mode": state.config.payments_mode}
    return layout.render(request, "admin/orders.html", context)


async def refund(request: Request) -> Response:
    """POST /admin/orders/{order_id}/refund: gives money back, all of what is left or a part.

    `seen` is what had gone back when the form was drawn: one that is sent again gives nothing back once more.
    """
    require_admin(request)
    form = await forms.read(request)
    processor: PaymentProcessor = request.app.state.payments
    order_id = ids.parse(request.path_params["order_id"], "order_id")
    try:
        typed, seen = form.text("amount"), form.text("seen")
        order, amount = await act(
            request, _record, order_id, checks.amount("amount", typed) if typed else None, form.text("reason"), seen
        )
        order = await processor.refund(order, amount)
    except (Invalid, NotAllowed, Conflict, GatewayFailed) as error:
        return forms.redirect(request, PATH, notice=error.message, kind="problem", at="orders")
    whole = order.state == "refunded"
    notice = "The money goes back, and the unused time has ended." if whole else "That part of the money goes back."
    return forms.redirect(request, PATH, notice=notice, at="orders")


async def _record(
    tx: Transaction, actor: Actor, order_id: str, amount: Decimal | None, reason: str, seen: str
) -> tuple[PlanOrder, int]:
    """The order and what is to go back of it; recorded before the gateway is asked, which may have done it unheard."""
    order = await service.find(tx, order_id)
    refunds.require_seen(seen, str(order.refunded))
    asked = settlement.refundable(order, order.price - order.refunded_price if amount is None else amount)
    details = {"amount": asked, "currency": order.currency, "gateway": order.gateway}
    await audit.record(
        tx, actor, "order.refund_asked", "order", order.id, required_reason(reason), subject_id=order.user_id, **details
    )
    return order, asked


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + "/{order_id}/refund", refund, methods=["POST"]),
]
