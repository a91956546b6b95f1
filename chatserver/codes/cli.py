"""`chatserver codes …`: the operator makes, lists and withdraws codes."""

from typing import Annotated

import typer

from chatserver import codes, ids
from chatserver import config as configuration
from chatserver.audit import COMMAND_LINE
from chatserver.codes.models import CodeOrder
from chatserver.database import command_line
from chatserver.runtime import tables

app = typer.Typer(invoke_without_command=True)


@app.callback()
def group(context: typer.Context) -> None:
    """Show the codes (also `list`)."""
    if context.invoked_subcommand is None:
        list_batches()


@app.command("make")
def make(
    plan: Annotated[str, typer.Option(help="The plan's id: flash-lite, flash or pro.")],
    expires: Annotated[str, typer.Option(help="A date (its end, in UTC), a time, or a duration such as 90d.")],
    count: Annotated[int, typer.Option(help="How many, at most 500.")] = 1,
    price: Annotated[
        str, typer.Option(help="What each was sold for, in the plan's currency; nothing if left out.")
    ] = "",
    note: Annotated[str, typer.Option(help="For your own list: what they are for.")] = "",
) -> None:
    """Make codes, each good for one session, and print them: they are shown once."""
    order = CodeOrder(plan_id=plan, count=count, expires=expires, price=price, note=note)
    made = command_line.run(codes.make, COMMAND_LINE, order)
    for code in made.codes:
        print(code)
    typer.echo(
        f"{len(made.codes)} for {made.plan_name}, good until {made.expires_at:%Y-%m-%d %H:%M} UTC, batch {made.batch_id}. "
        f"They are not shown again. As links: {configuration.load().origin}/redeem/…",
        err=True,
    )
    if codes.CHECKOUT not in configuration.load().checkout:
        typer.echo("CHECKOUT does not name codes: nobody can redeem them before it does.", err=True)


@app.command("list")
def list_batches(
    batch: Annotated[str, typer.Option(help="The id of a batch, to show its codes one by one.")] = "",
) -> None:
    """What became of the codes, by batch. The codes themselves are stored nowhere."""
    if batch:
        _list_codes(ids.parse(batch, "batch"))
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


@app.command("revoke")
def revoke(
    code_or_batch: Annotated[str, typer.Argument(help="The id of a code or of a batch, from the list.")],
) -> None:
    """Withdraw a code, or all of a batch, that nobody has redeemed."""
    revoked = command_line.run(codes.revoke, COMMAND_LINE, ids.parse(code_or_batch, "code_or_batch"))
    print(f"{revoked} withdrawn.")
