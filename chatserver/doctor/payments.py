"""The payment services that CHECKOUT names: whether they take our keys, can reach us, and have reported lately."""

from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg

from chatserver.config import Config
from chatserver.database import command_line
from chatserver.doctor.findings import Finding, failure, ok, warning
from chatserver.errors import ChatserverError, GatewayFailed
from chatserver.payments import service
from chatserver.payments.base import Gateway
from chatserver.payments.processing import open_gateways

# Razorpay switches a webhook off that has failed for a day.
OLDEST_REPORT = timedelta(days=1)
LOCAL = ("http://localhost", "http://127.", "http://[::1]")


async def check(config: Config) -> list[Finding]:
    """The findings on each service; nothing is bought."""
    found: list[Finding] = []
    for gateway in open_gateways(config).values():
        try:
            found += [await _keys(gateway, config), _address(gateway, config), *await _of_database(gateway, config)]
        finally:
            await gateway.close()
    return found


async def _keys(gateway: Gateway, config: Config) -> Finding:
    try:
        await gateway.verify_keys()
        reads_disputes = await gateway.may_read_disputes()
    except GatewayFailed as error:
        status = error.details.get("status")
        said = f"{gateway.label} refuses our key" if status in {401, 403} else f"{gateway.label} does not answer"
        return failure(gateway.name, f"{said}.", f"Look at the {gateway.label} settings (docs/payments.md).")
    if not reads_disputes:
        words = f"{gateway.label}'s key may not read disputes: one that is lost is found only where its report comes."
        return warning(gateway.name, words, "Let the key read Disputes (docs/payments.md).")
    return ok(gateway.name, f"{gateway.label} takes our key ({config.payments_mode} mode).")


def _address(gateway: Gateway, config: Config) -> Finding:
    name, address = f"{gateway.name} webhook", f"{config.origin}/webhooks/{gateway.name}"
    if config.origin.startswith(LOCAL):
        mend = "Set PUBLIC_URL. Until then, orders are found paid by asking, within a minute."
        return warning(name, f"{gateway.label} cannot report to {address}.", mend)
    if not config.secure:
        return warning(name, f"{address} has no TLS, which {gateway.label} needs.", "Set PUBLIC_URL to https://….")
    return ok(name, f"Its address to enter at {gateway.label}: {address}.")


async def _of_database(gateway: Gateway, config: Config) -> list[Finding]:
    """When it last reported, against when an order was last paid there; and the week's refunds that have not arrived."""
    name = f"{gateway.name} reports"
    try:
        command_line.require_database(config)
        async with (
            command_line.database_url(config) as url,
            command_line.open_database(replace(config, database_url=url)) as database,
        ):
            paid, heard = await database.run_system(service.last_order_and_report, gateway.name)
            refunds = await database.run_system(service.refunds_at_large, service.SHOWN_SECONDS)
    except (ChatserverError, asyncpg.PostgresError, OSError) as error:
        mend = "Look at DATABASE_URL, and run `chatserver migrate`."
        return [failure(name, f"The database does not say when: {type(error).__name__}.", mend)]
    number = sum(each["gateway"] == gateway.name for each in refunds)
    return [_last_report(gateway, paid, heard), *([_refunds(gateway, number)] if number else [])]


def _refunds(gateway: Gateway, number: int) -> Finding:
    mend = "Look at /admin/orders, and pay in another way."
    return warning(f"{gateway.name} refunds", f"{service.refunds_in_words(number)}.", mend)


def _last_report(gateway: Gateway, paid: datetime | None, heard: datetime | None) -> Finding:
    name = f"{gateway.name} reports"
    if paid is None:
        return ok(name, "Nothing was paid yet.")
    if heard is None or paid - heard > OLDEST_REPORT:
        since = "never" if heard is None else f"not since {heard:%Y-%m-%d %H:%M} UTC"
        mend = f"Look at the webhook and its secret at {gateway.label}. Until then orders are found paid by asking."
        return warning(name, f"{gateway.label} has reported {since}.", mend)
    return ok(name, f"{gateway.label} has last reported at {heard:%Y-%m-%d %H:%M} UTC.")
