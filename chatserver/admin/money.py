"""What the page of money shows: the models in use with their prices, and the worst case of each plan."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from chatserver.admin.period import Period
from chatserver.costs import ModelUse, Rates, calculation, margin, refunds, usage, worst_case
from chatserver.costs import service as costs
from chatserver.costs.calculation import FREE_PROVIDERS
from chatserver.costs.margin import MarginLine, Margins
from chatserver.costs.models import BilledKind, UnitPrice, WorstCase
from chatserver.costs.refunds import Sale
from chatserver.costs.service import MOST_ROWS, PriceLine, RateLine
from chatserver.costs.upgrade import Advice, FlatKind, advice
from chatserver.database import Transaction
from chatserver.generations.provider_limits import FallbackChain
from chatserver.plans import service as plans
from chatserver.plans.models import Plan
from chatserver.providers.base import ChatProvider, Provider, change_of, kind_of, tasks_of
from chatserver.runtime import clock


class ModelInUse(Struct, frozen=True, kw_only=True):
    """A model that this installation calls, with its price today (None: unknown) and that in the currency of the plans
    (None: without an exchange rate). `longest_seconds` is known for prices by the second, once it has made something."""

    provider: str
    model: str
    kind: BilledKind
    price: UnitPrice | None = None
    converted: Decimal | None = None
    longest_seconds: float | None = None

    @property
    def is_free(self) -> bool:
        """Whether it is built in, and costs nothing by definition."""
        return self.provider in FREE_PROVIDERS


class PlanCase(Struct, frozen=True, kw_only=True):
    """A plan with its worst case."""

    plan: Plan
    case: WorstCase


class PlanCosts(Struct, frozen=True, kw_only=True):
    """The worst case of each plan, and the models in use. Amounts are in `base`."""

    base: str
    cases: Sequence[PlanCase]
    in_use: Sequence[ModelInUse]


class Money(PlanCosts, frozen=True, kw_only=True):
    """The page: also the advice and what it compares with, the margins of the period, the sums of the one before, the
    newest sales, and the histories of prices and rates."""

    prices: Sequence[PriceLine]
    rates: Sequence[RateLine]
    margins: Margins
    before: MarginLine
    sales: Sequence[Sale]
    advice: Advice
    flats: Mapping[FlatKind, tuple[Decimal, str]]


Called = tuple[str, str, BilledKind]


def models_called(providers: Iterable[Provider], chat: ChatProvider) -> list[Called]:
    """Each provider, model and kind that this installation may call, once."""
    called: dict[Called, None] = {}
    for provider in providers:
        for task in sorted(tasks_of(provider)):
            kind = kind_of(task)
            called[provider.name, provider.model(kind, change_of(task)), kind] = None
    called[chat.name, chat.model(), "reply"] = None
    return sorted(called, key=lambda each: (each[2] == "reply", each))


Allowed = tuple[str, int]


def allowances(chain: FallbackChain) -> list[Allowed]:
    """The providers that allow so many calls an hour."""
    return [(limits.name, limits.per_hour) for limits in chain if limits.per_hour is not None]


async def read_advice(tx: Transaction, allowed: Sequence[Allowed], zone: str = "UTC") -> Advice:
    """When to upgrade, by what was seen until now. Needs the worker role."""
    return advice(await usage.read(tx, allowed, clock.now(), ZoneInfo(zone)))


async def read(
    tx: Transaction, called: Sequence[Called], allowed: Sequence[Allowed], period: Period, history: int = MOST_ROWS
) -> Money:
    """What the page shows, with so many rows of each history. Needs the worker role."""
    shown = await read_plans(tx, called)
    return Money(
        base=shown.base,
        cases=shown.cases,
        in_use=shown.in_use,
        prices=await costs.list_prices(tx, history),
        rates=await costs.list_rates(tx, history),
        margins=await margin.read(tx, period.start, period.end, period.zone),
        before=await margin.read_total(tx, period.before_start, period.before_end, period.zone),
        sales=await refunds.sales(tx),
        advice=await read_advice(tx, allowed, period.zone),
        flats=await usage.flat_prices(tx),
    )


async def read_month(tx: Transaction) -> MarginLine:
    """What came in and what providers cost since the beginning of this month (UTC). Needs the worker role."""
    now = clock.now()
    return await margin.read_total(tx, now.replace(day=1, hour=0, minute=0, second=0, microsecond=0), now, "UTC")


async def read_plans(tx: Transaction, called: Sequence[Called]) -> PlanCosts:
    """The worst case of each plan, and the models in use. Needs the worker role."""
    rates = await costs.rates_now(tx)
    in_use = [await _in_use(tx, rates, *each) for each in called]
    uses = _uses(in_use)
    cases = [PlanCase(plan=plan, case=worst_case(plan, uses, rates)) for plan in await plans.list_all(tx)]
    return PlanCosts(base=rates.base, cases=cases, in_use=in_use)


async def worst_case_of(tx: Transaction, called: Sequence[Called], plan: Plan) -> WorstCase:
    """The worst case of one plan, also of one that is not saved yet."""
    rates = await costs.rates_now(tx)
    return worst_case(plan, _uses([await _in_use(tx, rates, *each) for each in called]), rates)


async def _in_use(tx: Transaction, rates: Rates, provider: str, model: str, kind: BilledKind) -> ModelInUse:
    price = await costs.price_at(tx, provider, model, kind)
    converted = None if price is None else rates.convert(price.amount, price.currency)
    by_second = price is not None and price.unit == "second"
    return ModelInUse(
        provider=provider,
        model=model,
        kind=kind,
        price=price,
        converted=converted,
        longest_seconds=await costs.longest_seconds(tx, price, model) if price and by_second else None,
    )


def _uses(in_use: Iterable[ModelInUse]) -> list[ModelUse]:
    return [
        ModelUse(
            provider=each.provider,
            model=each.model,
            kind=each.kind,
            price=each.price,
            longest_seconds=each.longest_seconds,
        )
        for each in in_use
        if each.kind != "reply"
    ]


# What a price counts: the words of the form by kind and unit.
COUNTED: Mapping[str, str] = {
    "image/picture": "picture",
    "image/megapixel": "megapixel of a picture",
    "image/second": "second of rendering a picture",
    "video/picture": "clip",
    "video/second": "second of a clip",
    "reply/token": "token of a reply",
}


def counted(price: UnitPrice) -> str:
    """What a price counts, in words."""
    return COUNTED[f"{price.kind}/{price.unit}"]


def worst_words(case: WorstCase) -> str:
    """What a session costs at most: ₹12; at least ₹12; unknown."""
    total = calculation.CostSum(case.currency, case.known)
    if not case.unknown:
        return total.words
    return f"at least {total.words}" if case.known else "unknown"
