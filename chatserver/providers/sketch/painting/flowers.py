"""Grass and flowers, small with distance."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet
from chatserver.providers.sketch.painting.colour import Array, rgb
from chatserver.providers.sketch.painting.noise import fractal
from chatserver.providers.sketch.painting.scene import Layer, Scene


def grass(name: str, top: float, near: float, colours: list[Array]) -> Layer:
    """Blades over the rows from `top` (fraction) down, taller towards us."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        sheet = Sheet(canvas.width, canvas.height)
        depths = np.sort(rng.random(2300) ** 0.75)
        for depth in depths:
            foot = np.array([rng.uniform(-0.02, 1.02) * scene.width, (top + (1.06 - top) * depth) * scene.height])
            tall = scene.unit * (0.012 + 0.085 * depth**1.6 * near) * rng.uniform(0.6, 1.3)
            bend = rng.normal(0.12, 0.3) * tall
            tint = colours[int(rng.integers(len(colours)))] * np.float32(rng.uniform(0.75, 1.12))
            side = _way(max(0.5, tall * 0.028), 0)
            tip, middle = foot + _way(bend, -tall), foot + _way(bend * 0.3, -tall * 0.55)
            sheet.polygon(
                np.stack([foot - side, middle - side * 0.7, tip, middle + side * 0.7, foot + side]),
                tint,
            )
        canvas.stamp(sheet.image)

    return Layer(name, 0.6 + 0.4 * near, paint)


def flowers(name: str, top: float, kinds: list[tuple[Array, Array]], count: int = 900) -> Layer:
    """Flowers as (petal, heart) colours, kinds in drifts: dots far off, with stems and petals near us."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        sheet = Sheet(canvas.width, canvas.height)
        drifts = fractal(rng, (64, 64), 20, octaves=3)
        for depth in np.sort(rng.random(count) ** 0.62):
            x, y = rng.uniform(0, 1), top + (1.03 - top) * depth
            bare, kind = drifts[int(depth * 63), int(x * 63)] < 0.4, drifts[int(x * 63), int(depth * 63)]
            if bare and rng.random() < 0.7:
                continue
            petal, heart = kinds[int((kind * 1.6 - 0.3 + rng.normal(0, 0.12)) % 1 * len(kinds))]
            size = (0.0022 + 0.0215 * depth**3.2) * rng.uniform(0.7, 1.25)
            petal = petal * np.float32(rng.uniform(0.85, 1.08))
            _flower(sheet, rng, _way(x * scene.width, y * scene.height), size, scene.unit, (petal, heart))
        canvas.stamp(sheet.image)

    return Layer(name, 0.95, paint)


def _flower(
    sheet: Sheet, rng: np.random.Generator, place: Array, size: float, unit: float, colours: tuple[Array, Array]
) -> None:
    petal, heart = colours
    far, size = size < 0.0045, size * unit
    if far:
        sheet.disc(float(place[0]), float(place[1]), size, size * 0.75, petal)
        return
    stem = place + _way(rng.normal(0, size * 0.5), size * rng.uniform(3.0, 5.0))
    sheet.line(np.stack([place, stem]), max(0.7, size * 0.16), rgb("#2f5d33"))
    turn, tilt = rng.uniform(0, np.pi), rng.uniform(0.55, 0.95)
    count = int(rng.integers(5, 9))
    for number, angle in enumerate(np.linspace(0, 2 * np.pi, count, endpoint=False) + turn):
        centre = place + np.array([np.cos(angle), np.sin(angle) * tilt]) * size * 0.62
        shade = petal * np.float32(0.86 + 0.16 * (number % 2) + 0.06 * np.sin(angle))
        sheet.disc(centre[0], centre[1], size * 0.46, size * 0.46 * tilt, shade)
    sheet.disc(place[0], place[1], size * 0.3, size * 0.3 * tilt, heart)


def _way(right: float, down: float) -> Array:
    return np.array([right, down])
