"""Characters as people see them are never cut in the middle."""

import pytest

from chatserver.sessions import titles
from chatserver.text import graphemes
from chatserver.web import filters

FAMILY, FLAG, THUMB, ACCENT = "👩\u200d👩\u200d👧", "🇮🇳", "👍🏽", "e\u0301"


@pytest.mark.parametrize("character", [FAMILY, FLAG, THUMB, ACCENT, "a", "語", "नि", "\u1112\u1161\u11ab"])
def test_a_character_is_whole_alone_and_among_others(character: str) -> None:
    assert list(graphemes.clusters(f"x{character}{character}y")) == ["x", character, character, "y"]


@pytest.mark.parametrize(
    ("name", "letter"), [(f"{FLAG} Asha", FLAG), (f"{ACCENT}lan", "E\u0301"), ("bob", "B"), ("", "")]
)
def test_an_initial_is_a_whole_character(name: str, letter: str) -> None:
    assert filters.FILTERS["initial"](name) == letter


def test_a_title_made_of_one_long_word_ends_with_a_whole_character() -> None:
    assert titles.shorten(FAMILY * 20) == FAMILY * 8 + "…"
    assert titles.shorten(ACCENT * 50)[1:] == ("E\u0301" + ACCENT * 19)[1:] + "…"
