"""`chatserver announce …` and `chatserver announcements …`: the operator tells everybody something."""

from typing import Annotated

import typer

from chatserver import announcements, ids
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.runtime import clock, tables

app = typer.Typer(invoke_without_command=True)


@app.callback()
def group(context: typer.Context) -> None:
    """Show the announcements (also `list`)."""
    if context.invoked_subcommand is None:
        list_announcements()


@app.command("list")
def list_announcements() -> None:
    """The newest announcements, also those that are over."""
    found = command_line.run(announcements.newest)
    rows = [
        (each.id, f"{each.until:%Y-%m-%d %H:%M} UTC", _state(each.until > clock.now()), each.text) for each in found
    ]
    tables.show(("id", "until", "state", "text"), rows)


def _state(shown: bool) -> str:
    return "shown" if shown else "over"


@app.command("withdraw")
def withdraw(announcement_id: str) -> None:
    """Take an announcement from all pages."""
    command_line.run(announcements.withdraw, COMMAND_LINE, ids.parse(announcement_id, "announcement_id"))
    list_announcements()


def announce(
    text: Annotated[str, typer.Argument(help="One line of at most 300 characters.")],
    until: Annotated[str, typer.Option(help="90m, 6h, 2d, or an ISO 8601 time (UTC without an offset).")] = "1d",
) -> None:
    """Show a line on all open pages. A time such as 2026-11-30T18:00Z in it is shown in each reader's own zone."""
    made = command_line.run(announcements.add, COMMAND_LINE, text, until)
    print(f"Shown on all pages until {made.until:%Y-%m-%d %H:%M} UTC. Its id: {made.id}")
