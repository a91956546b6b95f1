"""Reading plans, and the operator's changes to them. A session keeps the credits with which it was sold."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from chatserver import audit, currencies
from chatserver.audit import Actor
from chatserver.config import Config, values
from chatserver.database import Transaction
from chatserver.errors import Invalid
from chatserver.plans.models import Offer, Plan, Price
from chatserver.validation import optional_line, single_line


async def list_plans(tx: Transaction) -> list[Plan]:
    """Every plan on offer, in the operator's order."""
    return [Plan.from_row(row) for row in await tx.fetch_all("plans.available")]


async def list_all(tx: Transaction) -> list[Plan]:
    """Every plan, also those no longer on offer."""
    return [Plan.from_row(row) for row in await tx.fetch_all("plans.all")]


async def find(tx: Transaction, plan_id: str) -> Plan:
    """One plan; Invalid, with field `plan_id`, where there is none."""
    row = await tx.fetch_one("plans.find", plan_id=plan_id) if _ID.fullmatch(plan_id) else None
    if row is None:
        raise Invalid.field("plan_id", "names no plan")
    return Plan.from_row(row)


def default_of(plans: Sequence[Plan], default_id: str) -> Plan:
    """The plan with this id, or where it is not among them the middle one. `plans` has at least one."""
    return next((plan for plan in plans if plan.id == default_id), plans[len(plans) // 2])


def offers(plans: Sequence[Plan], default_id: str) -> list[Offer]:
    """The plans side by side, the default one marked where there is a choice."""
    differing = frozenset(
        field for field in Plan.__struct_fields__ if len({getattr(each, field) for each in plans}) > 1
    )
    default = default_of(plans, default_id) if len(plans) > 1 else None
    return [Offer(plan=plan, is_default=plan is default, differing=differing) for plan in plans]


async def misnamed_in(tx: Transaction, config: Config) -> list[str]:
    """The settings that name a plan in vain, in words: "TRIAL_PLAN names 'flsh', which is no plan"."""
    return misnamed(config, {plan.id: plan.available for plan in await list_all(tx)})


def misnamed(config: Config, known: Mapping[str, bool]) -> list[str]:
    """The same, of all plans by id, and whether each is on offer. It is warned of and no reason to stop: plans are rows,
    which come and go without a start, and the one that is missing may be added once the server runs."""
    named = {
        "DEFAULT_PLAN": [config.default_plan],
        "TRIAL_PLAN": [config.trial_plan],
        "PICTURE_MARK": config.picture_mark,
    }
    found = [
        f"{setting} names {values.shown(plan)}, which is no plan"
        for setting, plans in named.items()
        for plan in plans
        if plan and plan not in known and (setting, plan) != ("PICTURE_MARK", "all")
    ]
    # A trial may be of a plan that nobody can buy; what is marked for buyers may not.
    if not known.get(config.default_plan, True):
        found.append(f"DEFAULT_PLAN names {values.shown(config.default_plan)}, which is not on offer")
    return found


async def save(tx: Transaction, actor: Actor, plan: Plan) -> Plan:
    """Adds a plan or replaces its settings, and records what changed; Invalid for a bad setting. Needs the worker role."""
    plan = check(plan)
    known = {each.id: each for each in await list_all(tx)}
    row = await tx.fetch_one(
        "plans.save",
        id=plan.id,
        name=plan.name,
        price_amount=Decimal(str(plan.price.amount)),
        price_currency=plan.price.currency,
        minutes=plan.minutes,
        image_credits_per_hour=plan.image_credits_per_hour,
        video_credits_per_hour=plan.video_credits_per_hour,
        max_size=plan.max_size,
        max_count=plan.max_count,
        max_uploads=plan.max_uploads,
        position=plan.position,
        available=plan.available,
        chat_model=plan.chat_model,
    )
    assert row is not None
    saved = Plan.from_row(row)
    await audit.record(tx, actor, "plan.saved", "plan", saved.id, **_changes(known.get(saved.id), saved))
    return saved


def _changes(before: Plan | None, after: Plan) -> dict[str, str]:
    """What differs, as "49 → 59"; everything of a new plan."""
    changes = {}
    for field in Plan.__struct_fields__:
        new, old = _shown(getattr(after, field)), "" if before is None else _shown(getattr(before, field))
        if new != old:
            changes[field] = new if before is None else f"{old} → {new}"
    return changes


def _shown(value: object) -> str:
    return f"{value.amount:g} {value.currency}" if isinstance(value, Price) else str(value)


NAME_LENGTH, MODEL_LENGTH = 40, 200
# Addresses of the operator's page have them in a plan's place.
RESERVED_IDS = frozenset({"new", "preview"})
# What the schema allows: ids for use in URLs, and the least and greatest numbers.
_ID = re.compile(r"[a-z0-9-]{1,40}")
_RANGES = {
    "minutes": (1, 525_600),
    "image_credits_per_hour": (0, 1000),
    "video_credits_per_hour": (0, 1000),
    "max_size": (64, 4096),
    "max_count": (1, 4),
    "max_uploads": (0, 1000),
    "position": (0, 10_000),
}


def check(plan: Plan) -> Plan:
    """The plan with its texts on one line. Raises Invalid, with the field, for a setting that the schema does not allow."""
    if not _ID.fullmatch(plan.id) or plan.id in RESERVED_IDS:
        raise Invalid.field("id", "must be 1 to 40 of a–z, 0–9 and -")
    currency = currencies.checked(plan.price.currency, "INR")
    if not 0 <= plan.price.amount < 10**8:
        raise Invalid.field("price", "must be 0 to 99,999,999")
    if not currencies.fits(plan.price.amount, currency):
        raise Invalid.field("price", f"must be whole: {currency} has no smaller unit")
    for field, (least, most) in _RANGES.items():
        if not least <= getattr(plan, field) <= most:
            raise Invalid.field(field, f"must be {least} to {most:,}")
    name = single_line("name", plan.name, NAME_LENGTH)
    chat_model = optional_line("chat_model", plan.chat_model, MODEL_LENGTH)
    price = Price(plan.price.amount, currency)
    return msgspec.structs.replace(plan, name=name, chat_model=chat_model, price=price)
