"""Patterns for searches in SQL."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

# What may stand behind a letter without being typed: accents, the points of Hebrew and Arabic, soft hyphens, and characters
# of no width. Vowel signs of Indic scripts are letters of their own.
_UNTYPED = (
    "[\u00ad\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]"
)
_MARKS = f"{_UNTYPED}*"
# Where letters with accents, and full-width and half-width ones, stand in Unicode.
_ACCENTED = (range(0x00A0, 0x2000), range(0x2100, 0x2150), range(0xFF01, 0xFFA0))
# Letters that have a stroke in place of a mark, and signs of which keyboards have one only.
_ALIKE = {
    "l": "łŁ", "o": "øØ", "d": "đĐ", "h": "ħĦ", "i": "ı", "t": "ŧŦ",
    "'": "’‘ʼ′", '"': "“”„«»", "-": "‐‑–—",
}  # fmt: skip
_WIDE = re.compile("[\uff01-\uffee]+")
_PAIRS = {"ss": "ßẞ", "ae": "æÆ", "oe": "œŒ", "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ"}


def _with_variants() -> dict[str, str]:
    """What each character without a mark stands for, by its lower case."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for character in (chr(code) for codes in _ACCENTED for code in codes):
        plain = unicodedata.normalize("NFKD", character)
        base, marks = plain[0], plain[1:]
        if base != character and base.isalnum() and all(map(unicodedata.combining, marks)):
            found[base.lower()].add(character)
    for base, others in _ALIKE.items():
        found[base] |= set(others)
    return {base: "".join(sorted(others)) for base, others in found.items()}


_VARIANTS = _with_variants()


def containing(text: str) -> str:
    r"""The regular expression (for `~*`) of what contains a text in any form of Unicode; no character is a wildcard.

    A letter without a mark stands for those with one too, as people leave accents out; one with a mark only for itself.

    >>> bool(re.search(containing("cafe"), "Café")), bool(re.search(containing("cafè"), "Café"))
    (True, False)
    """
    text = _WIDE.sub(lambda wide: unicodedata.normalize("NFKC", wide[0]), text)
    letters = list(_letters(unicodedata.normalize("NFC", text)))
    # What may stand anywhere is not looked for, as it would be tried at each place; but where there is nothing else.
    typed = [letter for letter in letters if not re.fullmatch(_UNTYPED, letter)]
    return "".join(_patterns(typed)) if typed else re.escape(text)


def _letters(text: str) -> Iterator[str]:
    """Each character with the marks behind it."""
    letter = ""
    for character in text:
        if letter and not unicodedata.combining(character):
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def _patterns(letters: list[str]) -> Iterator[str]:
    place = 0
    while place < len(letters):
        pair = "".join(letters[place : place + 2]).lower()
        if pair in _PAIRS:
            both = "".join(_pattern(letter) for letter in letters[place : place + 2])
            yield f"(?:{both}|[{_PAIRS[pair]}]{_MARKS})"
            place += 2
        else:
            yield _pattern(letters[place])
            place += 1


def _pattern(letter: str) -> str:
    decomposed = unicodedata.normalize("NFD", letter)
    if len(letter) > 1 or decomposed != letter:
        return _either({letter, decomposed, unicodedata.normalize("NFC", letter)})
    variants = _VARIANTS.get(letter.lower(), "")
    return f"[{re.escape(letter)}{variants}]{_MARKS}" if variants else f"{re.escape(letter)}{_MARKS}"


def _either(spellings: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(spelling) for spelling in sorted(spellings))})"
