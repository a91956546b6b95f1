"""`chatserver payments …`: the operator checks orders against the books."""

import sys

from chatserver.database import command_line
from chatserver.payments import auditor
from chatserver.runtime.command_groups import CommandGroup

group = CommandGroup()


@group.command()
def check() -> None:
    """Prove that orders, purchases and revenue agree; exit code 1 and a line each where they do not."""
    found = command_line.run_on_everything(auditor.check)
    for discrepancy in found:
        print(f"{discrepancy.what}: {discrepancy.where}")
    print("Orders and books agree." if not found else f"{len(found)} discrepancies.")
    sys.exit(1 if found else 0)
