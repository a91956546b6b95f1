"""Validation of texts and numbers from clients. Raises Invalid with the name of the field and the reason."""

import math
import re
import unicodedata
from typing import Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from chatserver.errors import Invalid
from chatserver.runtime import redaction
from chatserver.text import marks, visibility

T = TypeVar("T", bound=Struct)

# Bidirectional controls, with which a name can imitate another.
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def bounds(**schema: Any) -> Meta:
    """JSON Schema of a field for the documents of the API. It is checked where the field is used, and refused in words."""
    return Meta(extra_json_schema=schema)


def single_line(field: str, text: str, longest: int) -> str:
    """A text of one line and 1–`longest` characters: a name, a title."""
    text = " ".join(text.split())
    _refuse_unreadable(field, text)
    if any(_is_control(character) for character in text):
        raise Invalid.field(field, "must not contain control characters")
    if marks.has_surplus(text[: longest + 1]):
        raise Invalid.field(field, "has too many marks on one letter")
    return _bounded(field, text, longest)


def optional_line(field: str, text: str | None, longest: int) -> str:
    """Like `single_line`; empty for None and for a text in which there is nothing to see."""
    return "" if _is_empty(field, text) else single_line(field, text or "", longest)


def paragraphs(field: str, text: str, longest: int) -> str:
    """A text of any lines and 1–`longest` characters: a message, a prompt."""
    text = trimmed(text)
    _refuse_unreadable(field, text)
    return _bounded(field, text, longest)


def optional_paragraphs(field: str, text: str | None, longest: int) -> str | None:
    """Like `paragraphs`; None for None and for a text in which there is nothing to see."""
    return None if _is_empty(field, text) else paragraphs(field, text or "", longest)


def trimmed(text: str) -> str:
    """The text as it is stored: with `\\n` as line end, no white space around.

    Where all lines are indented, as in code that was pasted, the first one stays so too.
    """
    text = text.replace("\r\n", "\n")
    bare = text.strip()
    indent = text[: len(text) - len(text.lstrip())].rpartition("\n")[2]
    is_block = indent and "\n" in bare and not _OUTDENTED.search(bare)
    return indent + bare if is_block else bare


# A line behind the first one that begins with no blank, and is not empty.
_OUTDENTED = re.compile(r"\n[^\s]")


def visible(text: str) -> str:
    """The text with a space in place of each control character and bidirectional mark."""
    return "".join(" " if _is_control(character) else character for character in text)


def _is_empty(field: str, text: str | None) -> bool:
    """Whether there is nothing to see in an optional text. Raises Invalid where it cannot be stored."""
    _refuse_unreadable(field, text or "")
    return not visibility.is_visible(text or "")


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in _BIDI


def _refuse_unreadable(field: str, text: str) -> None:
    if why := unreadable(text):
        raise Invalid.field(field, why)


def unreadable(text: str) -> str | None:
    """Why a text cannot be stored, in words that complete "the field …"; None where it can."""
    # Postgres stores no NUL, and UTF-8 has no lone surrogates; both would fail later and with a worse message.
    if "\x00" in text:
        return "must not contain the character NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be valid Unicode"
    return None


# In what msgspec says of a value: a field that is missing, or that there is none of; and the path of another one.
_NAMED_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.+)`", re.DOTALL)
_FIELD_OF_PATH = re.compile(r"`\$\.(\w+)")
# The most of a client's own words in such a reason.
_LONGEST_REASON = 200


def misfit(error: msgspec.ValidationError) -> Invalid:
    """The refusal of a command, body or query that does not fit its type, with the field."""
    # Expected `int`, got `str` - at `$.width`; Object missing required field `width`
    said, _, path = str(error).partition(" - at ")
    why = redaction.printable(redaction.cut(said.replace("`", ""), _LONGEST_REASON))
    if found := _NAMED_FIELD.fullmatch(said):
        field = redaction.printable(redaction.cut(found[1], _LONGEST_REASON))
        return Invalid(f"{why}.", details={"field": field, "why": why})
    if found := _FIELD_OF_PATH.match(path):
        return Invalid(f"{found[1]}: {why}.", details={"field": found[1], "why": why})
    return Invalid(f"{why}.", details={"why": why})


# The largest bigint of Postgres.
LARGEST_NUMBER = 2**63 - 1


def check(value: T) -> T:
    """Returns a decoded command, body or query. Raises Invalid, with the field, for a value that cannot be stored: a text
    with NUL or a lone surrogate, a number beyond 64 bits, infinity."""
    for name in value.__struct_fields__:
        if why := _unstorable(getattr(value, name)):
            raise Invalid.field(name, why)
    return value


def _unstorable(value: Any) -> str | None:
    if isinstance(value, str):
        return unreadable(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # For floats only: isfinite() raises OverflowError for an int of four hundred digits.
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a number"
    return None if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else "must be a number of at most 64 bits"


def _bounded(field: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise Invalid.field(field, f"must be at most {longest:,} characters long, not {len(text):,}")
    if not visibility.is_visible(text):
        raise Invalid.field(field, "must not be empty")
    return text
