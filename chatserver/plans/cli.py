"""`chatserver plans …`: the operator lists and changes plans."""

import re
from typing import Any

import click
import msgspec

from chatserver import plans
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.plans.models import Plan, Price
from chatserver.runtime import tables
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup(default="list")


@group.command("list")
def list_plans() -> None:
    """Every plan, also those no longer on offer."""
    _show()


def _show() -> None:
    columns = ("id", "name", "price", "minutes", "images/h", "videos/h", "size", "at once", "uploads", "on offer")
    tables.show(columns, [_row(plan) for plan in command_line.run(plans.list_all)])


def _row(plan: Plan) -> tuple[str, ...]:
    return (
        plan.id,
        plan.name,
        f"{plan.price.amount:g} {plan.price.currency}",
        str(plan.minutes),
        str(plan.image_credits_per_hour),
        str(plan.video_credits_per_hour),
        str(plan.max_size),
        str(plan.max_count),
        str(plan.max_uploads),
        "yes" if plan.available else "no",
    )


@group.command("set")
@click.argument("plan_id", help="The plan's id: flash-lite, flash, pro, or a new one.")
@click.option("--name")
@click.option("--price", help="Such as 49 or 9.50.")
@click.option("--currency", help="ISO 4217, such as INR.")
@click.option("--minutes", type=click.IntRange(min=1))
@click.option("--images", "image_credits_per_hour", type=click.IntRange(min=0), help="Image credits an hour.")
@click.option("--videos", "video_credits_per_hour", type=click.IntRange(min=0), help="Video credits an hour.")
@click.option("--size", "max_size", type=click.IntRange(min=64), help="The largest side in pixels.")
@click.option("--at-once", "max_count", type=click.IntRange(1, 4), help="Pictures at once.")
@click.option(
    "--uploads",
    "max_uploads",
    type=click.IntRange(0, 1000),
    help="Pictures that one person may keep uploaded in a session.",
)
@click.option("--chat-model", help="The assistant's model on this plan.")
@click.option("--on-offer/--withdrawn", "available", default=None)
def set_plan(plan_id: str, price: str | None, currency: str | None, **changes: Any) -> None:
    """Change a plan, or add one; what is left out stays. Running sessions keep the credits they were sold with."""
    known = {plan.id: plan for plan in command_line.run(plans.list_all)}
    base = known.get(plan_id) or _blank(plan_id, changes["name"], len(known))
    new_price = Price(
        base.price.amount if price is None else _amount(price),
        base.price.currency if currency is None else currency.upper(),
    )
    kept = {field: value for field, value in changes.items() if value is not None}
    command_line.run(plans.save, COMMAND_LINE, msgspec.structs.replace(base, price=new_price, **kept))
    _show()


def _amount(text: str) -> float:
    """A typed amount, with a point or a comma before the cents. 1,000 is ambiguous, so it is refused."""
    if not re.fullmatch(r"\d{1,10}([.,]\d{1,2})?", text.strip()):
        raise Invalid.field("--price", "must be an amount such as 49 or 9.50")
    return float(text.replace(",", "."))


def _blank(plan_id: str, name: str | None, position: int) -> Plan:
    if name is None:
        raise Invalid.field("--name", "is needed for a new plan")
    return Plan(
        id=plan_id,
        name=name,
        price=Price(0, "INR"),
        minutes=60,
        image_credits_per_hour=3,
        video_credits_per_hour=1,
        max_size=512,
        max_count=1,
        position=position + 1,
    )
