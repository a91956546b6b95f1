"""What the doctor says of payment services: their keys, the address to which they report, and when they last did."""

import pytest

from chatserver.config import load
from chatserver.doctor import payments as doctor
from chatserver.errors import ConfigurationError
from tests.emulators import payments
from tests.support import shop
from tests.support.people import run_sql

NAMES = [f"{gateway}{part}" for gateway in ("stripe", "razorpay") for part in ("", " webhook", " reports")]


@pytest.fixture(scope="module")
async def emulator():
    async with payments.running() as opened:
        yield opened


@pytest.fixture
def environ(emulator, database_url):
    return {
        **shop.settings_of(emulator.url),
        "DATABASE_URL": database_url,
        "PUBLIC_URL": "https://pictures.example",
    }


@pytest.fixture
async def nothing_paid(database):
    """No service has reported, and no order that another test left is paid: orders cannot be deleted."""
    await run_sql(database, "DELETE FROM payment_events")
    await run_sql(database, "UPDATE orders SET paid_at = NULL")


async def findings(environ, **settings):
    found = await doctor.check(load({**environ, **settings}))
    said = " ".join(finding.message + finding.mend for finding in found)
    secrets = [payments.STRIPE_KEY, payments.STRIPE_SECRET, payments.RAZORPAY_KEY, payments.RAZORPAY_SECRET, "wrong"]
    assert [secret for secret in secrets if secret in said] == []
    return {finding.name: finding for finding in found}


async def test_all_is_well_and_the_addresses_to_enter_are_named(environ, nothing_paid):
    found = await findings(environ)
    assert [(name, found[name].status) for name in found] == [(name, "ok") for name in NAMES]
    assert "https://pictures.example/webhooks/razorpay" in found["razorpay webhook"].message
    assert "test mode" in found["stripe"].message
    assert "Nothing was paid" in found["stripe reports"].message
    assert await doctor.check(load({**environ, "CHECKOUT": "instant"})) == []


@pytest.mark.parametrize(
    ("settings", "name", "status", "words"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_wrong"}, "stripe", "failure", "refuses our key"),
        ({"RAZORPAY_KEY_SECRET": "wrong-secret"}, "razorpay", "failure", "refuses our key"),
        ({"STRIPE_API_URL": "http://127.0.0.1:9"}, "stripe", "failure", "does not answer"),
        ({"PUBLIC_URL": "http://localhost:8000"}, "stripe webhook", "warning", "cannot report"),
        ({"PUBLIC_URL": "http://pictures.example"}, "razorpay webhook", "warning", "no TLS"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}, "stripe reports", "failure", "does not say when"),
    ],
)
async def test_what_is_wrong_is_said_with_its_mend(environ, settings, name, status, words):
    found = await findings(environ, **settings)
    assert (found[name].status, words in found[name].message) == (status, True), found[name]
    assert found[name].mend


async def test_a_key_that_may_not_read_disputes_is_a_warning(environ, emulator, monkeypatch):
    monkeypatch.setattr(emulator, "disputes_status", 403)
    found = await findings(environ)
    for gateway in ("stripe", "razorpay"):
        assert (found[gateway].status, "may not read disputes" in found[gateway].message) == ("warning", True)


async def test_a_refund_that_has_not_arrived_is_a_warning_of_its_service(environ, database, nothing_paid):
    found = (
        "INSERT INTO payment_events (id, gateway, outcome) VALUES (gen_random_uuid(), 'stripe', 'refund-unconfirmed')"
    )
    await run_sql(database, found)
    said = await findings(environ)
    assert said["stripe refunds"].status == "warning"
    assert said["stripe refunds"].message == "1 refund has not arrived."
    assert "razorpay refunds" not in said


@pytest.mark.parametrize("secret", ["", "   ", "short", "long-enough-one,"])
async def test_a_missing_or_blank_secret_is_refused_before_anything_is_asked(environ, emulator, secret):
    calls = len(emulator.calls)
    if secret.endswith(","):
        assert len(load({**environ, "STRIPE_WEBHOOK_SECRETS": secret}).stripe_webhook_secrets) == 1
        return
    with pytest.raises(ConfigurationError, match="STRIPE_WEBHOOK_SECRETS"):
        load({**environ, "STRIPE_WEBHOOK_SECRETS": secret})
    assert len(emulator.calls) == calls


@pytest.mark.parametrize(
    ("reported", "status", "words"),
    [(None, "warning", "never"), ("2 days", "warning", "not since"), ("1 hour", "ok", "last reported at")],
)
async def test_a_service_that_reports_no_more_is_seen_by_what_was_paid_since(
    environ, database, nothing_paid, reported, status, words
):
    await run_sql(
        database,
        "INSERT INTO orders (id, gateway, mode, plan, amount, currency, expires_at, paid_at)"
        " VALUES (gen_random_uuid(), 'stripe', 'test', '{}', 4900, 'INR', now(), now())",
    )
    # What nobody signed is no sign of life.
    await run_sql(
        database,
        "INSERT INTO payment_events (id, gateway, outcome) VALUES (gen_random_uuid(), 'stripe', 'bad-signature')",
    )
    if reported:
        await run_sql(
            database,
            "INSERT INTO payment_events (id, gateway, outcome, at)"
            " VALUES (gen_random_uuid(), 'stripe', 'accepted', now() - $1::text::interval)",
            reported,
        )
    found = (await findings(environ))["stripe reports"]
    assert (found.status, words in found.message) == (status, True), found
