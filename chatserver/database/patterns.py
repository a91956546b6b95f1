"""Patterns for searches in SQL."""

import re

from chatserver.text import normalization


def containing(text: str) -> str:
    r"""The regular expression (for `~*`) of what contains a text in any form of Unicode; no character is a wildcard.

    >>> containing("50%.")
    '50%\\.'
    """
    return "|".join(re.escape(spelling) for spelling in normalization.spellings(text))
