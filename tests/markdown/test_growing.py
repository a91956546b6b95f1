"""Drawing a text while it is written takes a time that grows with the text, not with its square."""

import time

import pytest

from chatserver.markdown import parser, plain


@pytest.mark.parametrize("unit", ["word ", "a", "\\", "[", "*", "> ", "`", "|", "\r"])
def test_one_long_line_is_looked_through_once(unit) -> None:
    text = unit * (50_000 // len(unit))
    began = time.process_time()
    parser.closed_length(text)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\r", 0),
        ("one\r\ntwo", 0),
        ("one\r\rtwo", 5),
        ("one\n\ntwo", 5),
        ("one\n\n", 5),
        ("one\r\n\r\n# t", 7),
        ("$$\nx\n", 0),
        ("- a\n- b\n\n", 0),
        ("- a\n\n-", 0),
        ("- a\n\n- ", 0),
        ("- a\n\n  b", 0),
        ("1. a\n\n12", 0),
        ("- a\nword", 0),
        ("- a\n\nw", 5),
        ("- a\n\n**", 5),
        ("1. a\n\n#", 6),
        ("$$\nx$$\n", 7),
        ("\\[\nx\n\\]\n", 8),
    ],
)
def test_whole_lines_alone_decide(text, expected) -> None:
    assert parser.closed_length(text) == expected


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ('One\n\n```python\nreturn "red"\n```\n\n| boat | colour |\n|---|---|\n| one | red |\n', "```"),
        ('One\n\n```python\nreturn "red"\n```\n\n| boat | colour |\n|---|---|\n| one | red |\n', "|---"),
        ("One\n\n~~~\na\n~~~\n- item\n- item\n", "~~~"),
        ("```\na\n```\n\n```\nb\n```\n# c\n", "```"),
        ("a | b\n--|--\n| c", "--|"),
    ],
)
def test_no_beginning_of_a_growing_text_shows_its_marks(text, mark) -> None:
    drawn = [parser.draw_open(text[parser.closed_length(text[:length]) : length]) for length in range(len(text))]
    assert [each for each in drawn if mark in each] == []


def test_a_long_run_of_half_marks_is_looked_through_once() -> None:
    began = time.process_time()
    assert plain.decided("word\n" + "-\n" * 50_000) == "word"
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("run", [" ", "-", "| ", ":-", "`", "~", "a", "1", "\t"])
@pytest.mark.parametrize("begins", ["|", "-", "`", "~", "1.", ""])
def test_a_last_line_that_is_a_long_run_is_looked_through_once(begins, run) -> None:
    # Models that fill up a cell of a table with blanks do not know when to stop.
    text = f"word\n{begins}{run * (20_000 // len(run))}é!"
    began = time.process_time()
    assert plain.decided(text) == text
    assert time.process_time() - began < 0.1
