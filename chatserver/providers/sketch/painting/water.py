"""Water: it mirrors what is above it, breaks it in waves, and glitters below the light."""

import numpy as np
from PIL import Image, ImageFilter

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import fractal, profile, warped
from chatserver.providers.sketch.painting.scene import Layer, Scene


def sea(canvas: Canvas, scene: Scene) -> None:
    """Open water from the horizon down, calm or rough by the weather."""
    rough = 1.0 if scene.brief.weather == "storm" else 0.42
    _surface(canvas, scene, scene.horizon, rough, tint=0.5)


def lake(canvas: Canvas, scene: Scene) -> None:
    """Still water: nearly a mirror."""
    _surface(canvas, scene, scene.horizon + 0.02, 0.12, tint=0.22)


def river(canvas: Canvas, scene: Scene) -> None:
    """The water of a town: dark, and calm enough to carry its lights."""
    _surface(canvas, scene, scene.horizon, 0.16, tint=0.3)


def glitter(canvas: Canvas, scene: Scene) -> None:
    """The path of light that leads to the sun."""
    top = int(scene.horizon * scene.height)
    rows = scene.height - top
    away = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    sparkle = _in_perspective(scene.noise("glitter", 0.02, octaves=3, stretch=5.0, gain=0.7), rows)
    x = scene.x(scene.sun[0]) / scene.unit
    width = 0.035 + 0.2 * away
    path = np.exp(-(((scene.xs[None, :] - x) / width) ** 2))
    light = path * smoothstep(0.62 - 0.14 * path * (1 - away), 0.78, sparkle)
    strength = 0.75 if scene.palette.dark else 0.95
    canvas.glow(mix(scene.palette.glow, scene.palette.sun, 0.6), light * strength * (1 - 0.55 * away), top)
    canvas.glow(scene.palette.glow, path * 0.2 * (1 - away), top)


def breakers(first: int, last: int) -> Layer:
    """Swells of a rough sea from `first` to `last` of nine, one behind the other, with foam along their crests."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        _breakers(canvas, scene, first, last)

    return Layer(f"breakers {first + 1}", 0.45 + 0.05 * first, paint)


def _breakers(canvas: Canvas, scene: Scene, first: int, last: int) -> None:
    top = scene.horizon * scene.height / scene.unit
    depth = scene.height / scene.unit - top
    for number in range(first, last):
        near = ((number + 1) / 9) ** 1.7
        rng = scene.dice(f"breaker {number}")
        places = scene.xs + np.float32(rng.uniform(0, 60))
        crest = 1 - np.abs(profile(rng, places, 0.12 + 0.3 * near, octaves=4, gain=0.42))
        line = top + depth * np.float32(near * 0.96) - crest * np.float32(0.012 + 0.075 * near)
        _swell(canvas, scene, rng, line, near)


def _swell(canvas: Canvas, scene: Scene, rng: np.random.Generator, line: Array, near: float) -> None:
    first = min(scene.height - 1, max(0, int(line.min() * scene.unit) - 1))
    last = min(scene.height, first + int((0.05 + 0.3 * near) * scene.unit) + 2)
    depth = scene.ys[first:last, None] - line[None, :]
    texture = fractal(
        rng, (scene.width, last - first), (0.02 + 0.05 * near) * scene.unit, octaves=5, stretch=2.6, gain=0.6
    )
    water = mix(rgb("#2f5560"), mix(scene.palette.sky[2], scene.palette.shade, 0.35), 0.55)
    crest = mix(mix(water, rgb("#7fb0a8"), 0.35), scene.palette.sky[-1], 0.25)
    back = mix(water, scene.palette.shade, 0.55)
    fall = np.exp(-np.clip(depth, 0, 1) * (30 - 18 * near))
    colour = mix(back, crest, np.clip(fall * (0.35 + 0.9 * texture), 0, 1)[..., None])
    reach = smoothstep(0.05 + 0.27 * near, 0.0, depth)
    canvas.paint(colour, np.clip(depth * scene.unit + 0.5, 0, 1) * reach, first)
    foam = smoothstep(0.5, 0.72, texture + 0.3 * fall) * np.exp(-np.abs(depth - 0.006) * (150 - 95 * near))
    canvas.paint(
        mix(scene.palette.sky[-1], rgb("#f4f8f4"), 0.55), foam * np.clip(depth * scene.unit + 0.5, 0, 1) * 0.9, first
    )


def _surface(canvas: Canvas, scene: Scene, horizon: float, rough: float, tint: float) -> None:
    top = int(horizon * scene.height)
    rows = scene.height - top
    if rows < 2 or top < 2:
        return
    away = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    waves = _in_perspective(scene.noise("waves", 0.05, octaves=5, stretch=4.5, gain=0.58), rows) - 0.5
    mirror = _mirrored_above(
        canvas if scene.below is None else scene.below(), top, rows, blur=scene.unit * (0.002 + 0.006 * rough)
    )
    moved = warped(
        mirror, waves * (0.05 + 0.25 * away) * rough * scene.unit, waves * (0.04 + 0.3 * away) * rough * scene.unit
    )
    deep = mix(mix(scene.palette.sky[1], rgb("#0e3a4a"), 0.45), scene.palette.shade, 0.3)
    colour = mix(moved, deep, tint * (0.35 + 0.65 * away)[..., None])
    shine = np.clip(waves * 2.2 * (0.3 + rough), -0.5, 0.5)
    colour = mix(colour, mix(scene.palette.sky[-1], scene.palette.sun, 0.2), np.clip(shine, 0, 1)[..., None] * 0.55)
    colour = mix(colour, deep * np.float32(0.6), np.clip(-shine, 0, 1)[..., None] * 0.7)
    canvas.paint(colour, 1.0, top)
    haze = np.exp(-away * 22) * 0.55
    canvas.paint(scene.palette.haze, np.broadcast_to(haze, (rows, scene.width)), top)


def _mirrored_above(seen: "Canvas | Array", top: int, rows: int, blur: float) -> Array:
    """What stands above the shore, upside down, stretched to the water's rows."""
    above = (seen.rgb if isinstance(seen, Canvas) else seen)[:top][::-1]
    image = Image.fromarray((np.clip(above, 0, 1) * 255).astype(np.uint8))
    image = image.crop((0, 0, image.width, max(2, min(top, int(rows * 1.15)))))
    image = image.resize((image.width, rows), Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(image, dtype=np.float32) / 255


def _in_perspective(field: Array, rows: int) -> Array:
    """The field's rows as on a floor that runs away from us: dense at the horizon."""
    t = np.linspace(0, 1, rows, dtype=np.float32)
    depth = 1 / 0.07 - 1 / (t + 0.07)
    places = depth / depth[-1] * (field.shape[0] - 2)
    base = places.astype(np.int32)
    part = (places - base)[:, None]
    return np.asarray(field[base] * (1 - part) + field[base + 1] * part, dtype=np.float32)
