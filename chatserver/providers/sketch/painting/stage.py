"""Setting the stage: which scene, which hour, where the horizon and the light are."""

import msgspec
import numpy as np

from chatserver.providers.sketch.painting import figures, palettes
from chatserver.providers.sketch.painting.reading import Brief
from chatserver.providers.sketch.painting.scene import Scene

# Where a prompt names no scene, the seed takes one of these.
ANYWHERE = ("mountains", "sea", "forest", "meadow", "mountains", "desert", "abstract")
HORIZONS = {
    "sea": (0.5, 0.62),
    "harbour": (0.55, 0.62),
    "desert": (0.42, 0.52),
    "meadow": (0.42, 0.52),
    "blossom": (0.58, 0.66),
    "city": (0.66, 0.74),
    "rooftop": (0.72, 0.78),
    "forest": (0.6, 0.7),
    "village": (0.5, 0.58),
    "mountains": (0.56, 0.66),
}


def scene_of(brief: Brief, seed: int, width: int, height: int) -> Scene:
    """The stage: which scene, which light, where the horizon and the sun are."""
    rng = Scene(width, height, seed, brief, palettes.HOURS["day"][0]).dice("stage")
    name = brief.scene or str(rng.choice([one for one in ANYWHERE if one not in brief.unwanted] or ["abstract"]))
    hour = _hour(brief, name, rng)
    palette = palettes.choose(brief, rng, hour)
    staged = msgspec.structs.replace(brief, scene=name, hour=brief.hour or hour)
    horizon = float(rng.uniform(*HORIZONS.get(name, (0.6, 0.6))))
    return Scene(width, height, seed, staged, palette, horizon, _sun(staged, palette, rng, horizon))


def _sun(brief: Brief, palette: palettes.Palette, rng: np.random.Generator, horizon: float) -> tuple[float, float]:
    """Where the light stands: off the middle, low in the evening, behind whoever is out at night."""
    x = float(rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)]))
    high, low = float(rng.uniform(0.12, 0.26)), float(rng.uniform(0.03, 0.16))
    if palette.dark and brief.figures & figures.TALL.keys():
        return 0.5 + (x - 0.5) * 0.6, float(rng.uniform(0.44, 0.56))
    if brief.hour not in {"sunset", "dawn"}:
        return x, high
    return x, horizon - low - (0.08 if brief.scene in {"mountains", "blossom", "village"} else 0.0)


def _hour(brief: Brief, name: str, rng: np.random.Generator) -> str:
    if brief.weather == "storm" and brief.hour != "night":
        return "storm"
    if brief.hour:
        return brief.hour
    night = brief.figures & {"moon", "aurora", "galaxy", "fireworks", "owl"} or "neon" in brief.tones
    if night or name in {"space", "rooftop"}:
        return "night"
    if brief.weather in {"fog", "rain"}:
        return "overcast"
    usual = {
        "city": ("night", "sunset", "night"),
        "meadow": ("day", "dawn", "sunset"),
        "blossom": ("dawn", "day", "sunset"),
        "forest": ("dawn", "day", "sunset"),
    }
    return str(rng.choice(usual.get(name, ("sunset", "day", "dawn", "night"))))
