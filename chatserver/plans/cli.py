"""`chatserver plans …`: the operator lists and changes plans."""

import re
from typing import Annotated

import msgspec
import typer

from chatserver import plans
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.plans.models import Plan, Price
from chatserver.runtime import tables

app = typer.Typer(invoke_without_command=True)


@app.callback()
def group(context: typer.Context) -> None:
    """Show the plans (also `list`)."""
    if context.invoked_subcommand is None:
        list_plans()


@app.command("list")
def list_plans() -> None:
    """Every plan, also those no longer on offer."""
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


@app.command("set")
def set_plan(
    plan_id: Annotated[str, typer.Argument(help="The plan's id: flash-lite, flash, pro, or a new one.")],
    name: Annotated[str | None, typer.Option()] = None,
    price: Annotated[str | None, typer.Option(help="Such as 49 or 9.50.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO 4217, such as INR.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1)] = None,
    images: Annotated[int | None, typer.Option(min=0, help="Image credits an hour.")] = None,
    videos: Annotated[int | None, typer.Option(min=0, help="Video credits an hour.")] = None,
    size: Annotated[int | None, typer.Option(min=64, help="The largest side in pixels.")] = None,
    at_once: Annotated[int | None, typer.Option(min=1, max=4, help="Pictures at once.")] = None,
    uploads: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Pictures that one person may keep uploaded in a session.")
    ] = None,
    chat_model: Annotated[str | None, typer.Option(help="The assistant's model on this plan.")] = None,
    available: Annotated[bool | None, typer.Option("--on-offer/--withdrawn")] = None,
) -> None:
    """Change a plan, or add one; what is left out stays. Running sessions keep the credits they were sold with."""
    known = {plan.id: plan for plan in command_line.run(plans.list_all)}
    base = known.get(plan_id) or _blank(plan_id, name, len(known))
    changes = {
        "name": name,
        "minutes": minutes,
        "image_credits_per_hour": images,
        "video_credits_per_hour": videos,
        "max_size": size,
        "max_count": at_once,
        "max_uploads": uploads,
        "chat_model": chat_model,
        "available": available,
    }
    new_price = Price(
        base.price.amount if price is None else _amount(price),
        base.price.currency if currency is None else currency.upper(),
    )
    kept = {field: value for field, value in changes.items() if value is not None}
    command_line.run(plans.save, COMMAND_LINE, msgspec.structs.replace(base, price=new_price, **kept))
    list_plans()


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
