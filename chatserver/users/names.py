"""Which names people may have: one line that everybody can see, in letters that go together (UTS 39), and no role's name.

`check` judges a name that somebody chooses, whatever the entrance. `shown` is how an account's name from before is shown.
"""

import functools
import itertools
import re
import unicodedata
from pathlib import Path

from confusable_homoglyphs import categories
from idna.core import valid_contextj

from chatserver import validation
from chatserver.errors import Invalid
from chatserver.text import confusables

LONGEST = 80
NAMELESS = "No name"
# UTS 39 §5.4: no more marks on one letter, and none twice in a row.
MOST_MARKS = 4
_JOINERS = "\u200c\u200d"
_EMOJI_STYLE, _KEYCAP, _BLACK_FLAG = "\ufe0f", "\u20e3", "\U0001f3f4"
# Blanks and placeholders that fonts draw as nothing, whatever their category says.
_NOTHING = frozenset("\u2800\ufffc\ufffd\U0001d159")
# Writing systems that are used together in one word: UTS 39's highly restrictive profile.
_TOGETHER = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_NEUTRAL = {"COMMON", "INHERITED", "Unknown"}
# A whole name that people have; who owns a session is told by the role beside it. "Ada (owner)" would be read as the role.
_MAY_STAND_ALONE = frozenset({"owner"})
_WORD = re.compile(r"[\W_]+")


def check(text: str) -> str:
    """A name as it is kept; Invalid with what is wrong with it."""
    name = unicodedata.normalize("NFC", validation.single_line("name", text, LONGEST))
    if why := _unseen(name) or _unlike(name):
        raise Invalid.field("name", why)
    if word := reserved_word(name):
        raise Invalid.field("name", f"must not look like “{word}”, which stands for a role here")
    return name


def check_site(name: str, site_name: str) -> str:
    """The name, where it is not that of this site; Invalid otherwise."""
    if site_name and _joined(name) & _joined(site_name):
        raise Invalid.field("name", "must not look like the name of this site")
    return name


def shown(name: str) -> str:
    """A name from before it was judged, as others see it: without what is invisible, and marked where it pretends."""
    kept = "".join(character for index, character in enumerate(name) if not _is_hidden(name, index))
    readable = " ".join(_thinned(unicodedata.normalize("NFC", kept)).split())
    if not _has_ink(readable):
        return NAMELESS
    return f"{readable} (member)" if reserved_word(readable) else readable


# Visible ----------------------------------------------------------------------------------------------------------


def _unseen(name: str) -> str | None:
    """What of a name nobody would see, or too much of it."""
    if not _has_ink(name):
        return "must not be empty"
    if any(_is_hidden(name, index) for index in range(len(name))):
        return "must not contain invisible characters"
    if _is_mark(name[0]):
        return "must not begin with a mark that belongs to a letter"
    if _thinned(name) != name:
        return "has too many marks on one letter"
    return None


def _has_ink(name: str) -> bool:
    return any(unicodedata.category(each)[0] in "LNPS" and not _is_blank(each) for each in name)


def _is_blank(character: str) -> bool:
    return character in confusables.INVISIBLE or character in _NOTHING


def _is_hidden(name: str, index: int) -> bool:
    """Whether a character is not seen there: joiners and styles are, where they change what stands beside them."""
    character = name[index]
    before = name[index - 1] if index else ""
    if character in _JOINERS:
        return not _joins(name, index)
    if character == _EMOJI_STYLE:
        return not before or not (_is_symbol(before) or before in "0123456789#*")
    if "\U000e0020" <= character <= "\U000e007f":
        return _BLACK_FLAG not in name[:index]
    return _is_blank(character) or unicodedata.category(character) in {"Cc", "Cf", "Cn", "Co", "Cs"}


def _joins(name: str, index: int) -> bool:
    before, after = name[max(index - 1, 0) : index], name[index + 1 : index + 2]
    if name[index] == "\u200d" and after and _is_symbol(after):
        return bool(before) and (_is_symbol(before) or before == _EMOJI_STYLE)
    try:
        # Persian, Hindi and others: as in names of domains (RFC 5892, appendix A).
        return valid_contextj(name, index)
    except ValueError:
        return False


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk", "Sm"}


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me"}


def _thinned(name: str) -> str:
    """The name with no more marks on one letter than any writing needs."""
    kept: list[str] = []
    for is_mark, run in itertools.groupby(name, _is_mark):
        characters = list(run)
        kept += [mark for mark, _ in itertools.groupby(characters)][:MOST_MARKS] if is_mark else characters
    return "".join(kept)


# Letters that go together -------------------------------------------------------------------------------------------


def _unlike(name: str) -> str | None:
    for word in _WORD.split(name):
        scripts = {categories.alias(character) for character in word} - _NEUTRAL
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            return f"mixes letters of different alphabets in “{word}”"
    return None


# Roles --------------------------------------------------------------------------------------------------------------


def reserved_word(name: str) -> str | None:
    """The role's name that a name has in it as a word, or looks like as a whole; None where it has none."""
    if name.strip("0123456789 -_").lower() in _MAY_STAND_ALONE:
        return None
    reserved = _reserved()
    for text in (*_WORD.split(_composed(name)), _composed(name)):
        for key in _joined(text):
            if key in reserved:
                return reserved[key]
    return None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _joined(text: str) -> frozenset[str]:
    """The looks of a text without its blanks and signs; with the numbers at its ends, which may be letters, and without."""
    letters = "".join(each for each in _composed(text) if unicodedata.category(each)[0] in "LMN")
    return (confusables.keys(letters) | confusables.keys(letters.strip("0123456789"))) - {""}


@functools.cache
def _reserved() -> dict[str, str]:
    text = Path(__file__).with_name("reserved_names.txt").read_text(encoding="utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    forms = ((word, form) for word in words for form in (word, word.title(), word.upper()))
    return {key: word for word, form in forms for key in _joined(form)}
