"""The sky by its light: gradient, sun or moon, clouds."""

import numpy as np

from chatserver.providers.sketch.painting import figures
from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, ramp, smoothstep
from chatserver.providers.sketch.painting.noise import shifted
from chatserver.providers.sketch.painting.scene import Scene


def gradient(canvas: Canvas, scene: Scene) -> None:
    """From zenith to horizon, warmer around the sun, never quite even."""
    horizon = scene.horizon * scene.height / scene.unit
    uneven = (scene.noise("sky", 0.9, octaves=3, stretch=2.5) - 0.5) * 0.09
    position = np.clip(scene.ys[:, None] / horizon, 0, 1) ** 0.9 + uneven
    canvas.paint(ramp(scene.palette.sky, position), 1.0)
    near = _distance(scene, squeeze=1.35)
    low = scene.sun[1] > scene.horizon * 0.6
    canvas.glow(scene.palette.glow, np.exp(-near * 3.0) * (0.28 if scene.palette.dark else 0.62 if low else 0.3))


def sun(canvas: Canvas, scene: Scene) -> None:
    """A disc of light, its bloom and its wide halo."""
    radius = float(scene.dice("sun").uniform(0.028, 0.062))
    away = _distance(scene)
    low = scene.sun[1] > scene.horizon * 0.6
    canvas.glow(scene.palette.glow, (0.75 if low else 0.45) / (1 + (away / (radius * 2.6)) ** 2) ** 1.6)
    canvas.glow(scene.palette.sun, np.exp(-((away / (radius * 2.0)) ** 2)) * (0.75 if low else 0.5))
    canvas.paint(scene.palette.sun, smoothstep(radius * 1.03, radius * 0.97, away))


def moon(canvas: Canvas, scene: Scene) -> None:
    """Full or waning, with its seas, in a pale halo."""
    rng = scene.dice("moon")
    wanted = bool(scene.brief.figures & {"moon", *figures.TALL})
    radius = float(rng.uniform(0.085, 0.135) if wanted else rng.uniform(0.035, 0.06))
    away = _distance(scene)
    canvas.glow(scene.palette.glow, 0.55 / (1 + (away / (radius * 2.2)) ** 2) ** 1.3)
    seas = smoothstep(0.42, 0.66, scene.noise("seas", radius * 1.1, octaves=4))
    face = mix(scene.palette.sun, scene.palette.sun * np.float32(0.8), seas[..., None])
    phase = 0.0 if wanted else float(rng.choice([0.0, 0.0, 0.5, 0.9])) * radius
    lit = smoothstep(radius * 1.02, radius * 0.98, away)
    if phase:
        lit = lit * smoothstep(radius * 0.9, radius * 1.06, _distance(scene, shift=(phase, -phase * 0.4)))
    canvas.paint(face, lit)


def clouds(canvas: Canvas, scene: Scene) -> None:
    """Banks that flatten towards the horizon, lit from where the light is."""
    rng = scene.dice("clouds")
    cover = _cover(scene, float(rng.uniform(0.0, 1.0)))
    rows = int(scene.horizon * scene.height) + 1
    cell = float(rng.uniform(0.22, 0.4))
    density = _flattened(scene.noise("cloud-shapes", cell, octaves=7, stretch=1.9, gain=0.53), rows)
    fade = smoothstep(1.0, 0.82, np.linspace(0, 1, rows, dtype=np.float32))[:, None]
    mask = smoothstep(cover, cover + 0.2, density) * (0.35 + 0.65 * fade)
    lit = _lit_side(density, scene, rows)
    canvas.paint(_cloud_colour(scene, lit, _distance(scene)[:rows]), mask * 0.92)


def cirrus(canvas: Canvas, scene: Scene) -> None:
    """High thin streaks, blown one way."""
    rows = int(scene.horizon * scene.height) + 1
    streaks = _flattened(scene.noise("cirrus", 0.16, octaves=6, stretch=6.0, gain=0.6), rows)
    patches = scene.noise("cirrus-patches", 0.5, rows, octaves=2, stretch=2.0)
    height = smoothstep(1.0, 0.6, np.linspace(0, 1, rows, dtype=np.float32))[:, None]
    mask = smoothstep(0.5, 0.78, streaks) * smoothstep(0.42, 0.66, patches) * height
    colour = mix(scene.palette.sky[-1], scene.palette.sun, 0.45)
    canvas.paint(colour, mask * (0.22 if scene.palette.dark else 0.6))


def _cover(scene: Scene, chance: float) -> float:
    """The density from which on it is cloud: low means overcast."""
    if scene.brief.weather in {"storm", "rain"}:
        return 0.3 + 0.06 * chance
    if "clouds" in scene.brief.figures:
        return 0.4 + 0.06 * chance
    if scene.brief.weather == "clear":
        return 0.66
    return (0.55 if scene.palette.dark else 0.48) + 0.1 * chance


def _distance(scene: Scene, squeeze: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> Array:
    """Distance of each pixel from the sun in units; above and below it counts `squeeze` times."""
    x, y = scene.x(scene.sun[0]) / scene.unit + shift[0], scene.y(scene.sun[1]) / scene.unit + shift[1]
    return np.sqrt((scene.xs[None, :] - x) ** 2 + ((scene.ys[:, None] - y) * squeeze) ** 2)


def _flattened(field: Array, rows: int) -> Array:
    """The field's rows as on a ceiling that runs away from us: wide overhead, dense at the horizon."""
    t = np.linspace(0, 1, rows, dtype=np.float32)
    depth = 1 / (1.4 - t) - 1 / 1.4
    places = depth / depth[-1] * (field.shape[0] - 2)
    base = places.astype(np.int32)
    part = (places - base)[:, None]
    return np.asarray(field[base] * (1 - part) + field[base + 1] * part, dtype=np.float32)


def _lit_side(density: Array, scene: Scene, rows: int) -> Array:
    """How much each place of the clouds faces the light, around 0.5."""
    step = max(2, int(0.018 * scene.unit))
    side = 1 if scene.sun[0] > 0.5 else -1
    toward = shifted(density, -side * step)
    above = shifted(density, 0, step)
    below_light = scene.sun[1] * scene.height > rows * 0.75
    lift = (density - above) * (-0.6 if below_light else 1.0)
    return np.clip(0.5 + 2.4 * (density - toward) + 2.0 * lift, 0, 1)


def _cloud_colour(scene: Scene, lit: Array, away: Array) -> Array:
    palette = scene.palette
    dark = mix(palette.sky[1], palette.shade, 0.35 if scene.brief.weather in {"storm", "rain"} else 0.08)
    bright = mix(palette.sky[-1], palette.sun, 0.15 if palette.dark else 0.6)
    if palette.dark:
        dark, bright = mix(palette.sky[1], palette.sky[2], 0.5), mix(palette.sky[3], palette.sun, 0.12)
    middle = mix(palette.sky[2], palette.sky[3], 0.5 if palette.dark else 0.7)
    colour = ramp([dark, middle, bright], lit)
    rim = np.exp(-away * 4.5)[..., None]
    return mix(colour, palette.sun, rim * lit[..., None] * 0.8)
