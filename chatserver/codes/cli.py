"""`chatserver codes …`: the operator makes, lists and withdraws codes."""

import uuid

import click

from chatserver import codes
from chatserver import config as configuration
from chatserver.audit import COMMAND_LINE
from chatserver.codes.models import CodeOrder
from chatserver.database import command_line
from chatserver.runtime import tables
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup(default="list")


@group.command()
@click.option("--plan", required=True, help="The plan's id: flash-lite, flash or pro.")
@click.option("--expires", required=True, help="A date (its end, in UTC), a time, or a duration such as 90d.")
@click.option("--count", default=1, show_default=True, help="How many, at most 500.")
@click.option("--price", default="", help="What each was sold for, in the plan's currency; nothing if left out.")
@click.option("--note", default="", help="For your own list: what they are for.")
def make(plan: str, expires: str, count: int, price: str, note: str) -> None:
    """Make codes, each good for one session, and print them: they are shown once."""
    order = CodeOrder(plan_id=plan, count=count, expires=expires, price=price, note=note)
    made = command_line.run(codes.make, COMMAND_LINE, order)
    for code in made.codes:
        print(code)
    click.echo(
        f"{len(made.codes)} for {made.plan_name}, good until {made.expires_at:%Y-%m-%d %H:%M} UTC, batch {made.batch_id}. "
        f"They are not shown again. As links: {configuration.load().origin}/redeem/…",
        err=True,
    )
    if codes.CHECKOUT not in configuration.load().checkout:
        click.echo("CHECKOUT does not name codes: nobody can redeem them before it does.", err=True)


@group.command("list")
@click.option("--batch", type=click.UUID, help="The id of a batch, to show its codes one by one.")
def list_batches(batch: uuid.UUID | None) -> None:
    """What became of the codes, by batch. The codes themselves are stored nowhere."""
    if batch is not None:
        _list_codes(str(batch))
        return
    columns = (
        "batch",
        "plan",
        "price",
        "made",
        "unused",
        "redeemed",
        "withdrawn",
        "expired",
        "good until (UTC)",
        "note",
    )
    rows = [
        (
            each.id,
            each.plan_id,
            f"{each.amount} {each.currency}",
            str(each.made),
            str(each.unused),
            str(each.redeemed),
            str(each.revoked),
            str(each.expired),
            f"{each.expires_at:%Y-%m-%d %H:%M}",
            each.note,
        )
        for each in command_line.run(codes.batches)
    ]
    tables.show(columns, rows)


def _list_codes(batch_id: str) -> None:
    rows = [
        (
            each.id,
            each.state,
            f"{each.redeemed_at:%Y-%m-%d %H:%M}" if each.redeemed_at else "–",
            each.redeemed_by or "–",
        )
        for each in command_line.run(codes.of_batch, batch_id)
    ]
    tables.show(("id", "state", "redeemed (UTC)", "by"), rows)


@group.command()
@click.argument("code_or_batch", type=click.UUID, help="The id of a code or of a batch, from the list.")
def revoke(code_or_batch: uuid.UUID) -> None:
    """Withdraw a code, or all of a batch, that nobody has redeemed."""
    revoked = command_line.run(codes.revoke, COMMAND_LINE, str(code_or_batch))
    print(f"{revoked} withdrawn.")
