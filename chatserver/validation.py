"""Text from people: trimmed, bounded and free of what no reader can see. Each refusal names the field and says why."""

import math
import unicodedata
from typing import Any, TypeVar

from msgspec import Struct

from chatserver.errors import Invalid

T = TypeVar("T", bound=Struct)

# Controls that change the direction or the order of what follows, with which a name can pretend to be another.
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def single_line(field: str, text: str, longest: int) -> str:
    """A text of one line and 1–`longest` characters: a name, a title."""
    text = " ".join(text.split())
    _refuse_unreadable(field, text)
    if any(_is_control(character) for character in text):
        raise Invalid.field(field, "must not contain control characters")
    return _bounded(field, text, longest)


def paragraphs(field: str, text: str, longest: int) -> str:
    """A text of any lines and 1–`longest` characters: a message, a prompt."""
    text = trimmed(text)
    _refuse_unreadable(field, text)
    return _bounded(field, text, longest)


def optional_paragraphs(field: str, text: str | None, longest: int) -> str | None:
    """The same, where nothing at all is allowed too."""
    return None if text is None or not text.strip() else paragraphs(field, text, longest)


def trimmed(text: str) -> str:
    """The text as it is kept: line ends of one kind, no white space around."""
    return text.replace("\r\n", "\n").strip()


def visible(text: str) -> str:
    """The text with a space in place of each control and each mark of direction."""
    return "".join(" " if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in _BIDI


def _refuse_unreadable(field: str, text: str) -> None:
    if why := unreadable(text):
        raise Invalid.field(field, why)


def unreadable(text: str) -> str | None:
    """What makes a text one that nobody can store, in words that complete "the field …"; None where nothing does."""
    # Postgres stores no NUL, and UTF-8 has no lone surrogates; both would fail much later and in worse words.
    if "\x00" in text:
        return "must not contain the character NUL"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "must be valid Unicode"
    return None


# What the database's bigint holds.
LARGEST_NUMBER = 2**63 - 1


def check(value: T) -> T:
    """A decoded command, body or query, unchanged. Invalid, with the field, where a value of it is one that nothing can
    hold: a text with NUL or half a character, a number beyond 64 bits, infinity."""
    for name in value.__struct_fields__:
        if why := _impossible(getattr(value, name)):
            raise Invalid.field(name, why)
    return value


def _impossible(value: Any) -> str | None:
    if isinstance(value, str):
        return unreadable(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Not an int: one of four hundred digits would not even become a float to be looked at.
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a number"
    return None if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else "must be a number of at most 64 bits"


def _bounded(field: str, text: str, longest: int) -> str:
    if not text:
        raise Invalid.field(field, "must not be empty")
    if len(text) > longest:
        raise Invalid.field(field, f"must be at most {longest:,} characters long, not {len(text):,}")
    return text
