"""Drawing a text while it is written takes a time that grows with the text, not with its square."""

import time

import pytest

from chatserver.markdown import growing, parser


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
    drawn = [parser.draw_open(text[parser.closed_length(text[:length]) : length]).html for length in range(len(text))]
    assert [each for each in drawn if mark in each] == []


def test_a_long_run_of_half_marks_is_looked_through_once() -> None:
    began = time.process_time()
    assert growing.decided("word\n" + "-\n" * 50_000) == "word"
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("run", [" ", "-", "| ", ":-", "`", "~", "a", "1", "\t"])
@pytest.mark.parametrize("begins", ["|", "-", "`", "~", "1.", ""])
def test_a_last_line_that_is_a_long_run_is_looked_through_once(begins, run) -> None:
    # Models that fill up a cell of a table with blanks do not know when to stop.
    text = f"word\n{begins}{run * (20_000 // len(run))}é!"
    began = time.process_time()
    assert growing.decided(text) == text
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("Some words", "empty line"),
        ("# A heading of", "empty line"),
        ("> quoted\n\n> twice", "empty line"),
        ("| a | b |\n|---|---|\n| one |\n", "empty line"),
        ("- one\n- two", "no item"),
        ("1. one\n\n   more of it", "no item"),
        ("Words\n- and an item", "no item"),
        ("~~~ask\nWhy?\n", "fence"),
        ("- one\n\n  ```\n  code", "no item"),
        ("    indented\n    ```\n", "unknown"),
        ("$$\nx^2\n", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_block_being_written_says_what_ends_it(text, end) -> None:
    assert parser.draw_open(text).end == end


@pytest.mark.parametrize(
    ("end", "following", "is_ended"),
    [
        ("fence", " more\n\n", False),
        ("fence", "\n  ```", True),
        ("empty line", "\n", False),
        ("empty line", "\n \nNext", True),
        ("no item", "\n\n- three", False),
        ("no item", "\n\n3", False),
        ("no item", "\n\nWords", True),
        ("unknown", "\n\n```\n\n", False),
    ],
)
def test_what_follows_ends_a_block_of_its_kind(end, following, is_ended) -> None:
    assert growing.is_ended(end, following) is is_ended
