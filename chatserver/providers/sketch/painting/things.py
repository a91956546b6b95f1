"""What is in the picture: boats, balloons, a pagoda, a castle, cacti."""

import numpy as np

from chatserver.providers.sketch.painting import shapes
from chatserver.providers.sketch.painting.canvas import Canvas, Sheet, Stencil
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.figures import against_light
from chatserver.providers.sketch.painting.land import tinted
from chatserver.providers.sketch.painting.scene import Scene

# (place, width, height) of a castle's towers, and of the wall between them.
TOWERS = ((-0.36, 0.13, 0.55), (-0.14, 0.17, 0.8), (0.12, 0.13, 0.95), (0.34, 0.15, 0.6), (0.0, 0.7, 0.32))


def boat(canvas: Canvas, scene: Scene) -> None:
    """A sailing boat on the water, and its reflection."""
    rng = scene.dice("boat")
    side = -1 if scene.sun[0] > 0.5 else 1
    x = (scene.sun[0] + side * rng.uniform(0.12, 0.28)) * scene.width
    foot, tall = (
        (scene.horizon + rng.uniform(0.05, 0.13)) * scene.height,
        scene.unit * (rng.uniform(0.24, 0.34) if "boat" in scene.brief.figures else rng.uniform(0.13, 0.2)),
    )
    sheet = Sheet(canvas.width, canvas.height)
    sail = tinted(scene, rgb("#f6efe0"), np.array(0.85 if scene.sun[1] < scene.horizon * 0.6 else 0.3))
    _sails(sheet, scene, x, foot, tall, sail, 1.0)
    canvas.stamp(sheet.image)
    rows = np.clip((scene.ys[:, None] * scene.unit - foot) / tall, 0, 1)
    wobble = np.sin(rows * 60) * 0.006 * scene.unit
    across = np.abs(scene.xs[None, :] * scene.unit - x - wobble) / (tall * 0.22)
    canvas.paint(
        mix(scene.palette.shade, sail, 0.3), smoothstep(1, 0.2, across) * smoothstep(0.75, 0.0, rows) * (rows > 0) * 0.4
    )


def _sails(sheet: Sheet, scene: Scene, x: float, foot: float, tall: float, sail: Array, lean: float) -> None:
    def at(*points: tuple[float, float]) -> Array:
        return np.array([(x + px * tall * lean, foot - py * tall) for px, py in points])

    dark = mix(scene.palette.shade, rgb("#5a2f24"), 0.4)
    sheet.line(at((0.02, 0.05), (0.05, 1.02)), max(0.8, tall * 0.014), dark)
    sheet.polygon(shapes.smooth(at((0.055, 0.98), (0.2, 0.55), (0.36, 0.17), (0.045, 0.16)), closed=False), sail)
    sheet.polygon(
        shapes.smooth(at((0.03, 0.9), (-0.12, 0.5), (-0.3, 0.17), (0.01, 0.16)), closed=False), sail * np.float32(0.84)
    )
    sheet.polygon(
        shapes.smooth(at((-0.36, 0.12), (0.44, 0.12), (0.36, 0.01), (0.0, -0.02), (-0.24, 0.01)), closed=False), dark
    )


def balloons(canvas: Canvas, scene: Scene) -> None:
    """Hot-air balloons, the nearest large, in stripes."""
    rng = scene.dice("balloons")
    sheet = Sheet(canvas.width, canvas.height)
    sets = [
        ("#d94f3d", "#f4d58d"),
        ("#2a6f97", "#f1e9da"),
        ("#7b4fa3", "#f7b267"),
        ("#3a8f6b", "#ffe3a3"),
        ("#e07a9b", "#fff1e0"),
    ]
    for near in np.sort(rng.random(6)):
        place = np.array(
            [rng.uniform(0.08, 0.92) * scene.width, rng.uniform(0.1, 0.55) * scene.horizon * 1.2 * scene.height]
        )
        one, two = (rgb(code) for code in sets[int(rng.integers(len(sets)))])
        _balloon(sheet, scene, place, scene.unit * (0.022 + 0.075 * near**2), one, two, float(near))
    canvas.stamp(sheet.image)


