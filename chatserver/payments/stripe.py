"""Stripe: Checkout Sessions (https://docs.stripe.com/api/checkout/sessions)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import structlog

from chatserver.errors import GatewayFailed
from chatserver.payments import base, client
from chatserver.payments.base import BadSignature
from chatserver.payments.models import GatewayAnswer, GatewayPage, GatewayReport, PlanOrder
from chatserver.providers.http import HttpClient
from chatserver.runtime import clock

# The version that these fields are of: the account's own may be another.
VERSION = "2024-06-20"
# How old a report may be: it could be sent again by somebody who has read it.
TOLERANCE_SECONDS = 300
# Signatures of a header that are looked at: Stripe sends one for each secret.
_MOST_SIGNATURES = 5
# Refunds of one payment that are read at once, which is as many as a page has: most have one.
_MOST_REFUNDS = 100
# Reports of a refund whose status has changed.
_REFUND_CHANGES = {"charge.refund.updated", "refund.updated"}

log = structlog.get_logger(__name__)


class Stripe:
    """The client. `secrets` are those of the webhook, two while one is replaced by the other."""

    name, label = "stripe", "Stripe"

    def __init__(self, key: str, secrets: tuple[str, ...], url: str) -> None:
        self._key, self._secrets, self._url = key, secrets, url
        self._http = HttpClient()

    async def open_page(self, order: PlanOrder, origin: str) -> GatewayPage:
        """The Checkout Session of an order; made once, as the key is the order's id."""
        fields = {
            "mode": "payment",
            "client_reference_id": order.id,
            "metadata[order]": order.id,
            "payment_intent_data[metadata][order]": order.id,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": order.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(order.amount),
            "line_items[0][price_data][product_data][name]": order.plan.name,
            "success_url": f"{origin}/orders/{order.id}/return",
            "cancel_url": f"{origin}/orders/{order.id}",
            "expires_at": str(int(order.expires_at.timestamp())),
        }
        found = await self._post("/v1/checkout/sessions", fields, order.id)
        return GatewayPage(client.text(found, "id"), client.text(found, "url"))

    async def fetch_status(self, order: PlanOrder) -> GatewayAnswer:
        """The Checkout Session with its payment and charge, and the disputes of one that is disputed."""
        expand = "expand[]=payment_intent.latest_charge"
        path = f"/v1/checkout/sessions/{quote(order.gateway_id or '', safe='')}?{expand}"
        found = client.require(await client.call(self._http, "GET", self._url + path, self._headers()))
        intent = client.inner(found, "payment_intent")
        charge = client.inner(intent, "latest_charge")
        disputed = charge.get("disputed") is True
        refunded = client.number(charge, "amount_refunded") if charge else 0
        paid, expired = found.get("payment_status") == "paid", found.get("status") == "expired"
        return GatewayAnswer(
            status="paid" if paid else "expired" if expired else "open",
            order_id=str(found.get("client_reference_id")),
            amount=client.number(found, "amount_total"),
            currency=client.text(found, "currency").upper(),
            is_live=found.get("livemode") is True,
            payment_id=client.text(intent, "id") if intent else None,
            refunded=refunded,
            disputed=disputed,
            lost=disputed and await self._is_lost(client.text(intent, "id")),
            refund_failed=bool(refunded or order.refunded) and await self._has_failed_refund(client.text(intent, "id")),
        )

    async def _has_failed_refund(self, payment_id: str) -> bool:
        """Whether money that was given back did not arrive; not now, where refunds cannot be read."""
        url = f"{self._url}/v1/refunds?{urlencode({'payment_intent': payment_id, 'limit': _MOST_REFUNDS})}"
        try:
            found = client.require(await client.call(self._http, "GET", url, self._headers()))
        except GatewayFailed as error:
            log.warning("payments.refunds_not_read", gateway="stripe", error=error.code)
            return False
        return any(refund.get("status") == "failed" for refund in client.objects(found, "data"))

    async def _is_lost(self, payment_id: str) -> bool:
        """Whether the bank has decided a dispute for the buyer; not now, where disputes cannot be read."""
        url = f"{self._url}/v1/disputes?{urlencode({'payment_intent': payment_id})}"
        try:
            found = client.require(await client.call(self._http, "GET", url, self._headers()))
        except GatewayFailed as error:
            log.warning("payments.disputes_not_read", gateway="stripe", error=error.code)
            return False
        return any(dispute.get("status") == "lost" for dispute in client.objects(found, "data"))

    async def refund(self, order: PlanOrder, amount: int, key: str) -> None:
        """Gives money of the payment back."""
        await self._post("/v1/refunds", {"payment_intent": order.payment_id or "", "amount": str(amount)}, key)

    async def verify_keys(self) -> None:
        """Asks for the newest Checkout Session: a restricted key may be allowed no more than that."""
        url = self._url + "/v1/checkout/sessions?limit=1"
        client.require(await client.call(self._http, "GET", url, self._headers()))

    async def may_read_disputes(self) -> bool:
        """Asks for the newest dispute; a restricted key may have been made without that right."""
        url = self._url + "/v1/disputes?limit=1"
        return not client.is_forbidden(await client.call(self._http, "GET", url, self._headers()))

    def read_report(self, headers: Mapping[str, str], body: bytes) -> GatewayReport:
        """An event, signed in the header Stripe-Signature: `t=<seconds>,v1=<digits>`, several of the latter."""
        parts = [part.strip().partition("=")[::2] for part in headers.get("stripe-signature", "").split(",")]
        times = [value for name, value in parts if name == "t"]
        shown = [value for name, value in parts if name == "v1"][:_MOST_SIGNATURES]
        if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > 12:
            raise BadSignature
        if not base.is_signed(self._secrets, times[0].encode() + b"." + body, shown):
            raise BadSignature
        if abs(clock.seconds() - int(times[0])) > TOLERANCE_SECONDS:
            raise BadSignature("This report is too old, or from the future.")
        event = base.decode(body)
        kind = str(event.get("type"))
        found = client.inner(client.inner(event, "data"), "object")
        lost = kind == "charge.dispute.closed" and found.get("status") == "lost"
        # Of a Checkout Session its id; of a charge, refund or dispute that of the payment.
        named = [found.get(name) for name in ("id", "payment_intent")]
        return GatewayReport(
            kind=kind,
            gateway_ids=base.known_ids(named),
            disputed=kind.startswith("charge.dispute."),
            lost=lost,
            # The first for accounts of today; those of before are told of every change of a refund.
            refund_failed=kind == "refund.failed" or (kind in _REFUND_CHANGES and found.get("status") == "failed"),
        )

    def is_return_signed(self, _order: PlanOrder, _query: Mapping[str, str]) -> bool:
        """Stripe signs no address: whoever comes back is not believed, and the gateway is asked."""
        return True

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _post(self, path: str, fields: Mapping[str, str], key: str) -> dict[str, Any]:
        headers = {
            **self._headers(),
            "Idempotency-Key": key,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urlencode(fields).encode()
        return client.require(await client.call(self._http, "POST", self._url + path, headers, body))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}", "Stripe-Version": VERSION}
