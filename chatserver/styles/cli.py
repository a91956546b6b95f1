"""`chatserver styles …`: the operator lists, adds and removes styles of pictures."""

import click

from chatserver import audit, config, styles
from chatserver.audit import COMMAND_LINE
from chatserver.database import Transaction, command_line
from chatserver.imaging.processor import ImageProcessor
from chatserver.providers.base import Finished, ProviderRequest
from chatserver.providers.recipe import Recipe
from chatserver.providers.sketch.provider import Sketch
from chatserver.runtime import event_loop, tables
from chatserver.runtime.command_groups import CommandGroup
from chatserver.styles.models import Style
from chatserver.styles.service import check

# What every sample shows, as the built-in painter paints it.
PROMPT, SEED, SIDE = "a harbour with sailing boats and a lighthouse at sunset", 11, 256

group = CommandGroup(default="list")


@group.command("list")
def list_styles() -> None:
    """Every style, with the words that it puts around a prompt."""
    _show()


def _show() -> None:
    columns = ("name", "before", "after", "leave out")
    found = command_line.run(styles.list_styles)
    tables.show(columns, [(each.name, each.before, each.after, each.without) for each in found])


@group.command("add")
@click.argument("name", help="Its name, as people choose it.")
@click.option("--before", default="", help="Words before the prompt.")
@click.option("--after", default="", help="Words after the prompt.")
@click.option("--without", default="", help="Words to leave out.")
def add_style(name: str, before: str, after: str, without: str) -> None:
    """Add a style, or replace the one of this name. The built-in painter paints its sample, as far as it can."""
    style = check(Style(name=name, before=before, after=after, without=without))
    command_line.run(_add, style, event_loop.run(_sample(style)))
    _show()


@group.command("remove")
@click.argument("name")
def remove_style(name: str) -> None:
    """Remove a style. Pictures that were made with it stay as they are."""
    command_line.run(_remove, name)
    _show()


async def _add(tx: Transaction, style: Style, sample: bytes) -> None:
    await styles.add(tx, style, sample)
    await audit.record(tx, COMMAND_LINE, "style.added", "style", style.name)


async def _remove(tx: Transaction, name: str) -> None:
    await styles.remove(tx, name)
    await audit.record(tx, COMMAND_LINE, "style.removed", "style", name)


async def _sample(style: Style) -> bytes:
    recipe = Recipe(
        prompt=PROMPT,
        style=style.name,
        style_before=style.before,
        style_after=style.after,
        seed=SEED,
        width=SIDE,
        height=SIDE,
    )
    painter, pictures = Sketch(config.load()), ImageProcessor(1)
    try:
        steps = [
            step
            async for step in painter.generate(ProviderRequest(generation_id="sample", kind="image", recipe=recipe))
        ]
        finished = steps[-1]
        assert isinstance(finished, Finished)
        return (await pictures.verify_upload(finished.data)).thumbnail
    finally:
        await painter.close()
        await pictures.close()
