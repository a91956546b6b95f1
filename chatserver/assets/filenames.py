"""Readable file names: `sunset-over-mountains-7f3a.png`, from the first words of the prompt and the end of the id."""

import re
import unicodedata

# Characters of the words; four of the id and the extension are added.
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
# Unicode names contain the sound: "DEVANAGARI LETTER KA", "HIRAGANA LETTER SMALL TU", "HANGUL SYLLABLE GAN".
_SOUND = re.compile(r"\w+ (?:LETTER|SYLLABLE|(VOWEL SIGN)) (?:SMALL )?([A-Z]+)")
_MUTE = re.compile(r"\w+ SIGN (?:VIRAMA|PULLI)")


def readable_name(prompt: str, asset_id: str, extension: str, *, fallback: str) -> str:
    """A file name of ASCII letters, digits and hyphens; `fallback` where no word can be spelled in ASCII."""
    words = _WORD.findall(transliterate(prompt[:500]))
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


def transliterate(text: str) -> str:
    """The text in lower-case ASCII, by its sounds; characters without a known sound separate words."""
    return _transliterate(unicodedata.normalize("NFC", text.lower().replace("'", "").replace("’", "")))


def _transliterate(text: str) -> str:
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
        # Letters of mathematics and ligatures of signs (𝕳, ™) have no small form until they are decomposed.
        return spelled + _transliterate(plain.lower())
    name = unicodedata.name(character, "")
    if _MUTE.fullmatch(name):
        return spelled.removesuffix("a")
    sound = _SOUND.match(name)
    if sound is None:
        # An accent or another sign belongs to the letter before it; anything else ends a word.
        return spelled if unicodedata.category(character).startswith("M") else spelled + " "
    # In Indic scripts a consonant has the vowel "a" unless a vowel sign follows.
    return (spelled.removesuffix("a") if sound[1] else spelled) + sound[2].lower()
