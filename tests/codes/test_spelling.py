"""A code is the same code however it is typed, and cannot be guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.codes import spelling

CODE = "7K2M-Q9XW-4TBC-01RN"


@pytest.mark.parametrize(
    "typed",
    [
        "7k2m-q9xw-4tbc-01rn",
        "7K2MQ9XW4TBC01RN",
        " 7K2M Q9XW\n4TBC–01RN. ",
        "7k2m-q9xw-4tbc-oIrn",
        "7k2m-q9xw-4tbc-olrn",
        "７K2M-Q9XW-4TBC-01RN",
        "https://pictures.example.org/redeem/7K2M-Q9XW-4TBC-01RN",
    ],
)
def test_a_code_is_the_same_however_it_is_typed(typed):
    assert spelling.shown(spelling.normal(typed)) == CODE


def test_new_codes_are_80_random_bits_without_look_alikes():
    made = {spelling.new() for _ in range(2000)}
    letters = {letter for code in made for letter in code.replace("-", "")}
    assert len(made) == 2000
    assert len(letters) == 32 and not letters & set("ILOU")
    assert {len(spelling.normal(code)) for code in made} == {spelling.LENGTH}
    assert 32**spelling.LENGTH >= 2**80


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_any_text_is_a_code_or_is_not_and_nothing_breaks(text):
    assert set(spelling.normal(text)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


@given(st.integers(0, 15), st.sampled_from("-– .\t"), st.booleans())
def test_signs_between_the_characters_do_not_matter(place, sign, lower):
    typed = CODE[:place] + sign + CODE[place:]
    assert spelling.normal(typed.lower() if lower else typed) == spelling.normal(CODE)
