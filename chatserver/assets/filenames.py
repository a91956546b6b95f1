"""Readable file names: `sunset-over-mountains-7f3a.png` from the prompt's first words and the end of the id."""

import re
import unicodedata

# Characters of the words; the id's four and the extension come on top.
LONGEST = 60
MOST_WORDS = 8
_ARTICLES = {"a", "an", "the"}
_WORD = re.compile(r"[a-z0-9]+")

_CYRILLIC = "абвгґдеёєжзиіїйклмнопрстуўфхцчшщъыьэюя"
_CYRILLIC_SOUNDS = "a b v g g d e yo ye zh z i i yi y k l m n o p r s t u w f kh ts ch sh shch _ y _ e yu ya"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψω"
_GREEK_SOUNDS = "a v g d e z i th i k l m n x o p r s s t y f ch ps o"
_LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
_TABLE = {
    **dict(zip(_CYRILLIC, _CYRILLIC_SOUNDS.split(), strict=True)),
    **dict(zip(_GREEK, _GREEK_SOUNDS.split(), strict=True)),
    **_LATIN,
}
# "DEVANAGARI LETTER KA", "HIRAGANA LETTER SMALL TU", "HANGUL SYLLABLE GAN": the sound stands in the name.
_SOUND = re.compile(r"\w+ (?:LETTER|SYLLABLE|(VOWEL SIGN)) (?:SMALL )?([A-Z]+)")
_MUTE = re.compile(r"\w+ SIGN (?:VIRAMA|PULLI)")


def readable_name(prompt: str, asset_id: str, extension: str, *, fallback: str) -> str:
    """A file name of letters, digits and hyphens. `fallback` stands in where no word can be spelled in ASCII."""
    words = _WORD.findall(spell(prompt[:500]))
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return f"{_joined(words) or fallback}-{asset_id[-4:]}{extension}"


def _joined(words: list[str]) -> str:
    name = ""
    for word in words[:MOST_WORDS]:
        longer = f"{name}-{word}" if name else word[:LONGEST]
        if len(longer) > LONGEST:
            break
        name = longer
    return name


def spell(text: str) -> str:
    """The text in lower-case ASCII, as well as its sounds can be told; what cannot be spelled separates words."""
    return _spell(unicodedata.normalize("NFC", text.lower().replace("'", "").replace("’", "")))


def _spell(text: str) -> str:
    spelled = ""
    for character in text:
        if character.isascii() or character in _TABLE:
            spelled += _TABLE.get(character, character).replace("_", "")
        else:
            spelled = _add_sound(spelled, character)
    return spelled


def _add_sound(spelled: str, character: str) -> str:
    plain = unicodedata.normalize("NFKD", character)
    if plain[0].isascii() or plain[0] in _TABLE:
        return spelled + _spell(plain)
    name = unicodedata.name(character, "")
    if _MUTE.fullmatch(name):
        return spelled.removesuffix("a")
    sound = _SOUND.match(name)
    if sound is None:
        # An accent or another sign belongs to the letter before it; anything else ends a word.
        return spelled if unicodedata.category(character).startswith("M") else spelled + " "
    # In the scripts of India a consonant sounds with an "a" unless a vowel sign follows it.
    return (spelled.removesuffix("a") if sound[1] else spelled) + sound[2].lower()
