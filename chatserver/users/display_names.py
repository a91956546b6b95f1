"""Display names of users: one visible line, without mixed scripts (UTS 39), that looks like no role's name.

`check` validates a chosen name, at every entrance. `shown` makes the name of an account from before this check presentable.
"""

import functools
import re
import unicodedata
from pathlib import Path

from confusable_homoglyphs import categories
from idna.core import valid_contextj

from chatserver import validation
from chatserver.errors import Invalid
from chatserver.text import confusables, marks, visibility

LONGEST = 80
NAMELESS = "No name"
_JOINERS = "\u200c\u200d"
_EMOJI_STYLE, _KEYCAP, _BLACK_FLAG = "\ufe0f", "\u20e3", "\U0001f3f4"
# Stands for what could not be decoded: nothing that anybody is called.
_REPLACEMENT = "\ufffd"
# Scripts that are used together in one word: the highly restrictive profile of UTS 39.
_COMBINABLE = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_NEUTRAL = {"COMMON", "INHERITED", "Unknown"}
# People have it as their whole name, and the role beside a name tells who owns a session; "Ada (owner)" stays refused.
_MAY_STAND_ALONE = frozenset({"owner"})
_WORD = re.compile(r"[\W_]+")


def check(text: str) -> str:
    """The name as it is stored; Invalid, with field `name` and the reason, where it is not accepted."""
    name = unicodedata.normalize("NFC", validation.single_line("name", text, LONGEST))
    # NFC writes some letters of Hindi and Hebrew as two characters.
    name = validation.single_line("name", name, LONGEST)
    if why := _visibility_problem(name) or _script_problem(name):
        raise Invalid.field("name", why)
    if word := reserved_word(name):
        raise Invalid.field("name", f"must not look like “{word}”, which stands for a role here")
    return name


def suggested(email: str) -> str:
    """A name made of an e-mail address, `ada.lovelace+art@…` → Ada Lovelace; empty where that is not accepted as one.

    static/js/elements/name_suggestion.js shows the same while the address is typed.
    """
    words = re.split(r"[._\s-]+", email.partition("@")[0].partition("+")[0])
    try:
        return check(" ".join(word[:1].upper() + word[1:] for word in words if word))
    except Invalid:
        return ""


def check_site(name: str, site_name: str) -> str:
    """The name; Invalid where it looks like the name of this site."""
    if site_name and _joined(name) & _joined(site_name):
        raise Invalid.field("name", "must not look like the name of this site")
    return name


def shown(name: str) -> str:
    """An unchecked name as others see it: without invisible characters, and marked where it looks like a role."""
    kept = "".join(character for index, character in enumerate(name) if not _is_hidden(name, index))
    readable = " ".join(marks.without_surplus(unicodedata.normalize("NFC", kept)).split())
    if not _is_visible(readable):
        return NAMELESS
    return f"{readable} (member)" if reserved_word(readable) else readable


# Visibility -------------------------------------------------------------------------------------------------------


def _visibility_problem(name: str) -> str | None:
    """Why a name is not visible as it is written, or None."""
    if not _is_visible(name):
        return "must not be empty"
    if any(_is_hidden(name, index) for index in range(len(name))):
        return "must not contain invisible characters"
    if marks.is_mark(name[0]):
        return "must not begin with a mark that belongs to a letter"
    if marks.without_surplus(name) != name:
        return "has too many marks on one letter"
    return None


def _is_visible(name: str) -> bool:
    return any(unicodedata.category(each)[0] in "LNPS" and not _is_blank(each) for each in name)


def _is_blank(character: str) -> bool:
    return visibility.is_blank(character) or character == _REPLACEMENT


def _is_hidden(name: str, index: int) -> bool:
    """Whether a character is invisible there. Joiners and variation selectors are visible where they change a neighbour."""
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
        # Persian, Hindi and others, as in domain names (RFC 5892, appendix A).
        return valid_contextj(name, index)
    except ValueError:
        return False


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk", "Sm"}


# Scripts ----------------------------------------------------------------------------------------------------------


def _script_problem(name: str) -> str | None:
    for word in _WORD.split(name):
        scripts = {categories.alias(character) for character in word} - _NEUTRAL
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _COMBINABLE):
            return f"mixes letters of different alphabets in “{word}”"
    return None


# Roles --------------------------------------------------------------------------------------------------------------


def reserved_word(name: str) -> str | None:
    """The reserved word that a name contains as a word or resembles as a whole; None where there is none."""
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
    """Confusable keys of the letters of a text, with the digits at its ends, which may stand for letters, and without."""
    letters = "".join(each for each in _composed(text) if unicodedata.category(each)[0] in "LMN")
    return (confusables.keys(letters) | confusables.keys(letters.strip("0123456789"))) - {""}


@functools.cache
def _reserved() -> dict[str, str]:
    text = Path(__file__).with_name("reserved_names.txt").read_text(encoding="utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    forms = ((word, form) for word in words for form in (word, word.title(), word.upper()))
    return {key: word for word, form in forms for key in _joined(form)}
