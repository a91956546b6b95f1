"""Texts of nothing but marks, as long as a request may be: Unicode sorts the marks on one letter, in a quadratic time.

Whatever normalizes a text that anybody may send bounds it before.
"""

import contextlib
import time

import pytest

from chatserver import validation
from chatserver.codes import spelling
from chatserver.errors import Invalid
from chatserver.messages import search
from chatserver.sessions import titles
from chatserver.text import normalization
from chatserver.users import display_names, email_addresses, passwords

MARKS = "\u0301" * 30_000 + "\u0f71\u0f72" * 15_000
CALLS = {
    "an address as stored": normalization.email,
    "the key of an address": normalization.email_key,
    "the address of a registration": email_addresses.check,
    "a name": display_names.check,
    "a name made of an address": display_names.suggested,
    "a chosen password": passwords.check,
    "an invite code": normalization.invite_code,
    "a code": spelling.normal,
    "a line": lambda text: validation.single_line("title", text, 120),
    "a paragraph": lambda text: validation.paragraphs("text", text, 8_000),
    "a title of itself": titles.shorten,
    "a found text": lambda text: search.excerpt(text, "boat"),
}


@pytest.mark.parametrize("text", [MARKS, f"{MARKS}@example.org", f"ada@{MARKS}.org"], ids=["marks", "local", "domain"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_text_of_marks_costs_what_another_of_its_length_costs(call, text):
    began = time.process_time()
    with contextlib.suppress(Invalid):
        call(text)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    "text", ["a" + "\u0301" * 5, "x" * 20 + "\u20dd\u0489\u0301\u0302\u0303", "ก" + "\u0e49" * 100], ids=ascii
)
def test_a_line_whose_marks_cover_the_lines_around_it_is_refused(text):
    for check in (validation.single_line, validation.optional_line):
        with pytest.raises(Invalid, match="too many marks on one letter"):
            check("title", text, 120)


@pytest.mark.parametrize("text", ["שָּׁ֑לוֹם", "Tiê\u0301ng Viê\u0323t", "ก้ำ", "1\ufe0f\u20e3", "ཀྲྀཾ"], ids=ascii)
def test_letters_of_languages_keep_their_marks(text):
    assert validation.single_line("title", text, 120) == text
    assert titles.shorten(text) == text


def test_a_title_made_of_words_with_dozens_of_marks_shows_the_words():
    assert titles.shorten("**Z" + "\u0301\u0302" * 60 + "alg" + "\u0489" * 60 + "o** is here") == (
        "Z\u0301\u0302\u0301\u0302alg\u0489o is here"
    )


async def test_a_typed_password_of_marks_is_a_wrong_one_at_once():
    began = time.process_time()
    assert await passwords.matching(None, MARKS) is None
    assert time.process_time() - began < 1.0


def test_an_address_in_its_longest_form_is_the_same_address():
    # Three characters each in NFD, one in NFC.
    composed = "\u1eb6" * 60 + "@example.org"
    decomposed = "A\u0323\u0306" * 60 + "@example.org"
    assert email_addresses.check(decomposed) == composed
    assert normalization.email_key(decomposed) == normalization.email_key(composed)
