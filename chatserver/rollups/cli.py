"""`chatserver statistics …`: the sums behind the operator's figures."""

from chatserver import rollups
from chatserver.audit import COMMAND_LINE
from chatserver.database import command_line
from chatserver.runtime import event_loop
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup()


@group.command()
def rebuild() -> None:
    """Sum everything up again from the rows. The pages stay right meanwhile, and may be slow."""
    print(f"Summed up again, {event_loop.run(_rebuild())} steps.")


async def _rebuild() -> int:
    steps = 0
    async with (
        command_line.open_config() as config,
        command_line.open_database(config, deadline=command_line.EVERYTHING_SECONDS) as database,
    ):
        await database.run_system(rollups.rebuild, COMMAND_LINE)
        while await database.run_system(rollups.roll_up_next):
            steps += 1
    return steps
