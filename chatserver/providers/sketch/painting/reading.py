"""Parses a prompt: which scene, what hour and weather, who is in it, which colours, which style."""

import hashlib
import re

from msgspec import Struct

from chatserver.providers.sketch.painting import words

# People write these as two words and mean one.
JOINED = (
    "golden hour",
    "northern lights",
    "blue sky",
    "lone tree",
    "hot air",
    "full moon",
    "black and white",
    "brush pen",
    "pixel art",
    "travel poster",
    "8 bit",
    "16 bit",
)

# Where they are found when the prompt does not say.
AT_HOME = {
    "house": "village",
    "pagoda": "blossom",
    "camel": "desert",
    "cactus": "desert",
    "whale": "sea",
    "boat": "sea",
    "owl": "forest",
    "fox": "forest",
    "deer": "forest",
    "tree": "meadow",
    "rabbit": "meadow",
    "horse": "meadow",
    "fireworks": "city",
    "portrait": "mountains",
    "person": "mountains",
    "aurora": "mountains",
    "balloon": "mountains",
    "castle": "mountains",
}


class Brief(Struct, frozen=True, kw_only=True):
    """What to paint. `scene` is None where the prompt names none, `fingerprint` makes the dice its own."""

    fingerprint: bytes
    scene: str | None
    hour: str | None
    weather: str | None
    season: str | None
    figures: frozenset[str]
    colours: tuple[str, ...]
    blooms: tuple[str, ...]
    tones: frozenset[str]
    style: str | None
    unwanted: frozenset[str]


def read(prompt: str, negative: str | None = None, style: str | None = None, manner: str = "") -> Brief:
    """The parsed prompt. What the negative prompt names is left out, whatever the prompt says.

    `manner` are the words of a style: they say how it is painted, and not what.
    """
    said = _words(f"{prompt} {style or ''}")
    unwanted = _meant(_words(negative or ""), words.SCENES, words.HOURS, words.WEATHERS, words.FIGURES, words.TONES)
    figures = _all(said, words.FIGURES) - unwanted
    return Brief(
        fingerprint=hashlib.blake2b(" ".join(said).encode("utf-8", "replace"), digest_size=8).digest(),
        scene=_scene(said, figures, unwanted),
        hour=_first(said, words.HOURS, unwanted),
        weather=_first(said, words.WEATHERS, unwanted),
        season=_first(said, words.SEASONS, unwanted),
        figures=figures,
        colours=_ordered(said, words.COLOURS),
        blooms=_ordered(said, words.BLOOMS),
        tones=(_all(said, words.TONES) | _all(_words(manner), words.TONES)) - unwanted,
        style=_first(_words(style or ""), words.CHOSEN_STYLES, unwanted)
        or _first(_words(manner), words.MANNERS, unwanted)
        or _first(said, words.STYLES, unwanted),
        unwanted=unwanted,
    )


def _words(text: str) -> list[str]:
    flat = " ".join(re.findall(r"[^\W_]+", text.lower()))
    for phrase in JOINED:
        flat = flat.replace(phrase, phrase.replace(" ", "-"))
    return flat.split()


def _scene(said: list[str], figures: frozenset[str], unwanted: frozenset[str]) -> str | None:
    named = _first(said, words.SCENES, unwanted)
    if "city" in _all(said, words.SCENES) and named == "harbour":
        return "harbour"
    if named is None:
        home = next((scene for figure, scene in AT_HOME.items() if figure in figures and scene not in unwanted), None)
        formless = "abstract" not in unwanted and any(word in words.FORMLESS.split() for word in said)
        return home or ("abstract" if formless else None)
    return named


def _first(said: list[str], table: dict[str, str], unwanted: frozenset[str]) -> str | None:
    """The first meaning in the table's order: the most telling ones come first in it."""
    return next((name for name in table if name not in unwanted and _is_said(name, table, said)), None)


def _ordered(said: list[str], table: dict[str, str]) -> tuple[str, ...]:
    found = [name for word in said for name, list_ in table.items() if word in list_.split()]
    return tuple(dict.fromkeys(found))


def _all(said: list[str], table: dict[str, str]) -> frozenset[str]:
    return frozenset(name for name in table if _is_said(name, table, said))


def _meant(said: list[str], *tables: dict[str, str]) -> frozenset[str]:
    return frozenset().union(*(_all(said, table) for table in tables))


def _is_said(name: str, table: dict[str, str], said: list[str]) -> bool:
    return any(word in said for word in table[name].split())
