"""Grapheme clusters: characters as people see them, which may be several code points.

An approximation of UAX 29 for letters with marks, emoji with joiners and skin tones, flags and Hangul.
"""

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"
_LAST_LEAD = "\u115f"  # of the Hangul letters that begin a syllable
_MARKS = {"Mn", "Me", "Mc"}


def clusters(text: str) -> Iterator[str]:
    """The grapheme clusters of a text."""
    start = 0
    for index in range(1, len(text)):
        if not _continues(text, start, index):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def initial(name: str) -> str:
    """The first cluster of a name in upper case, for an avatar; empty for an empty name.

    >>> initial("🇮🇳 Asha"), initial("e\u0301lan")
    ('🇮🇳', 'E\u0301')
    """
    return next(clusters(name[:40]), "").upper()


def cut(text: str, longest: int) -> str:
    """The beginning of a text, at most `longest` code points long, without cutting a cluster."""
    kept = ""
    for cluster in clusters(text[: longest + 40]):
        if len(kept) + len(cluster) > longest:
            break
        kept += cluster
    return kept or text[:longest]


def _continues(text: str, start: int, index: int) -> bool:
    """Whether the code point at `index` belongs to the cluster that begins at `start`."""
    before, this = text[index - 1], text[index]
    if _JOINER in (before, this) or unicodedata.category(this) in _MARKS:
        return True
    if "\U0001f3fb" <= this <= "\U0001f3ff" or "\U000e0020" <= this <= "\U000e007f":
        return True
    if _is_flag_half(before) and _is_flag_half(this):
        return (index - start) % 2 == 1
    return _is_jamo(before) and _is_jamo(this) and (before <= _LAST_LEAD or this > _LAST_LEAD)


def _is_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff"


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
