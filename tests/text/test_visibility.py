"""Texts in which there is nothing to see."""

import pytest

from chatserver import validation
from chatserver.errors import Invalid
from chatserver.text import visibility

NOTHING = ["", " \n\t", "\u200b", "\u200d\u2060\ufeff", "\u3164", "\u2800\u2800", "\u00ad", "\ufe0f", "\U000e0041"]
SOMETHING = ["a", "\u200b.", "👨‍👩‍👧", "❤️", "\u0301", "\U0001fae8", "\u3164a", "ा", "\ue000"]


@pytest.mark.parametrize("text", NOTHING, ids=ascii)
def test_what_fonts_draw_as_nothing_is_an_empty_text(text):
    assert not visibility.is_visible(text)
    for check in (validation.single_line, validation.paragraphs):
        with pytest.raises(Invalid, match="must not be empty"):
            check("title", text, 120)
    assert validation.optional_line("title", text, 120) == ""
    assert validation.optional_paragraphs("title", text, 120) is None


@pytest.mark.parametrize("text", SOMETHING, ids=ascii)
def test_letters_marks_signs_and_emoji_are_seen(text):
    assert visibility.is_visible(text)
    assert validation.optional_line("title", text, 120) == validation.paragraphs("title", text, 120) == text


def test_an_optional_text_that_cannot_be_stored_is_refused_however_little_is_seen_of_it():
    for check in (validation.optional_line, validation.optional_paragraphs):
        with pytest.raises(Invalid, match="NUL"):
            check("note", "\u200b\x00", 120)
