"""Whether there is anything to see in a text: letters that fonts draw as nothing are no words."""

import unicodedata

from chatserver.text import confusables

# Characters that fonts draw as nothing, whatever their Unicode category.
_BLANKS = confusables.INVISIBLE | frozenset("\u2800\ufffc\U0001d159")
_HIDDEN_CATEGORIES = {"Cc", "Cf"}
# Signs of numbers and verses, which are drawn although Unicode counts them among the format characters (Cf).
_DRAWN_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")


def is_blank(character: str) -> bool:
    """Whether fonts draw a character as nothing, though its category says that it is a letter, a mark or a symbol."""
    return character in _BLANKS


def is_visible(text: str) -> bool:
    """Whether any character of a text is seen.

    >>> is_visible("\u200b\u3164 \ufe0f"), is_visible("\u200b!")
    (False, True)
    """
    return not all(_is_unseen(character) for character in text)


def _is_unseen(character: str) -> bool:
    if character in _DRAWN_FORMATS:
        return False
    return character.isspace() or is_blank(character) or unicodedata.category(character) in _HIDDEN_CATEGORIES
