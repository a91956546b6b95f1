"""What calls cost: pure functions. Unknown is None and never 0; 0 is what is known to cost nothing."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from math import ceil, isfinite

from chatserver.costs.models import BilledCall, Cost, ModelUse, Rates, Unit, UnitPrice, WorstCase
from chatserver.plans.models import Plan
from chatserver.providers.recipe import LARGEST_CLIP
from chatserver.web import filters

# What comes with the product: the painter and the guide run on this machine, in its own processes.
FREE_PROVIDERS = frozenset({"sketch", "guide"})

# Answers with which a provider refuses to begin, and which nobody charges for. Every other error may have cost a call.
UNBILLED_ERRORS = frozenset(
    {
        "bad-parameters",
        "invalid-token",
        "model-gone",
        "no-permission",
        "provider-credits-used-up",
        "provider-rate-limited",
        "wrong-address",
    }
)
# The decimals of the column `cost`; and digits enough for any price of any number of units.
_LEAST, _DIGITS = Decimal("1e-12"), 80


def cost_of(call: BilledCall, price: UnitPrice | None) -> Cost | None:
    """What one call costs, whether it succeeded or not; None where its price or what it is counted by is unknown."""
    if call.provider in FREE_PROVIDERS or call.error_code in UNBILLED_ERRORS:
        return Cost(amount=Decimal(0))
    if price is None:
        return None
    # Nothing a unit is nothing, however many there were.
    units = _units(call, price.unit) if price.amount else Decimal(0)
    if units is None:
        return None
    with localcontext(prec=_DIGITS):
        amount = (price.amount * units).quantize(_LEAST, ROUND_HALF_EVEN)
    return Cost(amount=amount, currency=price.currency, price_id=price.id)


def _units(call: BilledCall, unit: Unit) -> Decimal | None:
    """How many units of its price a call took; None where that is unknown."""
    if unit == "picture":
        return Decimal(1)
    if unit == "megapixel":
        return None if call.width is None or call.height is None else Decimal(call.width * call.height) / 10**6
    seconds = call.seconds if call.kind == "video" else call.rendering
    counted = call.tokens if unit == "token" else seconds
    return None if counted is None or not isfinite(counted) or counted < 0 else Decimal(str(counted))


class CostSum:
    """A sum in one currency of which parts may be unknown: `known` of `count` parts, `unknown` of them not known."""

    def __init__(self, currency: str, known: Decimal = Decimal(0), count: int = 0, unknown: int = 0) -> None:
        self.currency, self.known, self.count, self.unknown = currency, known, count, unknown

    def include(self, amount: Decimal | None, count: int = 1) -> None:
        """Adds so many parts, which come to `amount`; None where it is unknown."""
        self.count += count
        if amount is None:
            self.unknown += count
        else:
            self.known += amount

    @property
    def exact(self) -> Decimal | None:
        """The sum, None where a part of it is unknown."""
        return None if self.unknown else self.known

    @property
    def words(self) -> str:
        """₹12; at least ₹12 (3 unknown); unknown."""
        if self.count and self.unknown == self.count:
            return "unknown"
        known = filters.money(self.known, self.currency)
        return f"at least {known} ({self.unknown:,} unknown)" if self.unknown else known


# Plans ----------------------------------------------------------------------------------------------------------------


def base_currency(plans: Iterable[Plan]) -> str:
    """The currency of most plans, of the first of them where there are as many; plans on offer go before the others."""
    plans = list(plans)
    currencies = [plan.price.currency for plan in plans if plan.available] or [plan.price.currency for plan in plans]
    return max(currencies, key=currencies.count, default="INR")


def worst_case(plan: Plan, uses: Sequence[ModelUse], rates: Rates) -> WorstCase:
    """What a session of a plan costs whose every credit is used, each on the dearest model in the largest size.

    A credit comes back an hour after it was used, so that a session has its credits once for each hour begun. Calls that
    fail give their credit back and may cost too: they are not in it.
    """
    hours = ceil(plan.minutes / 60)
    images, videos = plan.image_credits_per_hour * hours, plan.video_credits_per_hour * hours
    known, unknown = Decimal(0), []
    for kind, count in (("image", images), ("video", videos)):
        dearest = Decimal(0)
        for use in (use for use in uses if use.kind == kind and count):
            amount, why = _dearest_call(plan, use, rates)
            dearest = max(dearest, amount)
            unknown += [why] if why else []
        known += dearest * count
    return WorstCase(
        images=images,
        videos=videos,
        price=rates.convert(Decimal(str(plan.price.amount)), plan.price.currency),
        known=known,
        currency=rates.base,
        unknown=tuple(unknown),
    )


def _dearest_call(plan: Plan, use: ModelUse, rates: Rates) -> tuple[Decimal, str]:
    """The most that one call costs on a plan, in the base currency; 0 with the reason where it is unknown."""
    side = plan.max_size if use.kind == "image" else min(plan.max_size, LARGEST_CLIP)
    call = BilledCall(
        provider=use.provider,
        model=use.model,
        kind=use.kind,
        width=side,
        height=side,
        seconds=use.longest_seconds,
        rendering=use.longest_seconds,
    )
    name = f"{use.provider} {use.model}".strip()
    cost = cost_of(call, use.price)
    if cost is None:
        what = "no price" if use.price is None else "how long one takes"
        return Decimal(0), f"{name}: {what}"
    amount = rates.convert(cost.amount, cost.currency)
    return (Decimal(0), f"{name}: no exchange rate of {cost.currency}") if amount is None else (amount, "")
