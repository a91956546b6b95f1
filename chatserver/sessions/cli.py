"""`chatserver sessions …`: the operator grants and lists sessions."""

import click

from chatserver import sessions, users
from chatserver.admin import people
from chatserver.audit import COMMAND_LINE
from chatserver.database import Transaction, command_line
from chatserver.runtime import tables
from chatserver.runtime.command_groups import CommandGroup
from chatserver.sessions.models import Session

group = CommandGroup()


@group.command()
@click.argument("email", help="Whose account.")
@click.argument("plan", help="The plan's id: flash-lite, flash or pro.")
@click.option("--title", help="The session's title.")
def grant(email: str, plan: str, title: str | None) -> None:
    """Give somebody a session, as CHECKOUT=manual needs; it appears in their list at once."""
    session = command_line.run(_grant, email, plan, title)
    print(
        f"{session.title}: until {session.expires_at:%Y-%m-%d %H:%M} UTC, {session.credits.image.limit} images an hour."
    )


@group.command("list")
def list_recent() -> None:
    """The newest hundred sessions of everybody."""
    columns = ("id", "owner", "plan", "status", "ends (UTC)", "images", "clips", "messages")
    rows = [
        (
            row["id"],
            row["email"],
            row["plan_id"],
            row["state"],
            f"{row['expires_at']:%Y-%m-%d %H:%M}",
            str(row["images_generated"]),
            str(row["videos_generated"]),
            str(row["messages_count"]),
        )
        for row in command_line.run(sessions.list_recent)
    ]
    tables.show(columns, rows)


async def _grant(tx: Transaction, email: str, plan_id: str, title: str | None) -> Session:
    return await people.grant(tx, COMMAND_LINE, (await users.find(tx, email)).id, plan_id, title)
