"""Razorpay: Payment Links (https://razorpay.com/docs/api/payments/payment-links)."""

import asyncio
import math
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import structlog

from chatserver.errors import GatewayFailed
from chatserver.payments import base, client
from chatserver.payments.base import BadSignature
from chatserver.payments.models import GatewayAnswer, GatewayPage, GatewayReport, PlanOrder
from chatserver.providers.http import HttpClient, HttpResponse

_LINKS = "/v1/payment_links"
# The parts of a report that name an order's link or payment, and by which field.
_NAMED_BY = {
    "payment_link": "id",
    "payment": "id",
    "refund": "payment_id",
    "dispute": "payment_id",
}
# Disputes are listed for the whole account, not for a payment: the list is read again after an hour, and for each order that
# is asked about until then it is there. An account with more disputes than these is one that hears of the newest.
_DISPUTES_SECONDS = 3600.0
_DISPUTES_PAGE = 100
_MOST_PAGES = 10
# Refunds of one payment that are read at once, which is as many as a page has: most have one.
_MOST_REFUNDS = 100
# How soon it is tried again after a failure, which is no reason not to say what is known of an order.
_RETRY_SECONDS = 300.0

log = structlog.get_logger(__name__)


class Razorpay:
    """The client. `secrets` are those of the webhook, two while one is replaced by the other."""

    name, label = "razorpay", "Razorpay"

    def __init__(self, key_id: str, key_secret: str, secrets: tuple[str, ...], url: str) -> None:
        self._key_secret, self._secrets, self._url = key_secret, secrets, url
        self._authorization = "Basic " + b64encode(f"{key_id}:{key_secret}".encode()).decode()
        self._http = HttpClient()
        self._disputes: dict[str, bool] = {}
        self._disputes_due = -math.inf
        self._reading = asyncio.Lock()

    async def open_page(self, order: PlanOrder, origin: str) -> GatewayPage:
        """The link of an order; where it was made before, that one, as the reference may be used once."""
        fields = {
            "amount": order.amount,
            "currency": order.currency,
            "reference_id": order.id,
            "description": order.plan.name,
            "expire_by": int(order.expires_at.timestamp()),
            "notes": {"order": order.id},
            "callback_url": f"{origin}/orders/{order.id}/return",
            "callback_method": "get",
        }
        response = await self._call("POST", _LINKS, fields)
        if response.status == 400:
            listed = client.require(await self._call("GET", f"{_LINKS}?{urlencode({'reference_id': order.id})}"))
            links = [each for each in client.objects(listed, "payment_links") if each.get("reference_id") == order.id]
            if not links:
                raise GatewayFailed
            found = links[0]
        else:
            found = client.require(response)
        return GatewayPage(client.text(found, "id"), client.text(found, "short_url"))

    async def fetch_status(self, order: PlanOrder) -> GatewayAnswer:
        """The link, and the payment of it that was captured; of an order that was granted also its disputes."""
        found = client.require(await self._call("GET", f"{_LINKS}/{quote(order.gateway_id or '', safe='')}"))
        paid = found.get("status") == "paid"
        payment = await self._payment(found) if paid else {}
        disputes = await self._read_disputes() if paid and order.state == "fulfilled" else {}
        payment_id = client.text(payment, "id") if payment else None
        refunded = client.number(payment, "amount_refunded") if payment else 0
        return GatewayAnswer(
            status="paid" if paid else "expired" if found.get("status") in {"expired", "cancelled"} else "open",
            order_id=str(found.get("reference_id")),
            amount=client.number(found, "amount_paid" if paid else "amount"),
            currency=client.text(found, "currency").upper(),
            # The key decides: what is made with a key of test mode is not seen with one of live mode.
            is_live=None,
            payment_id=payment_id,
            refunded=refunded,
            disputed=payment_id in disputes,
            lost=disputes.get(payment_id or "", False),
            refund_failed=bool(refunded or order.refunded) and await self._has_failed_refund(payment_id or ""),
        )

    async def _has_failed_refund(self, payment_id: str) -> bool:
        """Whether money that was given back did not arrive; not now, where refunds cannot be read."""
        path = f"/v1/payments/{quote(payment_id, safe='')}/refunds?count={_MOST_REFUNDS}"
        try:
            found = client.require(await self._call("GET", path))
        except GatewayFailed as error:
            log.warning("payments.refunds_not_read", gateway="razorpay", error=error.code)
            return False
        return any(refund.get("status") == "failed" for refund in client.objects(found, "items"))

    async def _read_disputes(self) -> dict[str, bool]:
        """The disputed payments of the account, and whether the bank has decided for the buyer, as of the last hour; what
        was read before, where the list cannot be read."""
        async with self._reading:
            if time.monotonic() >= self._disputes_due:
                # Set before the list is asked for: who asks about an order may be ended by a deadline of its own.
                self._disputes_due = time.monotonic() + _RETRY_SECONDS
                try:
                    self._disputes = await self._list_disputes()
                except GatewayFailed as error:
                    log.warning("payments.disputes_not_read", gateway="razorpay", error=error.code)
                else:
                    self._disputes_due = time.monotonic() + _DISPUTES_SECONDS
        return self._disputes

    async def _list_disputes(self) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for page in range(_MOST_PAGES):
            query = urlencode({"count": _DISPUTES_PAGE, "skip": page * _DISPUTES_PAGE})
            disputes = client.objects(client.require(await self._call("GET", f"/v1/disputes?{query}")), "items")
            for dispute in disputes:
                payment_id = str(dispute.get("payment_id"))
                found[payment_id] = found.get(payment_id, False) or dispute.get("status") == "lost"
            if len(disputes) < _DISPUTES_PAGE:
                break
        return found

    async def _payment(self, link: Mapping[str, Any]) -> dict[str, Any]:
        captured = [each for each in client.objects(link, "payments") if each.get("status") in {"captured", "refunded"}]
        if not captured:
            raise GatewayFailed
        path = f"/v1/payments/{quote(client.text(captured[-1], 'payment_id'), safe='')}"
        return client.require(await self._call("GET", path))

    async def refund(self, order: PlanOrder, amount: int, key: str) -> None:
        """Gives money of the payment back."""
        path = f"/v1/payments/{quote(order.payment_id or '', safe='')}/refund"
        client.require(await self._call("POST", path, {"amount": amount}, {"X-Refund-Idempotency": key}))

    async def verify_keys(self) -> None:
        """Asks for the newest payment."""
        client.require(await self._call("GET", "/v1/payments?count=1"))

    async def may_read_disputes(self) -> bool:
        """Asks for the newest dispute."""
        return not client.is_forbidden(await self._call("GET", "/v1/disputes?count=1"))

    def read_report(self, headers: Mapping[str, str], body: bytes) -> GatewayReport:
        """An event, signed in the header X-Razorpay-Signature. The scheme has no time."""
        if not base.is_signed(self._secrets, body, [headers.get("x-razorpay-signature", "")]):
            raise BadSignature
        event = base.decode(body)
        payload, kind = client.inner(event, "payload"), str(event.get("event"))
        lost = kind == "payment.dispute.lost"
        named = []
        for part, field in _NAMED_BY.items():
            named.append(client.inner(client.inner(payload, part), "entity").get(field))
        return GatewayReport(
            kind=kind,
            gateway_ids=base.known_ids(named),
            disputed=kind.startswith("payment.dispute."),
            lost=lost,
            refund_failed=kind == "refund.failed",
        )

    def is_return_signed(self, order: PlanOrder, query: Mapping[str, str]) -> bool:
        """Whether the address was signed by the gateway, and for this order; one that claims nothing needs no signature."""
        if not any(name.startswith("razorpay_") for name in query):
            return True
        claimed = query.get("razorpay_payment_link_id"), query.get("razorpay_payment_link_reference_id")
        if claimed != (order.gateway_id, order.id):
            return False
        names = ("link_id", "link_reference_id", "link_status")
        parts = [query.get(f"razorpay_payment_{name}", "") for name in names]
        signed = "|".join([*parts, query.get("razorpay_payment_id", "")])
        return base.is_signed((self._key_secret,), signed.encode(), [query.get("razorpay_signature", "")])

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _call(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, more: Mapping[str, str] | None = None
    ) -> HttpResponse:
        headers = {"Authorization": self._authorization, "Content-Type": "application/json", **(more or {})}
        body = None if fields is None else msgspec.json.encode(fields)
        return await client.call(self._http, method, self._url + path, headers, body)
