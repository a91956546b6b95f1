"""`chatserver credits …`: the operator checks the ledger."""

import sys

from chatserver import credits
from chatserver.database import command_line
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup()


@group.command()
def check() -> None:
    """Prove that books, rows and counters agree; exit code 1 and a line each where they do not."""
    found = command_line.run_on_everything(credits.check)
    for discrepancy in found:
        print(f"{discrepancy.what}: {discrepancy.where}")
    print("The books agree." if not found else f"{len(found)} discrepancies.")
    sys.exit(1 if found else 0)
