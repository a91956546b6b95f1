"""Stripe and Razorpay on loopback, as far as orders use them, with a record of money that nothing of ours writes.

`async with running() as emulator`: `emulator.url` is the API of both; `emulator.pay(id)` is a person who pays on the page
`emulator.url/pay/<id>`, `emulator.give_back(id, amount)` a refund from the gateway's own pages. `emulator.report(id, kind)`
makes a signed report.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

STRIPE_KEY, STRIPE_SECRET = "sk_test_Emulated", "whsec_Emulated_Secret"
RAZORPAY_ID, RAZORPAY_KEY, RAZORPAY_SECRET = "rzp_test_Emulated", "Emulated-Key-Secret", "Emulated-Webhook-Secret"
SETTINGS = {
    "PAYMENTS_MODE": "test",
    "STRIPE_SECRET_KEY": STRIPE_KEY,
    "STRIPE_WEBHOOK_SECRETS": STRIPE_SECRET,
    "RAZORPAY_KEY_ID": RAZORPAY_ID,
    "RAZORPAY_KEY_SECRET": RAZORPAY_KEY,
    "RAZORPAY_WEBHOOK_SECRETS": RAZORPAY_SECRET,
}


def hexadecimal(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _key_of(path: str) -> str | None:
    """What a call of an API must be authorised by; the pages where people pay need nothing."""
    if not path.startswith("/v1/"):
        return None
    if path.startswith(("/v1/checkout", "/v1/refunds")):
        return f"Bearer {STRIPE_KEY}"
    return "Basic " + b64encode(f"{RAZORPAY_ID}:{RAZORPAY_KEY}".encode()).decode()


class PaymentEmulator:
    """Both services. `money` is what each order has paid and got back: a list of signed amounts by the order's id."""

    def __init__(self) -> None:
        self.url = ""
        self.money: defaultdict[str, list[int]] = defaultdict(list)
        self.pages: dict[str, dict[str, Any]] = {}  # by the page's id, as the service shows it
        self.payments: dict[str, dict[str, Any]] = {}  # by the payment's id
        self.answers: dict[str, dict[str, Any]] = {}  # by idempotency key
        self.refunds: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)  # by the payment's id
        self.disputes: dict[str, str] = {}  # statuses, by the payment's id
        self.disputes_status = 200  # 403 as for a key that may not read them
        self.is_down = False
        self.loses_answers = False  # what is asked for is done, and nobody hears of it
        self.calls: list[str] = []
        self._number = 0

    def _new(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}_{self._number:06}"

    # What people and the service's own pages do ------------------------------------------------------------------

    def page_of(self, order_id: str) -> str:
        [found] = [
            name
            for name, page in self.pages.items()
            if order_id in {page.get("client_reference_id"), page.get("reference_id")}
        ]
        return found

    def pay(self, page_id: str) -> None:
        page = self.pages[page_id]
        if page_id.startswith("cs_"):
            if page["payment_status"] == "paid":
                return
            payment_id, amount, order_id = self._new("pi"), page["amount_total"], page["client_reference_id"]
            page.update(payment_status="paid", status="complete", payment_intent=payment_id)
        else:
            if page["status"] == "paid":
                return
            payment_id, amount, order_id = self._new("pay"), page["amount"], page["reference_id"]
            page.update(status="paid", amount_paid=amount)
            page["payments"] = [{"payment_id": payment_id, "amount": amount, "status": "captured"}]
        self.payments[payment_id] = {
            "id": payment_id,
            "order": order_id,
            "amount": amount,
            "back": 0,
            "disputed": False,
        }
        self.money[order_id].append(amount)

    def close_page(self, page_id: str) -> None:
        self.pages[page_id]["status"] = "expired"

    def payment_of(self, page_id: str) -> dict[str, Any]:
        page = self.pages[page_id]
        return self.payments[page["payment_intent"] if page_id.startswith("cs_") else page["payments"][0]["payment_id"]]

    def give_back(self, page_id: str, amount: int) -> None:
        self._give_back(self.payment_of(page_id), amount)

    def dispute(self, page_id: str, status: str) -> None:
        payment = self.payment_of(page_id)
        payment["disputed"] = True
        self.disputes[payment["id"]] = status

    def lose(self, page_id: str) -> None:
        """The bank takes back what is left; a dispute is no refund, so the payment does not say so."""
        self.dispute(page_id, "lost")
        order_id = self.payment_of(page_id)["order"]
        self.money[order_id].append(-sum(self.money[order_id]))

    def fail_refund(self, page_id: str) -> None:
        """The bank could not pay out what was given back."""
        self.refunds[self.payment_of(page_id)["id"]][-1]["status"] = "failed"

    def _give_back(self, payment: dict[str, Any], amount: int) -> None:
        if payment["back"] + amount > payment["amount"]:
            raise web.HTTPBadRequest(text='{"error": {"message": "more than is left"}}')
        payment["back"] += amount
        self.refunds[payment["id"]].append({"id": self._new("refund"), "amount": amount, "status": "processed"})
        self.money[payment["order"]].append(-amount)

    def report(
        self, page_id: str, kind: str | None = None, *, at: float | None = None, **changes: Any
    ) -> tuple[str, dict[str, str], bytes]:
        """A signed report about a page: the gateway's name, the headers and the body."""
        if page_id.startswith("cs_"):
            kind = kind or "checkout.session.completed"
            inner = self._stripe(self.pages[page_id], expand=False)
            if kind.startswith(("charge.", "refund.")):
                inner = {
                    "id": self._new("ch"),
                    "object": "charge",
                    "payment_intent": self.pages[page_id]["payment_intent"],
                    **changes,
                }
            event = {"id": self._new("evt"), "object": "event", "type": kind, "data": {"object": inner}}
            body, moment = json.dumps(event).encode(), str(int(time.time() if at is None else at))
            signature = hexadecimal(STRIPE_SECRET, moment.encode() + b"." + body)
            return "stripe", {"stripe-signature": f"t={moment},v1={signature}"}, body
        kind = kind or "payment_link.paid"
        payload: dict[str, Any] = {"payment_link": {"entity": self.pages[page_id]}}
        if kind.startswith(("refund.", "payment.")):
            payload = {"payment": {"entity": {"id": self.payment_of(page_id)["id"]}}}
        body = json.dumps({"entity": "event", "event": kind, "payload": payload}).encode()
        return "razorpay", {"x-razorpay-signature": hexadecimal(RAZORPAY_SECRET, body)}, body

    # The APIs ----------------------------------------------------------------------------------------------------

    def _stripe(self, page: dict[str, Any], *, expand: bool) -> dict[str, Any]:
        shown = dict(page)
        if expand and page["payment_intent"]:
            payment = self.payments[page["payment_intent"]]
            charge = {
                "id": "ch_" + payment["id"],
                "object": "charge",
                "amount_refunded": payment["back"],
                "disputed": payment["disputed"],
            }
            shown["payment_intent"] = {"id": payment["id"], "object": "payment_intent", "latest_charge": charge}
        return shown

    async def make_session(self, request: web.Request) -> web.Response:
        fields, key = await request.post(), request.headers.get("Idempotency-Key", "")
        if int(str(fields.get("expires_at", "9999999999"))) < time.time() + 1800:
            raise web.HTTPBadRequest(text='{"error": {"message": "expires_at must be at least 30 minutes from now"}}')
        if key not in self.answers:
            page_id = self._new("cs_test")
            self.pages[page_id] = self.answers[key] = {
                "id": page_id,
                "object": "checkout.session",
                "url": f"{self.url}/pay/{page_id}",
                "client_reference_id": str(fields["client_reference_id"]),
                "amount_total": int(str(fields["line_items[0][price_data][unit_amount]"])),
                "currency": str(fields["line_items[0][price_data][currency]"]),
                "livemode": False,
                "payment_status": "unpaid",
                "status": "open",
                "payment_intent": None,
                "success_url": str(fields["success_url"]),
                "cancel_url": str(fields["cancel_url"]),
            }
        return web.json_response(self.answers[key])

    async def show_session(self, request: web.Request) -> web.Response:
        page = self.pages.get(request.match_info["id"])
        if page is None:
            raise web.HTTPNotFound(text='{"error": {"message": "No such checkout.session"}}')
        return web.json_response(self._stripe(page, expand=bool(request.query)))

    async def list_sessions(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [], "has_more": False, "url": "/v1/checkout/sessions"})

    async def refund_charge(self, request: web.Request) -> web.Response:
        fields, key = await request.post(), request.headers.get("Idempotency-Key", "")
        if key not in self.answers:
            self._give_back(self.payments[str(fields["payment_intent"])], int(str(fields["amount"])))
            self.answers[key] = {"id": self._new("re"), "object": "refund", "amount": int(str(fields["amount"]))}
        return web.json_response(self.answers[key])

    async def list_refunds(self, request: web.Request) -> web.Response:
        """Of one payment: Razorpay names it in the path."""
        if "id" in request.match_info:
            return web.json_response({"entity": "collection", "items": self.refunds[request.match_info["id"]]})
        return web.json_response({"object": "list", "data": self.refunds[request.query["payment_intent"]]})

    async def make_link(self, request: web.Request) -> web.Response:
        fields = await request.json()
        if fields["reference_id"] in {page.get("reference_id") for page in self.pages.values()}:
            raise web.HTTPBadRequest(text='{"error": {"code": "BAD_REQUEST_ERROR", "description": "reference exists"}}')
        page_id = self._new("plink")
        self.pages[page_id] = {
            **fields,
            "id": page_id,
            "short_url": f"{self.url}/pay/{page_id}",
            "status": "created",
            "amount_paid": 0,
            "payments": [],
        }
        return web.json_response(self.pages[page_id])

    async def list_links(self, request: web.Request) -> web.Response:
        wanted = request.query.get("reference_id")
        return web.json_response(
            {"payment_links": [page for page in self.pages.values() if page.get("reference_id") == wanted]}
        )

    async def show_link(self, request: web.Request) -> web.Response:
        return web.json_response(self.pages[request.match_info["id"]])

    async def show_payment(self, request: web.Request) -> web.Response:
        payment = self.payments[request.match_info["id"]]
        return web.json_response({"id": payment["id"], "entity": "payment", "amount_refunded": payment["back"]})

    async def list_payments(self, _: web.Request) -> web.Response:
        return web.json_response({"entity": "collection", "count": 0, "items": []})

    async def list_disputes(self, request: web.Request) -> web.Response:
        """Stripe's are of one payment, Razorpay's of the account, in pages."""
        if self.disputes_status != 200:
            text = '{"error": {"message": "The key does not have the required permissions"}}'
            return web.Response(status=self.disputes_status, text=text, content_type="application/json")
        if "count" not in request.query:
            status = self.disputes.get(request.query.get("payment_intent", ""))
            return web.json_response({"object": "list", "data": [] if status is None else [{"status": status}]})
        found = [
            {"payment_id": payment_id, "status": status, "entity": "dispute"}
            for payment_id, status in self.disputes.items()
            if payment_id.startswith("pay_")
        ]
        skip, count = int(request.query.get("skip", "0")), int(request.query["count"])
        return web.json_response({"entity": "collection", "items": found[skip : skip + count]})

    async def refund_payment(self, request: web.Request) -> web.Response:
        fields, key = await request.json(), request.headers.get("X-Refund-Idempotency") or self._new("key")
        if key not in self.answers:
            self._give_back(self.payments[request.match_info["id"]], int(fields["amount"]))
            self.answers[key] = {"id": self._new("rfnd"), "entity": "refund", "amount": fields["amount"]}
        return web.json_response(self.answers[key])

    # The page where people pay -----------------------------------------------------------------------------------

    async def show_page(self, _: web.Request) -> web.Response:
        text = '<!doctype html><title>Gateway</title><form method="post"><button name="go" value="back">Pay</button>'
        return web.Response(
            text=text + '<button name="go" value="stay">Pay and stay</button></form>', content_type="text/html"
        )

    async def pay_page(self, request: web.Request) -> web.Response:
        page_id, fields = request.match_info["id"], await request.post()
        self.pay(page_id)
        if fields["go"] == "stay":
            return web.Response(text="<!doctype html><title>Paid</title>", content_type="text/html")
        raise web.HTTPFound(self.return_address(page_id))

    def return_address(self, page_id: str) -> str:
        page = self.pages[page_id]
        if page_id.startswith("cs_"):
            return str(page["success_url"])
        payment_id = self.payment_of(page_id)["id"]
        signed = f"{page_id}|{page['reference_id']}|paid|{payment_id}"
        return (
            f"{page['callback_url']}?razorpay_payment_id={payment_id}&razorpay_payment_link_id={page_id}"
            f"&razorpay_payment_link_reference_id={page['reference_id']}&razorpay_payment_link_status=paid"
            f"&razorpay_signature={hexadecimal(RAZORPAY_KEY, signed.encode())}"
        )

    def app(self) -> web.Application:
        @web.middleware
        async def refuse(request: web.Request, handler: Any) -> web.StreamResponse:
            self.calls.append(f"{request.method} {request.path}")
            if self.is_down:
                raise web.HTTPServiceUnavailable
            expected = _key_of(request.path)
            if request.path == "/v1/disputes":
                expected = _key_of("/v1/payments" if "count" in request.query else "/v1/checkout")
            if request.headers.get("Authorization") != expected:
                raise web.HTTPUnauthorized(text='{"error": {"message": "Invalid API key"}}')
            answer: web.StreamResponse = await handler(request)
            if self.loses_answers:
                raise web.HTTPServiceUnavailable
            return answer

        app = web.Application(middlewares=[refuse])
        app.add_routes(
            [
                web.post("/v1/checkout/sessions", self.make_session),
                web.get("/v1/checkout/sessions", self.list_sessions),
                web.get("/v1/checkout/sessions/{id}", self.show_session),
                web.post("/v1/refunds", self.refund_charge),
                web.get("/v1/refunds", self.list_refunds),
                web.post("/v1/payment_links", self.make_link),
                web.get("/v1/payment_links", self.list_links),
                web.get("/v1/payment_links/{id}", self.show_link),
                web.get("/v1/disputes", self.list_disputes),
                web.get("/v1/payments", self.list_payments),
                web.get("/v1/payments/{id}", self.show_payment),
                web.post("/v1/payments/{id}/refund", self.refund_payment),
                web.get("/v1/payments/{id}/refunds", self.list_refunds),
                web.get("/pay/{id}", self.show_page),
                web.post("/pay/{id}", self.pay_page),
            ]
        )
        return app


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[PaymentEmulator]:
    """The emulator on a port of its own, for the length of a block."""
    emulator = PaymentEmulator()
    runner = web.AppRunner(emulator.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    emulator.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield emulator
    finally:
        await asyncio.wait_for(runner.cleanup(), 10)
