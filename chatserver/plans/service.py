"""The rules of plans: reading them, and the operator's changes. A session keeps the credits it was sold with."""

from decimal import Decimal

from chatserver.database import Transaction
from chatserver.errors import Invalid
from chatserver.plans.models import Plan


async def list_plans(tx: Transaction) -> list[Plan]:
    """Every plan on offer, in the operator's order."""
    return [Plan.from_row(row) for row in await tx.fetch_all("plans.available")]


async def list_all(tx: Transaction) -> list[Plan]:
    """Every plan, also those no longer on offer."""
    return [Plan.from_row(row) for row in await tx.fetch_all("plans.all")]


async def find(tx: Transaction, plan_id: str) -> Plan:
    """One plan; Invalid where there is none of that id."""
    row = await tx.fetch_one("plans.find", plan_id=plan_id)
    if row is None:
        raise Invalid.field("plan_id", "names no plan")
    return Plan.from_row(row)


async def save(tx: Transaction, plan: Plan) -> Plan:
    """Adds a plan or replaces its settings. Needs the worker role."""
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
        position=plan.position,
        available=plan.available,
        chat_model=plan.chat_model,
    )
    assert row is not None
    return Plan.from_row(row)
