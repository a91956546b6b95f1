"""When to upgrade: a sentence with its arithmetic, computed from what this installation has seen."""

from decimal import ROUND_CEILING, Decimal
from typing import Literal

from msgspec import Struct

from chatserver.web import filters

# So many active people a day: from the first on, one shared account is tight; from the second on, one machine is.
MARKS = (50, 500)
# From this share of an hour's allowance on it is soon used up.
TIGHT_SHARE = 0.8

AdviceState = Literal["good", "attention", "quiet"]
FlatKind = Literal["subscription", "machine"]
FLAT_WORDS: dict[FlatKind, str] = {"subscription": "a subscription", "machine": "a machine of your own"}


class FlatPrice(Struct, frozen=True, kw_only=True):
    """What a subscription or a machine costs a month, in the base currency; None where its exchange rate is unknown."""

    kind: FlatKind
    amount: Decimal | None


class Allowance(Struct, frozen=True, kw_only=True):
    """The calls an hour that a provider allows, the most that were made in an hour by the clock of the last days, and in how
    many of these hours they reached it."""

    provider: str
    per_hour: int
    most: int
    full_hours: int
    days: int


class Usage30(Struct, frozen=True, kw_only=True):
    """What the advice rests on: people active yesterday, and the last thirty days of calls that are paid for.

    `cost` is what is known of it in `currency`, `unknown` the calls whose cost is not; `made` counts pictures and clips.
    """

    active: int
    currency: str
    cost: Decimal
    unknown: int
    made: int
    allowances: tuple[Allowance, ...] = ()
    flats: tuple[FlatPrice, ...] = ()

    @property
    def each(self) -> Decimal | None:
        """What one picture or clip costs; None where nothing was made or a part of the cost is unknown."""
        return self.cost / self.made if self.made and not self.unknown else None


class Advice(Struct, frozen=True, kw_only=True):
    """The advice: what to do and what providers cost, in a few words each, and the sentences with the arithmetic."""

    state: AdviceState
    words: str
    cost: str
    sentences: tuple[str, ...]


def advice(usage: Usage30) -> Advice:
    """What to do, by what was seen. What is not known is said to be, and nothing is advised by it."""
    people, crosses = _of_people(usage.active)
    allowances = [_of_allowance(each) for each in usage.allowances]
    flats = [_of_flat(usage, each) for each in usage.flats]
    paying = [flat for flat, (_, pays) in zip(usage.flats, flats, strict=True) if pays]
    cheaper = [FLAT_WORDS[flat.kind] for flat in sorted(paying, key=lambda flat: flat.amount or Decimal(0))]
    tight = [each.provider for each, (_, is_tight) in zip(usage.allowances, allowances, strict=True) if is_tight]
    state: AdviceState
    if cheaper:
        state, words = "attention", f"Now: {cheaper[0]} costs less"
    elif tight:
        state, words = "attention", f"Soon: the allowance of {tight[0]} is nearly used up"
    elif crosses:
        state, words = "attention", f"Look ahead: {_count(usage.active, 'person', 'people')} active in a day"
    elif usage.unknown or not usage.flats or any(flat.amount is None for flat in usage.flats):
        state, words = "quiet", "No need is seen; not everything is known"
    else:
        state, words = "good", "Not yet"
    sentences = (people, _of_cost(usage), *(each for each, _ in allowances), *(each for each, _ in flats))
    if not usage.flats:
        sentences += ("The price of a subscription or a machine of your own is unknown: set it below to compare.",)
    return Advice(state=state, words=words, cost=_cost_in_short(usage), sentences=sentences)


def _count(number: int, one: str, many: str) -> str:
    """1 picture, 4,100 pictures."""
    return f"{number:,} {one if number == 1 else many}"


def _cost_in_short(usage: Usage30) -> str:
    if usage.unknown and not usage.cost:
        return "Unknown: no price of what was asked"
    known = filters.money(usage.cost, usage.currency)
    return f"{'At least ' if usage.unknown else ''}{known} in 30 days"


def _of_people(active: int) -> tuple[str, bool]:
    words = f"{_count(active, 'person was', 'people were')} active yesterday"
    reached = [mark for mark in MARKS if active >= mark]
    if not reached:
        return f"{words}, below the mark of {MARKS[0]}.", False
    following = [mark for mark in MARKS if active < mark]
    until = f"; the next is {following[0]}" if following else ""
    return f"{words}, at or above the mark of {reached[-1]}{until}.", True


def _of_cost(usage: Usage30) -> str:
    made = _count(usage.made, "picture or clip", "pictures and clips")
    if not usage.made and not usage.unknown and not usage.cost:
        return "In the last 30 days no provider that is paid for has made anything."
    cost = filters.money(usage.cost, usage.currency)
    if usage.each is not None:
        each = filters.money(usage.each, usage.currency)
        return f"Providers cost {cost} in the last 30 days for {made}: {each} each."
    if usage.unknown:
        calls = _count(usage.unknown, "call", "calls")
        known = f"at least {cost}" if usage.cost else "an unknown amount"
        return f"Providers cost {known} in the last 30 days for {made}; the cost of {calls} is unknown."
    return f"Providers cost {cost} in the last 30 days, and nothing came of it."


def _of_allowance(each: Allowance) -> tuple[str, bool]:
    share = each.most / each.per_hour
    hours = _count(each.full_hours, "hour", "hours")
    full = f"all of it was used in {hours}, in which further work waited" if each.full_hours else "none took all of it"
    words = (
        f"{each.provider} allows {each.per_hour:,} calls an hour; the busiest hour of {each.days} days took "
        f"{each.most:,} of them ({share:.0%}), and {full}."
    )
    return words, share >= TIGHT_SHARE


def _of_flat(usage: Usage30, flat: FlatPrice) -> tuple[str, bool]:
    """The sentence of a flat price, and whether it costs less than what was paid."""
    name = FLAT_WORDS[flat.kind]
    if flat.amount is None:
        return f"Whether {name} pays is unknown: its currency has no exchange rate.", False
    price = f"{name[0].upper()}{name[1:]} of {filters.money(flat.amount, usage.currency)} a month"
    if usage.each is None or not usage.each:
        pays = usage.cost > flat.amount
        if pays:
            return f"{price} costs less than what is known to be paid already.", True
        why = "nothing is paid for a picture" if usage.each is not None else "what a picture costs is unknown"
        return f"{price} does not pay by what is known: {why}.", False
    least = (flat.amount / usage.each).to_integral_value(ROUND_CEILING)
    pays = usage.cost > flat.amount
    return f"{price} pays from {least:,} pictures a month; you make {usage.made:,}.", pays
