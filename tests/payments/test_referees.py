"""The official libraries drive the emulator and accept what it signs, and our clients accept what they sign."""

import asyncio
import json
import time

import pytest
import razorpay
import stripe

from chatserver.payments.processing import open_gateways
from tests.emulators import payments
from tests.payments.test_orders import configured


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


def buy_with_stripe(url):
    client = stripe.StripeClient(payments.STRIPE_KEY, base_addresses={"api": url})
    made = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "client_reference_id": "order-1",
            "success_url": "http://localhost/back",
            "cancel_url": "http://localhost/",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "inr", "unit_amount": 4900, "product_data": {"name": "Flash"}},
                }
            ],
        },
        {"idempotency_key": "order-1"},
    )
    return client, made


async def test_stripes_library_pays_and_refunds_at_the_emulator(emulator):
    client, made = await asyncio.to_thread(buy_with_stripe, emulator.url)
    assert (made.payment_status, made.url) == ("unpaid", f"{emulator.url}/pay/{made.id}")
    emulator.pay(made.id)
    expand = {"expand": ["payment_intent.latest_charge"]}
    paid = await asyncio.to_thread(client.v1.checkout.sessions.retrieve, made.id, expand)
    assert (paid.payment_status, paid.payment_intent.latest_charge.amount_refunded) == ("paid", 0)
    await asyncio.to_thread(client.v1.refunds.create, {"payment_intent": paid.payment_intent.id, "amount": 900})
    assert emulator.money["order-1"] == [4900, -900]
    _, headers, body = emulator.report(made.id)
    event = stripe.Webhook.construct_event(body, headers["stripe-signature"], payments.STRIPE_SECRET)
    assert event.data.object.id == made.id


async def test_our_client_takes_what_stripes_library_signs(emulator):
    gateway = open_gateways(configured(emulator))["stripe"]
    body = json.dumps({"type": "checkout.session.completed", "data": {"object": {"id": "cs_1"}}})
    moment = int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{moment}.{body}", payments.STRIPE_SECRET)
    report = gateway.read_report({"stripe-signature": f"t={moment},v1={signature}"}, body.encode())
    assert report.gateway_ids == ("cs_1",)


async def test_razorpays_library_pays_and_refunds_at_the_emulator(emulator):
    client = razorpay.Client(auth=(payments.RAZORPAY_ID, payments.RAZORPAY_KEY), base_url=emulator.url)
    fields = {"amount": 4900, "currency": "INR", "reference_id": "order-2", "callback_url": "http://localhost/back"}
    made = await asyncio.to_thread(client.payment_link.create, fields)
    emulator.pay(made["id"])
    paid = await asyncio.to_thread(client.payment_link.fetch, made["id"])
    assert paid["status"] == "paid"
    await asyncio.to_thread(client.payment.refund, paid["payments"][0]["payment_id"], {"amount": 900})
    assert emulator.money["order-2"] == [4900, -900]
    _, headers, body = emulator.report(made["id"])
    assert client.utility.verify_webhook_signature(
        body.decode(), headers["x-razorpay-signature"], payments.RAZORPAY_SECRET
    )
    query = dict(pair.split("=") for pair in emulator.return_address(made["id"]).partition("?")[2].split("&"))
    names = {
        "payment_link_id": "razorpay_payment_link_id",
        "payment_link_reference_id": "razorpay_payment_link_reference_id",
    }
    names |= {"payment_link_status": "razorpay_payment_link_status", "razorpay_payment_id": "razorpay_payment_id"}
    names |= {"razorpay_signature": "razorpay_signature"}
    assert client.utility.verify_payment_link_signature({name: query[field] for name, field in names.items()})
