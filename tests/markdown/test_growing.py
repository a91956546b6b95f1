"""Drawing a text while it is written takes a time that grows with the text, not with its square."""

import time

import pytest

from chatserver.markdown import parser


@pytest.mark.parametrize("unit", ["word ", "a", "\\", "[", "*", "> ", "`", "|", "\r"])
def test_one_long_line_is_looked_through_once(unit) -> None:
    text = unit * (50_000 // len(unit))
    began = time.process_time()
    parser.closed_length(text)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("one\r", 0), ("one\r\ntwo", 0), ("one\r\rtwo", 5), ("one\n\ntwo", 5), ("one\n\n", 5), ("one\r\n\r\n# t", 7)],
)
def test_whole_lines_alone_decide(text, expected) -> None:
    assert parser.closed_length(text) == expected
