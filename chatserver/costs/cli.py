"""`chatserver prices …`: the operator lists, sets and imports what providers charge."""

from pathlib import Path
from typing import Annotated

import typer

from chatserver import costs
from chatserver.audit import COMMAND_LINE
from chatserver.costs import checks, price_file
from chatserver.costs.service import PriceLine
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.runtime import tables
from chatserver.validation import visible

app = typer.Typer(invoke_without_command=True)


@app.callback()
def group(context: typer.Context) -> None:
    """Show the prices (also `list`)."""
    if context.invoked_subcommand is None:
        list_prices()


@app.command("list")
def list_prices() -> None:
    """The newest prices of providers, superseded ones too."""
    columns = ("provider", "model", "kind", "price", "unit", "valid from", "state")
    tables.show(columns, [_row(line) for line in command_line.run(costs.list_prices)])


def _row(line: PriceLine) -> tuple[str, ...]:
    price = line.price
    state = "in effect" if line.is_in_effect else "superseded" if line.has_begun else "to come"
    amount = f"{price.amount.normalize():f} {price.currency}"
    start = f"{price.valid_from:%Y-%m-%d %H:%M} UTC"
    return visible(price.provider), visible(price.model or "any other"), price.kind, amount, price.unit, start, state


@app.command("set")
def set_price(
    provider: Annotated[str, typer.Argument(help="As in PROVIDERS, such as huggingface.")],
    amount: Annotated[str, typer.Argument(help="Such as 0.04.")],
    currency: Annotated[str, typer.Argument(help="ISO 4217, such as USD.")],
    model: Annotated[str, typer.Option(help="The model; without it, every one that has no price of its own.")] = "",
    kind: Annotated[str, typer.Option(help="image, video or reply.")] = "image",
    unit: Annotated[str, typer.Option(help="picture, megapixel, second or token.")] = "picture",
    valid_from: Annotated[str, typer.Option(help="A date or time of ISO 8601; without it, now.")] = "",
) -> None:
    """Set what a provider charges from now or a given time on. What was made before keeps its cost."""
    given = {"provider": provider, "model": model, "kind": kind, "unit": unit, "amount": amount, "currency": currency}
    price = checks.new_price({**given, "valid_from": valid_from})
    command_line.run(costs.set_price, COMMAND_LINE, price)
    list_prices()


@app.command("import")
def import_file(file: Annotated[Path, typer.Argument(help="CSV with a line of names, or JSON.")]) -> None:
    """Import prices from a file: all of them, or none where one is wrong."""
    prices = price_file.read(_data(file))
    new = command_line.run(costs.import_prices, COMMAND_LINE, prices)
    print(f"{len(prices)} prices read, {new} of them new.")


def _data(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(price_file.MOST_BYTES + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
