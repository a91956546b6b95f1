"""Marks that belong to a letter, such as accents. Dozens of them on one letter cover the lines above and below."""

import itertools
import unicodedata
from collections.abc import Iterator

# No language has more on one letter (UTS 39 §5.4).
MOST = 4


def is_mark(character: str) -> bool:
    """Whether a character is drawn on the one before it."""
    return unicodedata.category(character) in {"Mn", "Me"}


def has_surplus(text: str) -> bool:
    """Whether there is a letter with more than MOST marks.

    >>> has_surplus("a" + 5 * "\\u0301"), has_surplus("a" + 4 * "\\u0301")
    (True, False)
    """
    return not text.isascii() and any(len(marks) > MOST for is_marks, marks in _runs(text) if is_marks)


def without_surplus(text: str) -> str:
    """The text with at most MOST marks on one letter, none of them twice in a row."""
    return "".join(_reduced(run) if is_marks else run for is_marks, run in _runs(text))


def _runs(text: str) -> Iterator[tuple[bool, str]]:
    return ((is_marks, "".join(run)) for is_marks, run in itertools.groupby(text, is_mark))


def _reduced(marks: str) -> str:
    return "".join(mark for mark, _ in itertools.groupby(marks))[:MOST]
