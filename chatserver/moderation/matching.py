"""Finds the terms of prompt rules in texts, in a time that grows with the text.

A term is one word or several in a row: `gore`, `blood*`, `*nude*`, `wild child`. A `*` stands for any letters within a word.
Both sides are folded first: compatibility forms, case, accents and characters of no width make no difference.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate

from msgspec import Struct

STAR = "*"
# What can be laid over letters without making another word: accents, points of Hebrew, vowel marks of Arabic, and what has
# no width (the category Cf, fillers, selectors of variants). Vowel signs of Indian scripts are letters, and stay.
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_NO_LETTERS = re.compile(r"[^\w\s]|_")


def fold(text: str) -> str:
    """The text as terms are compared: NFKC, without case, accents and characters of no width. Folds once."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", text).casefold()
    # A letter folded may fall apart once more.
    text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", _MARKS.sub("", text))


def words_of(text: str, also: str = "") -> list[str]:
    """The folded words of a text: runs of letters, digits, the marks that belong to them, and the characters of `also`."""

    def kept(found: re.Match[str]) -> str:
        return found[0] if found[0] in also or unicodedata.category(found[0])[0] == "M" else " "

    return _NO_LETTERS.sub(kept, fold(text)).split()


class Term(Struct, frozen=True):
    """A term to look for: its folded words, with the longest run of letters of each that has a `*`."""

    parts: tuple[str, ...]
    literals: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether it names no letter or digit, and so nothing or everything."""
        return not any(part.strip(STAR) for part in self.parts)


def term_of(text: str) -> Term:
    """Reads a term."""
    parts = tuple(re.sub(r"\*+", STAR, part) for part in words_of(text, also=STAR))
    stars = any(STAR in part for part in parts)
    return Term(parts, tuple(max(part.split(STAR), key=len) for part in parts) if stars else ())


class WordsOfText:
    """The words of one text, and where they stand in it."""

    def __init__(self, text: str) -> None:
        self._words = words_of(text)
        self._distinct = frozenset(self._words)
        self._joined = f" {' '.join(self._words)} "
        # Where each word begins in `joined`.
        self._starts = list(accumulate((len(word) + 1 for word in self._words), initial=1))
        self._places: dict[str, int] = {}

    def contain(self, term: Term) -> bool:
        """Whether a term stands in the text."""
        if not term.literals:
            first, *others = term.parts
            return first in self._distinct and (not others or f" {' '.join(term.parts)} " in self._joined)
        for literal in term.literals:
            if literal not in self._joined:
                return False
        found = -1
        for index, (part, literal) in enumerate(zip(term.parts, term.literals, strict=True)):
            found &= self._places_of(part, literal) >> index
            if not found:
                return False
        return True

    def _places_of(self, part: str, literal: str) -> int:
        """The places of the words that are what a part of a term means, as bits of a number."""
        if part not in self._places:
            bits = bytearray(len(self._words) // 8 + 1)
            for place in self._holding(literal):
                if is_match(part, self._words[place]):
                    bits[place // 8] |= 1 << place % 8
            self._places[part] = int.from_bytes(bits, "little")
        return self._places[part]

    def _holding(self, literal: str) -> Iterator[int]:
        """The places of the words that hold some letters."""
        if not literal:
            yield from range(len(self._words))
            return
        at = self._joined.find(literal)
        while at >= 0:
            place = bisect.bisect_right(self._starts, at) - 1
            yield place
            at = self._joined.find(literal, self._starts[place + 1])


def is_match(part: str, word: str) -> bool:
    """Whether a folded word is what a part of a term means; `*` in the part stands for any letters, also none."""
    first, *rest = part.split(STAR)
    if not rest:
        return part == word
    *middle, last = rest
    if len(word) < len(first) + len(last) or not word.startswith(first) or not word.endswith(last):
        return False
    # The earliest place of each piece leaves the most room for those that follow: no other need be tried.
    at, end = len(first), len(word) - len(last)
    for piece in middle:
        at = word.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True
