"""What the advice when to upgrade rests on, read from this installation; and the flat prices to compare with."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from chatserver import audit, ids, rollups
from chatserver.audit import Actor
from chatserver.costs import margin, service
from chatserver.costs.calculation import FREE_PROVIDERS, CostSum
from chatserver.costs.upgrade import Allowance, FlatKind, FlatPrice, Usage30
from chatserver.database import Transaction
from chatserver.rollups import pieces

WEEK = timedelta(days=7)


async def read(tx: Transaction, allowed: Sequence[tuple[str, int]], now: datetime, zone: ZoneInfo) -> Usage30:
    """What was seen until `now`; yesterday is that of a time zone. `allowed` are providers with their calls an hour.

    Needs the worker role.
    """
    now = now.astimezone(zone)
    rates = await service.rates_now(tx)
    _, of_day = await margin.rates_by_day(tx, zone)
    cost, made = CostSum(rates.base), 0
    days = pieces.days(now - service.MONTH, now, zone)
    for part in await margin.spending(tx, margin.stretches(days, of_day)):
        if part.provider not in FREE_PROVIDERS and part.kind != "reply":
            known = part.calls - part.unknown
            cost.include(of_day(part.day).convert(part.cost, part.currency) if known else Decimal(0), known)
            cost.include(None, part.unknown)
            made += part.done
    return Usage30(
        active=await _active_yesterday(tx, now),
        currency=rates.base,
        cost=cost.known,
        unknown=cost.unknown,
        made=made,
        allowances=tuple([await _allowance(tx, name, per_hour, now) for name, per_hour in allowed]),
        flats=tuple(
            FlatPrice(kind=kind, amount=rates.convert(amount, currency))
            for kind, (amount, currency) in (await flat_prices(tx)).items()
        ),
    )


async def _active_yesterday(tx: Transaction, now: datetime) -> int:
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = end - timedelta(days=1)
    active: int = await tx.fetch_value(
        "costs.active_users", first=ids.first_at(start), last=ids.first_at(end), start=start, end=end
    )
    return active


async def _allowance(tx: Transaction, provider: str, per_hour: int, now: datetime) -> Allowance:
    read = await rollups.attempts(tx, pieces.hours(now - WEEK, now))
    row = await tx.fetch_one("costs.busiest_hour", provider=provider, per_hour=per_hour, **read)
    assert row is not None
    return Allowance(provider=provider, per_hour=per_hour, days=WEEK.days, **dict(row))


# Flat prices ----------------------------------------------------------------------------------------------------------


async def flat_prices(tx: Transaction) -> dict[FlatKind, tuple[Decimal, str]]:
    """What a subscription and a machine cost a month, as far as the operator has said."""
    rows = await tx.fetch_all("costs.flat_prices")
    return {row["kind"]: (row["amount"], row["currency"]) for row in rows if row["amount"] is not None}


async def set_flat_prices(
    tx: Transaction, actor: Actor, amounts: Mapping[FlatKind, Decimal | None], currency: str
) -> None:
    """Sets what each costs a month, checked; None: it is not compared with any more. What is so already stays."""
    before = await flat_prices(tx)
    for kind, amount in amounts.items():
        after = None if amount is None else (amount, currency)
        if after != before.get(kind):
            await tx.execute("costs.add_flat_price", id=ids.new(), kind=kind, amount=amount, currency=currency)
            shown = None if amount is None else f"{amount:f}"
            await audit.record(tx, actor, "flat_price.set", "flat_price", kind, amount=shown, currency=currency)
