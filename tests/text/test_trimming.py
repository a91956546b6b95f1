"""Texts as they are stored."""

import pytest

from chatserver.validation import trimmed


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("  a ", "a"),
        ("\n\n a\nb \n", "a\nb"),
        ("a\r\nb\r\n", "a\nb"),
        ("    def f():\n        pass\n", "    def f():\n        pass"),
        ("\n\n    a\n\n    b\n  ", "    a\n\n    b"),
        ("\ta\r\n\tb", "\ta\n\tb"),
        ("\u3000一\n\u3000二", "\u3000一\n\u3000二"),
        ("    a\nb", "a\nb"),
        ("    a\n\n", "a"),
        (" \n ", ""),
    ],
)
def test_a_text_is_trimmed_and_an_indented_block_keeps_its_shape(written: str, stored: str) -> None:
    assert trimmed(written) == stored
    assert trimmed(stored) == stored
