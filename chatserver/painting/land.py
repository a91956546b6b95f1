"""Land: mountain ridges in the haze of distance, soft hills, dunes, snow."""

import numpy as np

from chatserver.painting.canvas import Canvas
from chatserver.painting.colour import Array, mix, rgb, smoothstep
from chatserver.painting.noise import fractal, profile
from chatserver.painting.scene import Layer, Scene


def ridges(scene: Scene, count: int, top: float, bottom: float, *, snow: bool) -> list[Layer]:
    """`count` ranges from far (their feet at `top` of the height) to near (at `bottom`)."""
    layers = []
    for number in range(count):
        near = (number + 0.6) / count
        foot = top + (bottom - top) * near**1.2
        layers.append(Layer(f"ridge {number + 1}", 0.1 + 0.5 * near, _ridge(number, near, foot, snow)))
    return layers


def _ridge(number: int, near: float, foot: float, snow: bool):  # type: ignore[no-untyped-def]
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
    rough = 0.47 if near < 0.75 else 0.36
    line = profile(rng, scene.xs + np.float32(rng.uniform(0, 50)), cell, octaves=9, gain=rough)
    peaks = 1 - np.abs(profile(rng, scene.xs, cell * 1.3, octaves=2, gain=0.4))
    rise = (0.19 - 0.09 * near) * (0.55 + 0.9 * float(rng.random()))
    away = scene.xs - np.float32(scene.x(scene.sun[0]) / scene.unit)
    # A gap where the light comes through, in the farther ranges: the eye goes there.
    gap = 1 - 0.55 * (1 - near) * np.exp(-((away / 0.3) ** 2))
    return foot * scene.height / scene.unit - (line * 0.45 + peaks * 0.8) * np.float32(rise) * gap


def _rock(scene: Scene, number: int, near: float, depth: Array, snow: bool) -> Array:
    """Crags that face the light or turn from it, snow on what is high, all fading into haze."""
    palette = scene.palette
    rows = depth.shape[0]
    crags = fractal(
        scene.dice(f"crags {number}"),
        (scene.width, rows),
        (0.16 - 0.05 * near) * scene.unit,
        octaves=7,
        gain=0.62,
        ridged=True,
    )
    step = max(1, int(0.006 * scene.unit))
    side = 1 if scene.sun[0] > 0.5 else -1
    facing = np.clip(0.5 + 4.5 * (crags - np.roll(crags, -side * step, axis=1)), 0, 1)
    base = mix(palette.haze, palette.shade, 0.22 + 0.7 * near)
    lit = mix(base, palette.light * np.float32(0.9), 0.34 - 0.16 * near)
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


def hills(scene: Scene, count: int, top: float, bottom: float, colour: Array) -> list[Layer]:
    """Soft rolling land in a local colour, from far to near."""
    return [
        Layer(
            f"hill {number + 1}",
            0.35 + 0.5 * number / count,
            _hill(number, (number + 0.7) / count, top, bottom, colour),
        )
        for number in range(count)
    ]


def _hill(number: int, near: float, top: float, bottom: float, local: Array):  # type: ignore[no-untyped-def]
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


def dunes(scene: Scene) -> list[Layer]:
    """Sand with knife-sharp crests: one side in the light, the other in blue shade."""
    return [Layer(f"dune {number + 1}", 0.3 + 0.12 * number, _dune(number, 6)) for number in range(6)]


def _dune(number: int, count: int):  # type: ignore[no-untyped-def]
    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"dune {number}")
        near = (number + 0.5) / count
        foot = (scene.horizon + (1.02 - scene.horizon) * near**1.35) * scene.height / scene.unit
        places = scene.xs + np.float32(rng.uniform(0, 40))
        wave = profile(rng, places, 0.45 + 0.35 * near, octaves=2, gain=0.25)
        line = foot - (wave * 0.5 + 0.35) * np.float32(0.05 + 0.11 * near)
        first = min(scene.height - 1, max(0, int(line.min() * scene.unit) - 2))
        depth = scene.ys[first:, None] - line[None, :]
        canvas.paint(_sand(scene, rng, places, line, depth, near), np.clip(depth * scene.unit + 0.5, 0, 1), first)

    return paint


def _sand(scene: Scene, rng: np.random.Generator, places: Array, line: Array, depth: Array, near: float) -> Array:
    """The crest runs down into the slope in a curve; ripples follow it, finer with distance."""
    side = 1 if scene.sun[0] > 0.5 else -1
    slope = np.gradient(line) * scene.unit * side
    crest = profile(rng, places[None, :] + depth * side * 1.1, 0.4, octaves=2, gain=0.3)
    facing = smoothstep(-0.12, 0.16, 0.35 * crest - 0.9 * slope[None, :] * np.exp(-depth * 5))
    ripples = np.sin(depth * (190 - 110 * near) + crest * 9 + np.sin(places * 7)[None, :] * 1.5) * (0.05 * near)
    sand = rgb("#e8b478")
    lit = mix(sand, scene.palette.light, 0.35) * np.float32(0.55 if scene.palette.dark else 1.06)
    shadow = mix(sand * np.float32(0.45), mix(scene.palette.shade, scene.palette.sky[1], 0.5), 0.6)
    colour = mix(shadow, lit, np.clip(facing + ripples * (0.4 + facing), 0, 1)[..., None])
    return mix(colour, scene.palette.haze, (0.68 * (1 - near) ** 1.3))
