"""Tables of the operator's commands show everything, in a pipe and in a narrow terminal."""

import io
import sys
from collections.abc import Callable

import pytest

from chatserver.runtime import tables

ID = "01a22364-b85e-75d6-9e47-2dc31168aa16"
ADDRESS = "a-long-address-of-somebody@a-long-name-of-a-domain.example.org"
COLUMNS = ("id", "owner", "plan", "status", "ends (UTC)", "images", "clips", "messages")
ROW = (ID, ADDRESS, "flash-lite", "active", "2026-11-28 18:30", "12", "3", "240")


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What is printed of one row; in a pipe without a width."""

    def show(width: int | None = None) -> str:
        tables.show(COLUMNS, [ROW], width)
        return capsys.readouterr().out

    return show


def test_in_a_pipe_each_row_is_one_line(shown: Callable[..., str]) -> None:
    [line] = [line for line in shown().splitlines() if ID in line]
    assert [cell.strip() for cell in line.strip("│").split("│")] == list(ROW)


@pytest.mark.parametrize("width", [80, 100])
def test_in_a_narrow_terminal_the_id_is_whole_and_nothing_is_cut(shown: Callable[..., str], width: int) -> None:
    text = shown(width)
    assert ID in text
    assert "…" not in text
    _, body = text.split("┤\n")
    columns = list(zip(*(line.strip("│").split("│") for line in body.splitlines() if "│" in line), strict=True))
    assert ["".join(cell.strip() for cell in column) for column in columns] == [
        cell.replace(" ", "") if index == 4 else cell for index, cell in enumerate(ROW)
    ]
    [length] = {len(line) for line in text.splitlines()}
    assert length <= width


def test_a_cell_is_folded_between_words_where_they_fit(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("id", "note"), [("1", "three words here"), ("2", "averylongword")], width=16)
    assert capsys.readouterr().out.splitlines()[3:7] == [
        "│ 1  │ three   │",
        "│    │ words   │",
        "│    │ here    │",
        "│ 2  │ averylo │",
    ]


def test_letters_of_two_columns_and_marks_of_none_leave_the_columns_straight(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables.show(("name", "x"), [("美子", "1"), ("e\u0301lan", "2"), ("abcd", "3")])
    assert capsys.readouterr().out.splitlines()[3:6] == ["│ 美子 │ 1 │", "│ e\u0301lan │ 2 │", "│ abcd │ 3 │"]


def test_what_users_have_typed_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("name",), [("[red]Ada[/red] [/]",)])
    assert "[red]Ada[/red] [/]" in capsys.readouterr().out


def test_what_users_have_typed_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("name",), [("Ada\n\x1b[2J\x9b1mBob",)])
    assert capsys.readouterr().out.splitlines()[3] == "│ Ada  [2J 1mBob │"


def test_an_output_that_is_not_unicode_gets_lines_of_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    tables.show(("name",), [("Ada",)])
    assert written.getvalue().decode().split() == [
        "+------+",
        "|",
        "name",
        "|",
        "+------+",
        "|",
        "Ada",
        "|",
        "+------+",
    ]
