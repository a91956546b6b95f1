"""`chatserver prices …`: the operator lists, sets and imports what providers charge."""

from pathlib import Path

import click

from chatserver import costs
from chatserver.audit import COMMAND_LINE
from chatserver.costs import checks, price_file
from chatserver.costs.service import PriceLine
from chatserver.database import command_line
from chatserver.errors import Invalid
from chatserver.runtime import tables
from chatserver.runtime.command_groups import CommandGroup
from chatserver.validation import visible

group = CommandGroup(default="list")


@group.command("list")
def list_prices() -> None:
    """The newest prices of providers, superseded ones too."""
    _show()


def _show() -> None:
    columns = ("provider", "model", "kind", "price", "unit", "valid from", "state")
    tables.show(columns, [_row(line) for line in command_line.run(costs.list_prices)])


def _row(line: PriceLine) -> tuple[str, ...]:
    price = line.price
    state = "in effect" if line.is_in_effect else "superseded" if line.has_begun else "to come"
    amount = f"{price.amount.normalize():f} {price.currency}"
    start = f"{price.valid_from:%Y-%m-%d %H:%M} UTC"
    return visible(price.provider), visible(price.model or "any other"), price.kind, amount, price.unit, start, state


@group.command("set")
@click.argument("provider", help="As in PROVIDERS, such as huggingface.")
@click.argument("amount", help="Such as 0.04.")
@click.argument("currency", help="ISO 4217, such as USD.")
@click.option("--model", default="", help="The model; without it, every one that has no price of its own.")
@click.option("--kind", default="image", show_default=True, help="image, video or reply.")
@click.option("--unit", default="picture", show_default=True, help="picture, megapixel, second or token.")
@click.option("--valid-from", default="", help="A date or time of ISO 8601; without it, now.")
def set_price(**given: str) -> None:
    """Set what a provider charges from now or a given time on. What was made before keeps its cost."""
    command_line.run(costs.set_price, COMMAND_LINE, checks.new_price(given))
    _show()


@group.command("import")
@click.argument("file", type=click.Path(path_type=Path), help="CSV with a line of names, or JSON.")
def import_file(file: Path) -> None:
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
