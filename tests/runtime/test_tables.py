"""Tables of the operator's commands show everything, in a pipe and in a narrow terminal."""

import io

import pytest
from rich.console import Console

from chatserver.runtime import tables

ID = "01a22364-b85e-75d6-9e47-2dc31168aa16"
ADDRESS = "a-long-address-of-somebody@a-long-name-of-a-domain.example.org"
COLUMNS = ("id", "owner", "plan", "status", "ends (UTC)", "images", "clips", "messages")
ROW = (ID, ADDRESS, "flash-lite", "active", "2026-11-28 18:30", "12", "3", "240")


def shown(*, terminal: bool, width: int = 80) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, no_color=True, highlight=False)
    tables.show(COLUMNS, [ROW], console)
    return file.getvalue()


def test_in_a_pipe_each_row_is_one_line() -> None:
    [line] = [line for line in shown(terminal=False).splitlines() if ID in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == list(ROW)


@pytest.mark.parametrize("width", [80, 100])
def test_in_a_narrow_terminal_the_id_is_whole_and_nothing_is_cut(width: int) -> None:
    text = shown(terminal=True, width=width)
    assert ID in text
    assert "…" not in text
    columns = list(zip(*(line.strip("│").split("│") for line in text.splitlines() if "│" in line), strict=True))
    assert ["".join(cell.strip() for cell in column) for column in columns] == [
        cell.replace(" ", "") if index == 4 else cell for index, cell in enumerate(ROW)
    ]


def test_what_users_have_typed_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("name",), [("[red]Ada[/red] [/]",)])
    assert "[red]Ada[/red] [/]" in capsys.readouterr().out
