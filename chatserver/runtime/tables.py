"""Tables of the operator's commands. Nothing is cut: a narrow terminal folds the cells, and in a pipe lines are long.

tables.show(("id", "name"), [(plan.id, plan.name) for plan in plans])
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wider than any table: in a pipe, each row is one line.
_PIPE_WIDTH = 10_000


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console | None = None) -> None:
    """Prints a table. The first column names its row, an id or an address, and stays in one line, to be copied."""
    texts = [[Text(cell) for cell in row] for row in rows]
    table = Table(pad_edge=False)
    for index, column in enumerate(columns):
        longest = max((row[index].cell_len for row in texts), default=0)
        if index == 0:
            table.add_column(column, no_wrap=True, min_width=longest)
        else:
            table.add_column(column, overflow="fold")
    for row in texts:
        table.add_row(*row)
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=_PIPE_WIDTH)
    console.print(table)
