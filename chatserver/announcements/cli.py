"""`chatserver announce …` and `chatserver announcements …`: the operator tells everybody something."""

import uuid

import click

from chatserver import announcements
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.runtime import clock, tables
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup(default="list")


@group.command("list")
def list_announcements() -> None:
    """The newest announcements, also those that are over."""
    _show()


def _show() -> None:
    found = command_line.run(announcements.newest)
    rows = [
        (each.id, f"{each.until:%Y-%m-%d %H:%M} UTC", _state(each.until > clock.now()), each.text) for each in found
    ]
    tables.show(("id", "until", "state", "text"), rows)


def _state(shown: bool) -> str:
    return "shown" if shown else "over"


@group.command()
@click.argument("announcement_id", type=click.UUID, help="Its id, from the list.")
def withdraw(announcement_id: uuid.UUID) -> None:
    """Take an announcement from all pages."""
    command_line.run(announcements.withdraw, COMMAND_LINE, str(announcement_id))
    _show()


def announce(text: str, until: str) -> None:
    """Shows a line on all open pages, until a time as `announcements.add` takes it."""
    made = command_line.run(announcements.add, COMMAND_LINE, text, until)
    print(f"Shown on all pages until {made.until:%Y-%m-%d %H:%M} UTC. Its id: {made.id}")
