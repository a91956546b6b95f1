"""Which texts look the same: skeletons (UTS 39), made from Unicode's table of confusable characters.

Two texts look alike where their `keys` have an element in common.
"""

import functools
import unicodedata
from importlib import resources

import msgspec

# Characters that most fonts do not show at all, beside those of category Cf (Default_Ignorable_Code_Point).
_IGNORED = (
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2800),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0000, 0xE1000),
)
INVISIBLE = frozenset(map(chr, _IGNORED))
_SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "


def keys(text: str) -> frozenset[str]:
    """The skeletons of a text as it is and in lower case, since other letters look alike in each."""
    plain = "".join(character for character in unicodedata.normalize("NFKC", text) if not _is_hidden(character))
    return frozenset({_skeleton(plain).casefold(), _skeleton(plain.casefold()).casefold()})


def _is_hidden(character: str) -> bool:
    return character.isspace() or character in INVISIBLE or unicodedata.category(character) in {"Cf", "Cc"}


def _skeleton(text: str) -> str:
    table = prototypes()
    return unicodedata.normalize("NFD", "".join(table.get(each, each) for each in unicodedata.normalize("NFD", text)))


class _Confusable(msgspec.Struct, gc=False):
    """An entry of the table: a character (or several) that looks like another."""

    c: str


@functools.cache
def prototypes() -> dict[str, str]:
    """The prototype (one or more characters) of each confusable character. Loaded once, in about 50 ms."""
    packaged = resources.files("confusable_homoglyphs").joinpath("confusables.json").read_bytes()
    # The table maps a character to its prototype and back; right-to-left characters are wrapped in marks.
    entries = msgspec.json.decode(packaged, type=dict[str, list[_Confusable]])
    table = {_unwrapped(one): (_unwrapped(others[0].c), len(others)) for one, others in entries.items()}
    lesser = {one: other for one, (other, _) in table.items() if len(one) == 1 and _is_lesser(one, table)}
    # In the table some prototypes are small capitals.
    capitals = _small_capitals()
    return {one: capitals.get(other, other) for one, other in lesser.items()} | capitals


def _is_lesser(one: str, table: dict[str, tuple[str, int]]) -> bool:
    """Whether this is not the prototype. A prototype has several confusables; of two characters, either will do."""
    other, number = table[one]
    return number == 1 and (table[other][1] > 1 or len(other) > 1 or other < one)


def _unwrapped(text: str) -> str:
    return text.strip("\u200e") or text


def _small_capitals() -> dict[str, str]:
    """Letters such as ɴ, which Unicode's table leaves out."""
    found = {}
    for code in (*range(0x0250, 0x02B0), *range(0x1D00, 0x1D80), *range(0xA720, 0xA800)):
        letter = unicodedata.name(chr(code), "").removeprefix(_SMALL_CAPITAL)
        if len(letter) == 1:
            found[chr(code)] = letter.lower()
    return found
