"""The light of each hour: sky from zenith to horizon, the light itself, the haze of distance, the darkest shade."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from chatserver.providers.sketch.painting.colour import Array, mix, rgb, turned
from chatserver.providers.sketch.painting.reading import Brief


class Palette(Struct, frozen=True, kw_only=True):
    """`sky` runs from zenith to horizon; `light` tints what the sun or moon falls on, `shade` what turns away."""

    sky: tuple[Array, ...]
    sun: Array
    glow: Array
    haze: Array
    shade: Array
    light: Array
    dark: bool = False


def _palette(sky: str, sun: str, glow: str, haze: str, shade: str, light: str, *, dark: bool = False) -> Palette:
    stops = tuple(rgb(code) for code in sky.split())
    return Palette(
        sky=stops, sun=rgb(sun), glow=rgb(glow), haze=rgb(haze), shade=rgb(shade), light=rgb(light), dark=dark
    )


HOURS: dict[str, list[Palette]] = {
    "sunset": [
        _palette(
            "#27305f #5a4a8c #b0648f #ee8a73 #ffc288 #ffe6b4", "#fff4d2", "#ffb066", "#f0a080", "#1c1630", "#ffb98a"
        ),
        _palette(
            "#1d2349 #4b2f66 #9a3f6b #e0574f #ff9150 #ffcf80", "#fff0c0", "#ff8a48", "#dc6f58", "#170f25", "#ff9c6a"
        ),
        _palette(
            "#3c5a8c #7f8fb5 #cfa9b0 #f6bd93 #ffdaa0 #fff0c8", "#fffbe6", "#ffd28a", "#f2c49c", "#26273c", "#ffd6a0"
        ),
        _palette(
            "#2b2a55 #54407f #8a5596 #c9769a #f3a39a #ffd3b5", "#fff2df", "#ff9f9a", "#c987a0", "#1b152f", "#f7b0a6"
        ),
    ],
    "dawn": [
        _palette(
            "#5478b4 #8ea8d4 #c3c6e0 #f0cfd0 #ffdfc2 #fff1dc", "#fffdf0", "#ffd9b8", "#dccbd6", "#2c3350", "#ffe0c8"
        ),
        _palette(
            "#3f5f94 #7a8fbf #b9a9cd #e9b8bf #ffcfae #ffe8c4", "#fff7e2", "#ffc29c", "#d7b3bd", "#27294a", "#ffcfb0"
        ),
    ],
    "day": [
        _palette(
            "#2468b8 #3f87d2 #6aa9e4 #9dcaf0 #cae4f6 #e6f2f6", "#fffdf0", "#fff2d0", "#c4dcea", "#1f3440", "#fffaf0"
        ),
        _palette(
            "#1b74b0 #3b97c8 #74bcd8 #a8d8e2 #d6ece4 #f2f3e0", "#fffdec", "#fff0c4", "#cfe3dc", "#1e3a3c", "#fff8e4"
        ),
        _palette(
            "#3f74b8 #6693cc #94b6de #bfd3ea #e4e4ea #f7ebdc", "#fffaf0", "#ffe9c8", "#ccd6e2", "#2a3548", "#fff2e2"
        ),
    ],
    "night": [
        _palette(
            "#040818 #081230 #0f2048 #1b3560 #2c4d74 #45678a",
            "#f6f1dc",
            "#9fb8e0",
            "#34547c",
            "#050914",
            "#6f8fc8",
            dark=True,
        ),
        _palette(
            "#07061a #130f33 #241a52 #3a2b6e #554488 #7a66a0",
            "#f3ecf6",
            "#b6a0e0",
            "#4d4180",
            "#070512",
            "#8a7fd0",
            dark=True,
        ),
        _palette(
            "#03121c #062334 #0b384c #145364 #27707c #4c9494",
            "#eef8ec",
            "#8fd4d0",
            "#256470",
            "#030d14",
            "#69b0b8",
            dark=True,
        ),
    ],
    "storm": [
        _palette(
            "#1b2229 #29333b #3c4a53 #586871 #7b8b90 #a3aeaa", "#e2e8e0", "#b4c2bc", "#717f84", "#10171c", "#a9b6b6"
        ),
        _palette(
            "#1a1c2b #2a2d42 #40465c #5f6678 #86898f #b5aca0", "#f0e4cc", "#cbb894", "#73777f", "#0f121d", "#b8b0a8"
        ),
    ],
    "overcast": [
        _palette(
            "#7c8e9c #92a3ae #a9b7bf #bfcacd #d3dad8 #e4e6e0", "#fbf8ee", "#eeeadc", "#c3cdce", "#26333a", "#e4e8e4"
        ),
        _palette(
            "#6f8a92 #8aa2a6 #a5b9b8 #bfccc6 #d6dcd0 #e8e6d6", "#fdf8e8", "#f0ead2", "#becbc4", "#223434", "#e8eadc"
        ),
    ],
}

# Hue (0–1) of each colour that a prompt may ask for.
HUES = {
    "golden": 0.115,
    "orange": 0.07,
    "red": 0.985,
    "pink": 0.92,
    "purple": 0.77,
    "blue": 0.6,
    "teal": 0.49,
    "green": 0.36,
    "brown": 0.08,
}


def choose(brief: Brief, rng: np.random.Generator, hour: str) -> Palette:
    """The palette of an hour, one of several by the dice, turned to the colours that the prompt asks for."""
    options = HOURS[hour]
    palette = options[int(rng.integers(len(options)))]
    drift = float(rng.uniform(-0.02, 0.02))
    palette = _each(palette, lambda colour: _drifted(colour, drift))
    asked = brief.colours or (("orange",) if "autumn" in brief.figures else ())
    for colour_name in asked[:2]:
        palette = _each(palette, lambda colour, hue=HUES[colour_name]: turned(colour, hue, 0.86, 1.1))  # type: ignore[misc]
    return palette


def tinted(colour: Array, name: str) -> Array:
    """A colour turned wholly to one that a prompt may ask for."""
    return turned(colour, HUES[name], 1.0)


def of_picture(pixels: Array, base: Palette) -> Palette:
    """A palette taken from another picture: its rows' mean colours as sky, its lights and darks as sun and shade."""
    rows = pixels.mean(axis=1)
    bands = np.array_split(rows[: max(6, len(rows) * 2 // 3)], 6)
    brightness = pixels.mean(axis=2).ravel()
    order = np.argsort(brightness)
    flat = pixels.reshape(-1, 3)
    part = max(1, len(order) // 50)
    sun, shade = flat[order[-part:]].mean(axis=0), flat[order[:part]].mean(axis=0)
    sky = tuple(band.mean(axis=0).astype(np.float32) for band in bands)
    return Palette(
        sky=sky, sun=sun, glow=mix(sky[-1], sun, 0.5), haze=sky[-1], shade=shade * 0.8, light=sun, dark=base.dark
    )


def _each(palette: Palette, change: Callable[[Array], Array]) -> Palette:
    return Palette(
        sky=tuple(change(colour) for colour in palette.sky),
        sun=mix(palette.sun, change(palette.sun), 0.3),
        glow=change(palette.glow),
        haze=change(palette.haze),
        shade=change(palette.shade),
        light=mix(palette.light, change(palette.light), 0.6),
        dark=palette.dark,
    )


def _drifted(colour: Array, drift: float) -> Array:
    """A little warmer or cooler, so that two seeds of one palette are not the same evening."""
    shift = np.array([drift, drift * 0.2, -drift], dtype=np.float32)
    return np.asarray(np.clip(colour + shift, 0, 1), dtype=np.float32)
