"""The pages of orders: on to the gateway, back from it, one's purchases and receipts; and the addresses of reports."""

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatserver import ids, sessions
from chatserver.errors import Conflict, GatewayFailed, NotFound, TooLarge
from chatserver.identity.viewer import require_viewer
from chatserver.payments import service
from chatserver.payments.base import BadSignature
from chatserver.payments.models import PlanOrder
from chatserver.payments.processing import PaymentProcessor
from chatserver.sessions.models import Session
from chatserver.state import state_of
from chatserver.web import forms, templating

# A report is about one payment: some kilobytes.
REPORT_BYTES = 256 * 1024


async def place(request: Request) -> Response:
    """POST /orders: places an order, and leads on to its page of payment.

    By way of a page of ours: browsers let a form lead to no other site (`form-action 'self'`).
    """
    viewer, state, processor = require_viewer(request), state_of(request), _processor(request)
    form = await forms.read(request)
    gateway, session_id = form.text("gateway"), form.text("session_id")
    if gateway not in processor.gateways:
        raise NotFound("Nothing can be paid there.")
    extended = ids.parse(session_id, "session_id") if session_id else None
    order = await state.database.run_system(
        service.place, viewer.id, form.text("plan_id"), extended, gateway, processor.mode
    )
    return forms.redirect(request, f"/orders/{order.id}/go")


async def go(request: Request) -> Response:
    """GET /orders/{id}/go: leads on to the gateway; says so where that does not answer."""
    order, processor = await _own(request), _processor(request)
    try:
        order = await processor.open_page(order)
    except Conflict:
        return forms.redirect(request, f"/orders/{order.id}")
    except GatewayFailed as error:
        extended = await _extended(request, order)
        return _page(request, "payments/go.html", {"order": order, "extended": extended, "error": error}, error.status)
    return _page(request, "payments/go.html", {"order": order, "extended": await _extended(request, order)})


async def come_back(request: Request) -> Response:
    """GET /orders/{id}/return: the gateway is asked whether the order is paid; then its session opens.

    What the address itself says is not believed; where the gateway signs it and the signature is wrong, that is listed.
    """
    order, processor = await _own(request), _processor(request)
    gateway = processor.gateways.get(order.gateway)
    if gateway is not None and not gateway.is_return_signed(order, request.query_params):
        await state_of(request).database.run_system(service.report, order.gateway, "bad-return", order.id)
    order = await processor.refresh(order)
    if order.state == "fulfilled" and order.granted_session_id is not None:
        return forms.redirect(request, f"/sessions/{order.granted_session_id}")
    return forms.redirect(request, f"/orders/{order.id}?returned=1")


async def show(request: Request) -> Response:
    """GET /orders/{id}: how an order stands; once it is paid, its receipt."""
    order = await _processor(request).refresh(await _own(request))
    returned = request.query_params.get("returned") == "1"
    if returned and order.state == "fulfilled" and order.granted_session_id is not None:
        return forms.redirect(request, f"/sessions/{order.granted_session_id}")
    waits = returned and order.state == "open"
    extended = await _extended(request, order)
    return _page(request, "payments/order.html", {"order": order, "extended": extended, "waits": waits})


async def list_own(request: Request) -> Response:
    """GET /orders: the viewer's purchases."""
    viewer, before = require_viewer(request), request.query_params.get("before")
    orders = await state_of(request).database.run_as(
        viewer.id, service.list_own, viewer.id, ids.parse(before, "before") if before else None
    )
    older = orders[-1].id if len(orders) == service.PAGE else None
    return _page(request, "payments/orders.html", {"orders": orders, "older": older})


async def receive_report(request: Request) -> Response:
    """POST /webhooks/{gateway}: a report of the gateway, signed over its bytes."""
    name, processor = request.path_params["gateway"], _processor(request)
    if name not in processor.gateways:
        raise NotFound
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REPORT_BYTES:
            raise TooLarge
    try:
        await processor.receive_report(name, request.headers, bytes(body))
    except BadSignature as error:
        return PlainTextResponse(error.message, error.status)
    return PlainTextResponse("ok")


async def _own(request: Request) -> PlanOrder:
    viewer = require_viewer(request)
    return await state_of(request).database.run_as(viewer.id, service.find, ids.parse(request.path_params["order_id"]))


async def _extended(request: Request, order: PlanOrder) -> Session | None:
    """The session to which an order that is not paid adds time; None also where it was deleted since."""
    if order.session_id is None or order.state not in {"open", "expired"}:
        return None
    try:
        return await state_of(request).database.run_as(require_viewer(request).id, sessions.find, order.session_id)
    except NotFound:
        return None


def _page(request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
    config, gateways = state_of(request).config, _processor(request).gateways
    labels = {name: gateway.label for name, gateway in gateways.items()}
    response = templating.render(request, template, {**context, "seller": config, "labels": labels}, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _processor(request: Request) -> PaymentProcessor:
    processor: PaymentProcessor = request.app.state.payments
    return processor


PAGES = [
    Route("/orders", list_own, methods=["GET"]),
    Route("/orders", place, methods=["POST"]),
    Route("/orders/{order_id}", show, methods=["GET"]),
    Route("/orders/{order_id}/go", go, methods=["GET"]),
    Route("/orders/{order_id}/return", come_back, methods=["GET"]),
    Route("/webhooks/{gateway}", receive_report, methods=["POST"]),
]
