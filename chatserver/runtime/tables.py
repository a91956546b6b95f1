"""Tables of the operator's commands. Nothing is cut: a narrow terminal folds the cells, and in a pipe lines are long.

tables.show(("id", "name"), [(plan.id, plan.name) for plan in plans])
"""

import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import click

# Which a terminal obeys: an escape, a new line.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Characters that take no column of a terminal: marks on another, and joiners.
_ZERO_WIDTH = {"Mn", "Me", "Cf"}
# For an output that is not Unicode.
_ASCII_BOX = str.maketrans("│─┌┬┐├┼┤└┴┘", "|-+++++++++")


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None) -> None:
    """Prints a table. The first column names its row, an id or an address, and stays in one line, to be copied.

    `width` is the terminal's, where one is looked at; None asks for it.
    """
    if width is None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
    cells = [list(columns), *([_CONTROLS.sub(" ", cell) for cell in row] for row in rows)]
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    table = "\n".join(_lines(cells, _widths(cells, width)))
    click.echo(table if unicode else table.translate(_ASCII_BOX))


def _lines(cells: list[list[str]], widths: list[int]) -> Iterator[str]:
    rules = ["─" * (width + 2) for width in widths]
    yield f"┌{'┬'.join(rules)}┐"
    for index, row in enumerate(cells):
        folded = [_fold(cell, width) for cell, width in zip(row, widths, strict=True)]
        for parts in zip_longest(*folded, fillvalue=""):
            yield "│" + "│".join(f" {_padded(part, width)} " for part, width in zip(parts, widths, strict=True)) + "│"
        if index == 0:
            yield f"├{'┼'.join(rules)}┤"
    yield f"└{'┴'.join(rules)}┘"


def _widths(cells: list[list[str]], width: int | None) -> list[int]:
    """The columns' widths: what they hold, or in a narrow terminal as much of it as the widest may have at most."""
    first, *others = (max(map(_width, column)) for column in zip(*cells, strict=True))
    if width is None:
        return [first, *others]
    left = width - 1 - (first + 3)
    most = max(others, default=0)
    while most > 1 and sum(min(other, most) + 3 for other in others) > left:
        most -= 1
    return [first, *(min(other, most) for other in others)]


def _fold(text: str, width: int) -> list[str]:
    """The lines of a cell, broken between words, and within a word that is longer than the column."""
    if _width(text) <= width:
        return [text]
    lines = [""]
    for word in re.findall(r"\S+|\s+", text):
        if _width(lines[-1] + word) > width:
            lines.append("")
        for character in word if lines[-1] or not word.isspace() else "":
            if _width(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return [line.rstrip() for line in lines if line]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: two for the letters of East Asia and most pictographs."""
    return len(text) if text.isascii() else sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
