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
# Of these Unicode names no sounds but letters: "ARABIC LETTER MEEM", "HEBREW LETTER ALEF", "GEORGIAN LETTER BAN".
_ARABIC = "اآأإٱبتثجحخدذرزسشصضطظعغفقكلمنهةويىئؤءپچژگکیےڈٹڑںھہ"
_ARABIC_SOUNDS = (
    "a a a i a b t th j h kh d dh r z s sh s d t z a gh f q k l m n h a w y a y w _ p ch zh g k y e d t r n h h"
)
_HEBREW = "אבגדהוזחטיךכלםמןנסעףפץצקרשת"
_HEBREW_SOUNDS = "a b g d h v z kh t y k k l m m n n s a f p ts ts k r sh t"
_GEORGIAN = "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ"
_GEORGIAN_SOUNDS = "a b g d e v z t i k l m n o p zh r s t u p k gh q sh ch ts dz ts ch kh j h"
_ARMENIAN = "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ"
_ARMENIAN_SOUNDS = "a b g d e z e e t zh i l kh ts k h dz gh ch m y n sh o ch p j r s v t r ts w p k o f"
_LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
_TABLE = {
    **dict(zip(_CYRILLIC, _CYRILLIC_SOUNDS.split(), strict=True)),
    **dict(zip(_GREEK, _GREEK_SOUNDS.split(), strict=True)),
    **dict(zip(_ARABIC, _ARABIC_SOUNDS.split(), strict=True)),
    **dict(zip(_HEBREW, _HEBREW_SOUNDS.split(), strict=True)),
    **dict(zip(_GEORGIAN, _GEORGIAN_SOUNDS.split(), strict=True)),
    **dict(zip(_ARMENIAN, _ARMENIAN_SOUNDS.split(), strict=True)),
    **_LATIN,
}
# Other scripts whose letters have names, and those that are no letters.
_NAMED = re.compile(
    r"(?:SYRIAC|THAANA|SAMARITAN|MANDAIC|NKO|TIFINAGH|COPTIC|GOTHIC|OGHAM|RUNIC|HANGUL (?:LETTER|JUNGSEONG))\b"
)
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
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
    if _IDEOGRAPH.search(text):
        # Between ideographs, whose sound nobody can tell by themselves, these are endings and particles only.
        text = _HIRAGANA.sub(" ", text)
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
    if (digit := unicodedata.decimal(character, None)) is not None:
        return f"{spelled}{digit}"
    name = unicodedata.name(character, "")
    if _MUTE.fullmatch(name):
        return spelled.removesuffix("a")
    sound = None if _NAMED.match(name) else _SOUND.match(name)
    if sound is None:
        # An accent or another sign belongs to the letter before it; anything else ends a word.
        return spelled if unicodedata.category(character).startswith("M") else spelled + " "
    # In Indic scripts a consonant has the vowel "a" unless a vowel sign follows.
    return (spelled.removesuffix("a") if sound[1] else spelled) + sound[2].lower()
