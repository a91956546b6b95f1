"""Revenue net of refunds, costs and what is left, by day, plan and model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from chatserver import rollups
from chatserver.costs import service
from chatserver.costs.calculation import CostSum
from chatserver.costs.models import ExchangeRate, Rates
from chatserver.database import Transaction
from chatserver.database.records import Record
from chatserver.rollups import pieces
from chatserver.rollups.pieces import Labelled


class Revenue(Record, frozen=True, kw_only=True):
    """What came in for a plan on a day (or from it on, as in `DaySpending`), in one currency; `refunded_amount` is below 0.
    `free` counts those granted free of charge."""

    day: date
    plan_id: str
    currency: str
    sold_amount: Decimal
    refunded_amount: Decimal
    sold: int
    free: int


class DaySpending(Record, frozen=True, kw_only=True):
    """What calls cost in one currency on a day, or from that day on while its exchange rates hold; the cost of `unknown` of
    them is unknown."""

    day: date
    kind: str
    currency: str | None
    cost: Decimal
    calls: int
    unknown: int
    done: int


class Spending(DaySpending, frozen=True, kw_only=True):
    """That of the calls of one model for a plan."""

    plan_id: str
    provider: str
    model: str


class MarginLine:
    """Revenue and cost of one day, plan or model. `revenue` and `cost` are sums in the base currency.

    `done` counts pictures and clips. Of `unknown_replies` the cost is unknown: a reply that was stopped, whose tokens nobody
    has counted, must not hide what everything else comes to.
    """

    def __init__(self, name: str, currency: str) -> None:
        self.name = name
        self.revenue, self.refunds, self.cost = CostSum(currency), CostSum(currency), CostSum(currency)
        self.of_pictures = CostSum(currency)
        self.sold = self.free = self.calls = self.done = self.unknown_replies = 0

    @property
    def margin(self) -> Decimal | None:
        """What is left; None where a part of the revenue or the cost is unknown."""
        revenue, cost = self.revenue.exact, self.cost.exact
        return None if revenue is None or cost is None else revenue - cost

    @property
    def loses(self) -> bool:
        """Whether it surely loses money: the known cost alone is more than the revenue, all of which is known."""
        return self.revenue.exact is not None and self.cost.known > self.revenue.exact

    @property
    def each(self) -> Decimal | None:
        """What one picture or clip that was made cost, failed calls included; None where that is unknown."""
        cost = self.of_pictures.exact
        return cost / self.done if self.done and cost is not None else None


class Margins(Struct, frozen=True, kw_only=True):
    """The margin of a period, as a whole and by day, plan and model. To a model belongs of each plan's revenue its share of
    what was made on that plan."""

    total: MarginLine
    days: Sequence[MarginLine]
    plans: Sequence[MarginLine]
    models: Sequence[MarginLine]


RatesOfDay = Callable[[date], Rates]


def margins(
    base: str,
    revenue: Iterable[Revenue],
    spent: Sequence[Spending],
    spent_by_day: Iterable[DaySpending],
    rates: RatesOfDay,
) -> Margins:
    """The margins of a period. Amounts are converted at the rates of their day; what has none there is unknown.

    `spent` and `spent_by_day` are the same calls in other sums: by plan and model, and by day.
    """
    total = MarginLine("", base)
    days: dict[str, MarginLine] = {}
    plans: dict[str, MarginLine] = {}
    models: dict[str, MarginLine] = {}
    made: dict[tuple[str, str], int] = {}

    def line(lines: dict[str, MarginLine], name: str) -> MarginLine:
        return lines.setdefault(name, MarginLine(name, base))

    for sale in revenue:
        sold = rates(sale.day).convert(sale.sold_amount, sale.currency)
        refunded = rates(sale.day).convert(sale.refunded_amount, sale.currency)
        for each in (total, line(days, sale.day.isoformat()), line(plans, sale.plan_id)):
            each.sold, each.free = each.sold + sale.sold, each.free + sale.free
            each.revenue.include(sold, sale.sold)
            each.revenue.include(refunded, 0 if refunded is not None else 1)
            each.refunds.include(refunded, 0 if refunded is not None else 1)
    for part in spent:
        name = f"{part.provider} {part.model}".strip()
        _include(part, rates, total, line(plans, part.plan_id), line(models, name))
        if part.kind != "reply":
            made[part.plan_id, name] = made.get((part.plan_id, name), 0) + part.done
    for of_day in spent_by_day:
        _include(of_day, rates, line(days, of_day.day.isoformat()))
    for name in {f"{part.provider} {part.model}".strip() for part in spent if part.kind == "reply"}:
        # Nothing is sold by the reply: which part of a price is for it nobody can say.
        models[name].revenue.include(None)
    for (plan_id, name), done in made.items():
        if done:
            earned = plans[plan_id].revenue.exact
            models[name].revenue.include(None if earned is None else earned * done / plans[plan_id].done)
    return Margins(total=total, days=_sorted(days), plans=_sorted(plans), models=_sorted(models))


def _include(part: DaySpending, rates: RatesOfDay, *lines: MarginLine) -> None:
    known = part.calls - part.unknown
    cost = rates(part.day).convert(part.cost, part.currency) if known else Decimal(0)
    for line in lines:
        line.calls += part.calls
        line.cost.include(cost, known)
        if part.kind == "reply":
            line.unknown_replies += part.unknown
        else:
            line.done += part.done
            line.cost.include(None, part.unknown)
            line.of_pictures.include(None, part.unknown)
            line.of_pictures.include(cost, known)


def _sorted(lines: Mapping[str, MarginLine]) -> list[MarginLine]:
    return [lines[name] for name in sorted(lines)]


def rates_of_days(base: str, rates: Sequence[ExchangeRate], zone: ZoneInfo) -> RatesOfDay:
    """The rates that hold at the end of a day of a time zone. `rates` are sorted, the newest first."""
    known: dict[date, Rates] = {}

    def of(day: date) -> Rates:
        if day not in known:
            end = datetime.combine(day + timedelta(days=1), time(), zone)
            found: dict[str, Decimal] = {}
            for rate in rates:
                if rate.valid_from < end:
                    found.setdefault(rate.currency, rate.rate)
            known[day] = Rates(base=base, of=found)
        return known[day]

    return of


async def read(tx: Transaction, start: datetime, end: datetime, zone: str) -> Margins:
    """The margins from `start` to `end`, in days of a time zone. Needs the worker role."""
    base, rates = await rates_by_day(tx, ZoneInfo(zone))
    days = pieces.days(start, end, ZoneInfo(zone))
    by_day = await tx.fetch_all("costs.spent_by_day", **await rollups.costs(tx, days))
    spent = await spending(tx, stretches(days, rates))
    return margins(base, await _revenue(tx, days), spent, [DaySpending.from_row(row) for row in by_day], rates)


async def read_total(tx: Transaction, start: datetime, end: datetime, zone: str) -> MarginLine:
    """The total of `read` alone, without the days, which reads less. Needs the worker role."""
    base, rates = await rates_by_day(tx, ZoneInfo(zone))
    periods = stretches(pieces.days(start, end, ZoneInfo(zone)), rates)
    return margins(base, await _revenue(tx, periods), await spending(tx, periods), (), rates).total


async def rates_by_day(tx: Transaction, zone: ZoneInfo) -> tuple[str, RatesOfDay]:
    """The currency of the plans, and the exchange rates into it by day of a time zone."""
    base = await service.base(tx)
    history = [ExchangeRate.from_row(row) for row in await tx.fetch_all("costs.all_rates", base=base)]
    return base, rates_of_days(base, history, zone)


def stretches(days: Sequence[Labelled], rates: RatesOfDay) -> list[Labelled]:
    """Days joined while the same exchange rates hold, each called like its first: large buckets serve for most of them."""
    joined: list[Labelled] = []
    for day, start, stop in days:
        if joined and rates(_date(joined[-1][0])).of == rates(_date(day)).of:
            joined[-1] = (joined[-1][0], joined[-1][1], stop)
        else:
            joined.append((day, start, stop))
    return joined


_date = date.fromisoformat


async def spending(tx: Transaction, periods: Sequence[Labelled]) -> list[Spending]:
    """What calls of providers cost in some periods, which are called by a day."""
    read = await rollups.costs(tx, periods)
    return [Spending.from_row(row) for row in await tx.fetch_all("costs.spent", **read)]


async def _revenue(tx: Transaction, periods: Sequence[Labelled]) -> list[Revenue]:
    labels, starts, stops = ([period[place] for period in periods] for place in range(3))
    rows = await tx.fetch_all("costs.revenue", labels=labels, starts=starts, stops=stops)
    return [Revenue.from_row(row) for row in rows]
