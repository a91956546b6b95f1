"""Weather between us and the land: mist, rain, snow, lightning, a rainbow."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet, Stencil
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.scene import Layer, Scene


def mist(name: str, height: float, thickness: float, strength: float, depth: float) -> Layer:
    """A bank of mist around a height (fraction), drifting in shreds."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        shreds = scene.noise(name, 0.4, octaves=5, stretch=3.2)
        away = (scene.ys[:, None] * scene.unit / scene.height - height) / thickness
        bank = np.exp(-(away**2)) * smoothstep(0.25, 0.75, shreds)
        canvas.paint(mix(scene.palette.haze, scene.palette.sky[-1], 0.35), bank * strength)

    return Layer(name, depth, paint)


def rain(canvas: Canvas, scene: Scene) -> None:
    """Slanting streaks, near ones longer, over a grey veil."""
    rng = scene.dice("rain")
    veil = scene.noise("rain-veil", 0.5, octaves=3) * 0.16 + 0.04
    canvas.paint(scene.palette.haze, veil)
    slant = rng.uniform(-0.22, 0.22)
    stencil = Stencil(canvas.width, canvas.height)
    for x, y, near in rng.random((900, 3)):
        length = scene.unit * (0.015 + 0.06 * near**2)
        start = np.array([(x * 1.3 - 0.15) * scene.width, y * scene.height])
        stencil.line(np.stack([start, start + np.array([slant, 1]) * length]), 0.6 + scene.unit * 0.0012 * near, 255)
    canvas.glow(mix(scene.palette.sky[-1], rgb("#ffffff"), 0.4), stencil.mask() * 0.3)


def snow(canvas: Canvas, scene: Scene) -> None:
    """Flakes at all distances, the nearest soft and large."""
    rng = scene.dice("snow")
    stencil = Stencil(canvas.width, canvas.height)
    for x, y, near in rng.random((620, 3)):
        radius = scene.unit * (0.0008 + 0.0035 * near**5)
        stencil.disc(x * scene.width, y * scene.height, max(0.5, radius), value=int(110 + 145 * near))
    canvas.paint(mix(rgb("#ffffff"), scene.palette.light, 0.25), stencil.mask() * 0.85)


def lightning(canvas: Canvas, scene: Scene) -> None:
    """One branching bolt, and the clouds lit by it."""
    rng = scene.dice("lightning")
    x = rng.uniform(0.15, 0.85) * scene.width
    horizon = scene.horizon * scene.height
    stencil = Stencil(canvas.width, canvas.height)
    bolt = _bolt(rng, np.array([x, 0.0]), np.array([x + rng.uniform(-0.12, 0.12) * scene.unit, horizon]), 7)
    stencil.line(bolt, max(1.0, scene.unit * 0.0032))
    for start in bolt[rng.integers(len(bolt) // 5, len(bolt) * 3 // 4, 4)]:
        end = start + np.array([rng.uniform(-0.2, 0.2), rng.uniform(0.08, 0.22)]) * scene.unit
        stencil.line(_bolt(rng, start, end, 5), max(0.6, scene.unit * 0.0013), 170)
    away = np.abs(scene.xs[None, :] - x / scene.unit) + scene.ys[:, None] * 0.25
    canvas.glow(rgb("#cfd8ff"), np.exp(-away * 3.2) * 0.5)
    core = stencil.mask()
    canvas.glow(rgb("#f4f2ff"), core)


def rainbow(canvas: Canvas, scene: Scene) -> None:
    """An arc opposite the light, with its colours in order, red outside."""
    x = (1 - scene.sun[0]) * scene.ratio
    away = np.hypot(scene.xs[None, :] - x, scene.ys[:, None] - scene.horizon * scene.height / scene.unit * 1.15)
    place = (away - 0.5) / 0.06
    colours = [rgb(code) for code in ("#7b5bd6", "#4f7be8", "#44c5c9", "#62d46a", "#f5e15b", "#f39b45", "#e85a5a")]
    channels = [np.interp(place, np.linspace(0, 1, 7), [colour[i] for colour in colours]) for i in range(3)]
    band = smoothstep(0, 0.18, place) * smoothstep(1, 0.82, place)
    fade = smoothstep(scene.horizon * 1.05, scene.horizon * 0.5, scene.ys * scene.unit / scene.height)[:, None]
    canvas.glow(np.stack(channels, axis=-1).astype(np.float32), band * (0.25 + 0.25 * fade))


def _bolt(rng: np.random.Generator, start: Array, end: Array, splits: int) -> Array:
    points = np.stack([start, end])
    sway = float(np.hypot(*(end - start))) * 0.11
    for _ in range(splits):
        middles = (points[1:] + points[:-1]) / 2 + rng.normal(0, sway, (len(points) - 1, 2))
        woven = np.empty((len(points) * 2 - 1, 2))
        woven[::2], woven[1::2] = points, middles
        points, sway = woven, sway * 0.52
    return points


def petals(canvas: Canvas, scene: Scene) -> None:
    """Blossom on the wind."""
    rng = scene.dice("petals")
    sheet = Sheet(canvas.width, canvas.height)
    tints = [rgb("#ffd9e6"), rgb("#ffc1d6"), rgb("#ffeef4")]
    for x, y, near in rng.random((130, 3)):
        radius = scene.unit * (0.002 + 0.0045 * near**2)
        sheet.disc(
            x * scene.width, y * scene.height, radius * rng.uniform(0.5, 1), radius * 0.55, tints[int(near * 2.99)]
        )
    canvas.stamp(sheet.image)
