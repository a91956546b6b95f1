"""Reading and adding prices and exchange rates. A new row supersedes; nothing is changed. Needs the worker role."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from chatserver import audit, ids, plans, rollups
from chatserver.audit import Actor
from chatserver.costs.calculation import FREE_PROVIDERS, base_currency, cost_of
from chatserver.costs.models import BilledCall, BilledKind, Cost, ExchangeRate, NewPrice, Rates, UnitPrice
from chatserver.database import Row, Transaction
from chatserver.errors import Invalid
from chatserver.runtime import clock

# Rows of a history that are shown.
MOST_ROWS = 200
MONTH = timedelta(days=30)


class PriceLine(Struct, frozen=True, kw_only=True):
    """A price in the history, with whether it has begun and whether it is in effect now."""

    price: UnitPrice
    has_begun: bool
    is_in_effect: bool


class RateLine(Struct, frozen=True, kw_only=True):
    """An exchange rate in the history, with whether it has begun and whether it is in effect now."""

    rate: ExchangeRate
    has_begun: bool
    is_in_effect: bool


# Prices ---------------------------------------------------------------------------------------------------------------


async def list_prices(tx: Transaction, limit: int = MOST_ROWS) -> list[PriceLine]:
    """The newest prices, superseded ones too."""
    rows = await tx.fetch_all("costs.prices", limit=limit)
    return [
        PriceLine(price=UnitPrice.from_row(row), has_begun=row["has_begun"], is_in_effect=row["is_in_effect"])
        for row in rows
    ]


async def price_at(
    tx: Transaction, provider: str, model: str, kind: BilledKind, at: datetime | None = None
) -> UnitPrice | None:
    """The price in effect at a time (None: now); None where there is none, and for what is built in.

    A price of the model goes before one of all models of the provider, however new that is.
    """
    if provider in FREE_PROVIDERS:
        return None
    row = await tx.fetch_one("costs.price_at", provider=provider, model=model, kind=kind, at=at)
    return None if row is None else UnitPrice.from_row(row)


async def longest_seconds(tx: Transaction, price: UnitPrice, model: str) -> float | None:
    """The longest seconds that a price by the second has counted for a model in thirty days; None where there were none."""
    now = clock.now()
    read = await rollups.attempts(tx, [("", now - MONTH, now)])
    seconds: float | None = await tx.fetch_value(
        "costs.longest_seconds", provider=price.provider, model=model, kind=price.kind, **read
    )
    return seconds


async def cost_now(tx: Transaction, call: BilledCall) -> Cost | None:
    """What a call that has just ended costs at the price in effect now, to be kept with it; None where it is unknown."""
    return cost_of(call, await price_at(tx, call.provider, call.model, call.kind))


async def set_price(tx: Transaction, actor: Actor, price: NewPrice) -> UnitPrice:
    """Adds a price, which supersedes an older one from its time on. Returns the older one where nothing would change."""
    added, is_new = await _add(tx, price)
    if is_new:
        await audit.record(tx, actor, "price.set", "price", added.id, **_details(added))
    return added


async def import_prices(tx: Transaction, actor: Actor, prices: Sequence[NewPrice]) -> int:
    """Adds the prices of a file, and says how many of them are new."""
    new = sum([(await _add(tx, price))[1] for price in prices])
    if new:
        await audit.record(tx, actor, "price.imported", "prices", "", prices=len(prices), new=new)
    return new


async def _add(tx: Transaction, price: NewPrice) -> tuple[UnitPrice, bool]:
    fields = {name: getattr(price, name) for name in NewPrice.__struct_fields__}
    row = await tx.fetch_one(
        "costs.price_at", provider=price.provider, model=price.model, kind=price.kind, at=price.valid_from
    )
    if row is not None and _is_same(row, price):
        return UnitPrice.from_row(row), False
    row = await tx.fetch_one("costs.add_price", id=ids.new(), **fields)
    assert row is not None
    return UnitPrice.from_row(row), True


def _is_same(row: Row, price: NewPrice) -> bool:
    """Whether a price in effect says what a new one would; a new time makes a new price."""
    same = all(row[field] == getattr(price, field) for field in ("model", "unit", "amount", "currency"))
    return same and price.valid_from in {None, row["valid_from"]}


def _details(price: UnitPrice) -> dict[str, str]:
    details = {name: str(getattr(price, name)) for name in ("provider", "model", "kind", "unit", "currency")}
    return {**details, "amount": f"{price.amount.normalize():f}", "valid_from": price.valid_from.isoformat()}


# Exchange rates -------------------------------------------------------------------------------------------------------


async def base(tx: Transaction) -> str:
    """The currency of the plans, in which everything is summed up."""
    return base_currency(await plans.list_all(tx))


async def list_rates(tx: Transaction, limit: int = MOST_ROWS) -> list[RateLine]:
    """The newest exchange rates into the currency of the plans, superseded ones too."""
    rows = await tx.fetch_all("costs.rates", base=await base(tx), limit=limit)
    return [
        RateLine(rate=ExchangeRate.from_row(row), has_begun=row["has_begun"], is_in_effect=row["is_in_effect"])
        for row in rows
    ]


async def rates_now(tx: Transaction) -> Rates:
    """The exchange rates in effect now."""
    currency = await base(tx)
    rows = await tx.fetch_all("costs.rates_in_effect", base=currency)
    return Rates(base=currency, of={row["currency"]: row["rate"] for row in rows})


async def set_rate(
    tx: Transaction, actor: Actor, currency: str, rate: Decimal, valid_from: datetime | None
) -> ExchangeRate:
    """Adds what one unit of a currency is worth in that of the plans. Returns the older rate where nothing would change.

    Invalid for that currency itself, and for 0.
    """
    into = await base(tx)
    if currency == into:
        raise Invalid.field("currency", "is that of the plans already")
    if not rate:
        raise Invalid.field("rate", "must be more than 0")
    row = await tx.fetch_one("costs.rate_at", currency=currency, base=into, at=valid_from)
    if row is not None and row["rate"] == rate and valid_from in {None, row["valid_from"]}:
        return ExchangeRate.from_row(row)
    row = await tx.fetch_one(
        "costs.add_rate", id=ids.new(), currency=currency, base=into, rate=rate, valid_from=valid_from
    )
    assert row is not None
    details = {"base": into, "rate": f"{rate.normalize():f}", "valid_from": row["valid_from"].isoformat()}
    await audit.record(tx, actor, "exchange_rate.set", "currency", currency, **details)
    return ExchangeRate.from_row(row)