def _balloon(sheet: Sheet, scene: Scene, place: Array, radius: float, one: Array, two: Array, near: float) -> None:
    angles = np.linspace(0, np.pi, 24)
    for number in range(8):
        left, right = -np.cos(np.pi * number / 8), -np.cos(np.pi * (number + 1) / 8)
        width = np.where(angles < 1.75, np.sin(angles), np.sin(angles) * 0.9 + 0.06)
        y = -np.cos(angles) * 1.15
        edge = np.stack([np.concatenate([width * left, (width * right)[::-1]]), np.concatenate([y, y[::-1]])], axis=1)
        light = np.array(0.95 - 0.075 * (number if scene.sun[0] < 0.5 else 7 - number), dtype=np.float32)
        colour = mix(tinted(scene, one if number % 2 else two, light), scene.palette.haze, 0.45 * (1 - near))
        sheet.polygon(place + edge * radius, colour)
    wood = mix(scene.palette.shade, scene.palette.haze, 0.45 * (1 - near))
    basket = place + np.array([0, radius * 1.55])
    for side in (-1, 1):
        sheet.line(
            np.stack([place + np.array([side * 0.2, 1.1]) * radius, basket + np.array([side * 0.12, 0]) * radius]),
            max(0.5, radius * 0.02),
            wood,
        )
    sheet.box(basket[0] - radius * 0.15, basket[1], basket[0] + radius * 0.15, basket[1] + radius * 0.22, wood)


def pagoda(canvas: Canvas, scene: Scene) -> None:
    """Five curved roofs one above the other."""
    tall = scene.unit * scene.dice("pagoda").uniform(0.36, 0.44)
    x, foot = (0.72 if scene.sun[0] > 0.5 else 0.28) * scene.width, (scene.horizon + 0.1) * scene.height
    stencil = Stencil(canvas.width, canvas.height)
    for number in range(5):
        y, wide = foot - tall * (0.1 + 0.165 * number), tall * (0.3 - 0.035 * number)
        stencil.polygon(shapes.at("-50,100 -46,0 46,0 50,100", x, y, wide, tall * 0.12))
        eaves = shapes.at("-112,-5 -80,6 0,8 80,6 112,-5 55,-14 34,-27 -34,-27 -55,-14", x, y, wide * 0.78, tall * 0.26)
        stencil.polygon(shapes.smooth(eaves, closed=True))
    stencil.line(np.array([(x, foot - tall * 0.78), (x, foot - tall * 1.05)]), tall * 0.012)
    against_light(canvas, scene, stencil.mask())


def castle(canvas: Canvas, scene: Scene) -> None:
    """Towers with pointed roofs on a crag."""
    rng = scene.dice("castle")
    x, foot = (0.3 if scene.sun[0] > 0.5 else 0.7) * scene.width, (scene.horizon + 0.08) * scene.height
    stencil, tall = Stencil(canvas.width, canvas.height), scene.unit * 0.3
    stencil.polygon(
        shapes.at("-240,150 -150,75 -105,45 -75,12 -50,0 50,2 80,16 130,60 190,90 260,150", x, foot, tall * 0.8)
    )
    for place, width, height in TOWERS:
        middle, rise = x + place * tall, height * tall * rng.uniform(0.9, 1.05)
        stencil.polygon(shapes.at("-50,10 -50,-100 50,-100 50,10", middle, foot, width * tall, rise))
        if width < 0.5:
            stencil.polygon(shapes.at("-70,0 0,-200 70,0", middle, foot - rise, width * tall))
    against_light(canvas, scene, stencil.mask())


def cacti(canvas: Canvas, scene: Scene) -> None:
    """Saguaros with raised arms."""
    rng = scene.dice("cacti")
    stencil = Stencil(canvas.width, canvas.height)
    for place in rng.uniform(0.06, 0.94, 4):
        x, foot = place * scene.width, rng.uniform(0.84, 0.97) * scene.height
        tall = scene.unit * rng.uniform(0.12, 0.26)
        thick = tall * 0.13
        stencil.line(np.array([(x, foot), (x, foot - tall)]), thick)
        stencil.disc(x, foot - tall, thick / 2)
        for side, height in ((-1, rng.uniform(0.35, 0.5)), (1, rng.uniform(0.45, 0.62))):
            arm = shapes.at("0,0 17,0 20,-8 20,-26", x, foot - tall * height, side * tall, tall * rng.uniform(0.8, 1.2))
            stencil.line(arm, thick * 0.68)
            stencil.disc(float(arm[-1, 0]), float(arm[-1, 1]), thick * 0.34)
    against_light(canvas, scene, stencil.mask())
