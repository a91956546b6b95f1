"""Land: mountain ridges in the haze of distance, soft hills, dunes, snow."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, ramp, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import fractal, profile, shifted
from chatserver.providers.sketch.painting.scene import Layer, Paint, Scene


def ridges(count: int, top: float, bottom: float, *, snow: bool, reach: float = 1.0) -> list[Layer]:
    """`count` ranges from far (their feet at `top` of the height) to near (at `bottom`), within `reach` of us."""
    layers = []
    for number in range(count):
        near = (number + 0.6) / count
        foot = top + (bottom - top) * near**1.2
        layers.append(Layer(f"ridge {number + 1}", 0.1 + 0.5 * near * reach, _ridge(number, near * reach, foot, snow)))
    return layers


def _ridge(number: int, near: float, foot: float, snow: bool) -> Paint:
    def paint(canvas: Canvas, scene: Scene) -> None:
        line = _skyline(scene, number, near, foot)
        first = max(0, int(line.min() * scene.unit) - 2)
        if first >= scene.height:
            return
        depth = scene.ys[first:, None] - line[None, :]
        edge = np.clip(depth * scene.unit + 0.5, 0, 1)
        canvas.paint(_rock(scene, number, near, depth, snow), edge, first)

    return paint


def _skyline(scene: Scene, number: int, near: float, foot: float) -> Array:
    """The height of the ridge over each column, in units from the top."""
    rng = scene.dice(f"ridge {number}")
    cell = 0.55 - 0.2 * near
    rough = 0.48 if near < 0.75 else 0.4
    line = profile(rng, scene.xs + np.float32(rng.uniform(0, 50)), cell, octaves=9, gain=rough)
    peaks = 1 - np.abs(profile(rng, scene.xs, cell * 1.3, octaves=2, gain=0.4))
    rise = (0.26 - 0.13 * near) * (0.55 + 0.8 * float(rng.random()))
    away = scene.xs - np.float32(scene.x(scene.sun[0]) / scene.unit)
    # A gap where the light comes through, in the farther ranges: the eye goes there.
    gap = 1 - 0.55 * (1 - near) * np.exp(-((away / 0.3) ** 2))
    base: Array = foot * scene.height / scene.unit - (line * 0.45 + peaks * 0.8) * np.float32(rise) * gap
    return base


def _rock(scene: Scene, number: int, near: float, depth: Array, snow: bool) -> Array:
    """Crags that face the light or turn from it, snow on what is high, all fading into haze."""
    palette = scene.palette
    rows = depth.shape[0]
    crags = fractal(
        scene.dice(f"crags {number}"),
        (scene.width, rows),
        (0.24 - 0.08 * near) * scene.unit,
        octaves=8,
        stretch=0.7,
        gain=0.54,
        ridged=True,
    )
    step = max(1, int(0.006 * scene.unit))
    side = 1 if scene.sun[0] > 0.5 else -1
    facing = np.clip(0.5 + (6.0 - 2.5 * near) * (crags - shifted(crags, -side * step)), 0, 1)
    air = mix(palette.sky[1], palette.haze, 0.35)
    base = ramp(
        [mix(palette.haze, palette.sky[-1], 0.25), air, mix(air, palette.shade, 0.75), palette.shade], np.array(near)
    )
    lit = mix(base, palette.light * np.float32(0.95), 0.36 - 0.2 * near)
    dark = mix(base, palette.shade, 0.3 + 0.25 * near)
    colour = mix(dark, lit, facing[..., None])
    if snow and near < 0.72:
        colour = _snowed(scene, colour, depth, crags, facing)
    foot_haze = smoothstep(0.02, 0.24, depth)[..., None] * (0.78 - 0.62 * near)
    return mix(colour, palette.haze, foot_haze)


def _snowed(scene: Scene, colour: Array, depth: Array, crags: Array, facing: Array) -> Array:
    lies = smoothstep(0.085, 0.015, depth + (crags - 0.5) * 0.16) * smoothstep(0.15, 0.5, facing)
    white = mix(scene.palette.light, rgb("#ffffff"), 0.25 if scene.palette.dark else 0.55)
    shadow = mix(scene.palette.sky[1], white, 0.45)
    return mix(colour, mix(shadow, white, facing[..., None]), lies[..., None] * 0.85)


def hills(count: int, top: float, bottom: float, colour: Array) -> list[Layer]:
    """Soft rolling land in a local colour, from far to near."""
    return [
        Layer(
            f"hill {number + 1}",
            0.35 + 0.5 * number / count,
            _hill(number, (number + 0.7) / count, top, bottom, colour),
        )
        for number in range(count)
    ]


def _hill(number: int, near: float, top: float, bottom: float, local: Array) -> Paint:
    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"hill {number}")
        foot = (top + (bottom - top) * near) * scene.height / scene.unit
        wave = profile(rng, scene.xs + np.float32(rng.uniform(0, 50)), 0.7, octaves=3, gain=0.3)
        line = foot - wave * np.float32(0.05 + 0.02 * near)
        first = min(scene.height - 1, max(0, int(line.min() * scene.unit) - 2))
        depth = scene.ys[first:, None] - line[None, :]
        texture = fractal(rng, (scene.width, depth.shape[0]), 0.07 * scene.unit, octaves=5, stretch=3.0, gain=0.6)
        light = np.exp(-depth * 7) * 0.5 + (texture - 0.5) * 0.6 + 0.3
        colour = tinted(scene, local, light)
        canvas.paint(mix(colour, scene.palette.haze, 0.62 * (1 - near)), np.clip(depth * scene.unit + 0.5, 0, 1), first)

    return paint


def tinted(scene: Scene, local: Array, light: Array) -> Array:
    """A local colour as this hour shows it, where `light` (0–1) falls on it."""
    palette = scene.palette
    dim = 0.3 if palette.dark else 0.62
    lit = np.clip(local * (0.25 + 0.95 * palette.light), 0, 1) * np.float32(0.62 if palette.dark else 1.0)
    dark = mix(local * palette.light * np.float32(dim), palette.shade, 0.55)
    return mix(dark, lit, np.clip(light, 0, 1)[..., None])


def dunes() -> list[Layer]:
    """Sand with knife-sharp crests: one side in the light, the other in blue shade."""
    return [Layer(f"dune {number + 1}", 0.3 + 0.1 * number, _dune(number, 7)) for number in range(7)]


def _dune(number: int, count: int) -> Paint:
    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"dune {number}")
        near = (number + 0.5) / count
        foot = (scene.horizon + 0.01 + (1.0 - scene.horizon) * near**1.5) * scene.height / scene.unit
        peak = np.float32(scene.ratio * (0.1 + 0.8 * ((number * 0.382 + rng.uniform(0, 0.35)) % 1)))
        away = np.abs(scene.xs - peak)
        mound = np.exp(-((away / (0.2 + 0.35 * near)) ** 1.35))
        wave = profile(rng, scene.xs, 0.6, octaves=2, gain=0.25) * np.float32(0.012 + 0.02 * near)
        line = foot - mound * np.float32(0.03 + 0.12 * near) - wave
        first = min(scene.height - 1, max(0, int(line.min() * scene.unit) - 2))
        depth = scene.ys[first:, None] - line[None, :]
        canvas.paint(_sand(scene, rng, peak, depth, near), np.clip(depth * scene.unit + 0.5, 0, 1), first)

    return paint


def _sand(scene: Scene, rng: np.random.Generator, peak: np.float32, depth: Array, near: float) -> Array:
    """A crest winds down from the peak; beyond it lies shade that melts away; ripples follow the slope."""
    side = 1 if scene.sun[0] > 0.5 else -1
    swing, turn = rng.uniform(0.12, 0.3), rng.uniform(0, 6.28)
    crest = (
        peak
        + swing * (np.sin(depth * (7 - 3 * near) + turn) - np.sin(turn)) * np.clip(depth * 6, 0, 1)
        - side * depth * 0.7
    )
    beyond = (crest - scene.xs[None, :]) * side
    edge = 0.004 + 0.03 * np.clip(depth, 0, 1)
    shade = smoothstep(0, 1, beyond / edge) * np.exp(-np.clip(beyond, 0, 9) / (0.22 + 0.3 * near))
    ripples = np.sin(depth * (260 - 150 * near) + np.sin(scene.xs * 9 + turn)[None, :] * 2.2) * (0.045 * near)
    rolling = fractal(rng, (scene.width, depth.shape[0]), 0.3 * scene.unit, octaves=3, stretch=3.0) - 0.5
    sand = rgb("#e8b478")
    lit = mix(sand, scene.palette.light, 0.35) * np.float32(0.5 if scene.palette.dark else 1.04)
    shadow = mix(sand * np.float32(0.42), mix(scene.palette.shade, scene.palette.sky[1], 0.5), 0.55)
    colour = mix(shadow, lit, np.clip(0.86 - 0.86 * shade + ripples + rolling * 0.4, 0, 1)[..., None])
    return mix(colour, mix(scene.palette.haze, sand * scene.palette.light, 0.4), 0.6 * (1 - near) ** 1.5)
