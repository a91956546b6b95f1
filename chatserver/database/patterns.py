"""Patterns for LIKE and ILIKE."""


def containing(text: str) -> str:
    r"""The pattern of what contains a text, in which no character of the text is a wildcard.

    >>> containing("50%")
    '%50\\%%'
    """
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
