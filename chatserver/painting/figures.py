"""Who and what is in the picture: animals and people against the light, boats, birds, balloons, a pagoda."""

import numpy as np

from chatserver.painting import shapes
from chatserver.painting.canvas import Canvas, Sheet, Stencil
from chatserver.painting.colour import Array, mix, rgb, smoothstep
from chatserver.painting.land import tinted
from chatserver.painting.noise import profile
from chatserver.painting.scene import Layer, Scene

# How tall each stands in units when it is the picture's subject.
TALL = {
    "cat": 0.2,
    "dog": 0.22,
    "deer": 0.27,
    "horse": 0.32,
    "rabbit": 0.16,
    "owl": 0.2,
    "fox": 0.2,
    "person": 0.27,
    "camel": 0.2,
    "whale": 0.2,
}


def standing(name: str, foot: float, *, share: float = 1.0) -> Layer:
    """A silhouette with a rim of light, at a third of the width, on `foot` (fraction)."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"figure {name}")
        third = 0.34 if scene.sun[0] > 0.5 else 0.66
        x, height = (third + rng.uniform(-0.06, 0.06)) * scene.width, TALL[name] * share * scene.unit
        stencil = Stencil(canvas.width, canvas.height)
        shapes.draw(stencil, name, x, foot * scene.height, height, mirrored=bool(x > scene.x(scene.sun[0])))
        _against_light(canvas, scene, stencil.mask())

    return Layer(name, 0.8, paint)


def knoll(foot: float) -> Layer:
    """A dark rise of ground right before us, for a figure to stand on."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice("knoll")
        third = (0.34 if scene.sun[0] > 0.5 else 0.66) * scene.ratio
        rise = np.exp(-(((scene.xs - third) / 0.55) ** 2)) * 0.1
        line = (foot * scene.height / scene.unit + 0.1) - rise + profile(rng, scene.xs, 0.08, octaves=5) * 0.003
        canvas.paint(
            mix(scene.palette.shade, rgb("#10160f"), 0.4),
            np.clip((scene.ys[:, None] - line[None, :]) * scene.unit + 0.5, 0, 1),
        )

    return Layer("knoll", 0.8, paint)


def _against_light(canvas: Canvas, scene: Scene, mask: Array) -> None:
    canvas.paint(mix(scene.palette.shade, rgb("#0b0a10"), 0.35), mask)
    step = max(1, int(0.0035 * scene.unit))
    side = 1 if scene.sun[0] > 0.5 else -1
    rim = np.clip(mask - np.roll(np.roll(mask, -side * step, axis=1), step, axis=0), 0, 1)
    canvas.glow(scene.palette.light, rim * 0.5)


def birds(canvas: Canvas, scene: Scene) -> None:
    """A loose flight of birds, wings at every angle."""
    rng = scene.dice("birds")
    stencil = Stencil(canvas.width, canvas.height)
    lead = np.array([rng.uniform(0.25, 0.75) * scene.width, rng.uniform(0.14, 0.34) * scene.height])
    for number in range(int(rng.integers(7, 14))):
        place = lead + rng.normal(0, 1, 2) * (0.16 * scene.unit, 0.07 * scene.unit)
        span = scene.unit * rng.uniform(0.011, 0.03) * (1.35 if number == 0 else 1.0)
        lift, tilt = rng.uniform(0.15, 0.75), rng.uniform(-0.2, 0.2)
        wing = np.array(
            [
                (-1, -lift),
                (-0.55, -lift * 0.92),
                (0, 0),
                (0.55, -lift * 0.92),
                (1, -lift * 0.9),
                (0.5, -lift * 0.55),
                (0, 0.2),
                (-0.5, -lift * 0.55),
            ]
        )
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        stencil.polygon(place + wing @ turn.T * span)
    canvas.paint(mix(scene.palette.shade, scene.palette.haze, 0.15), stencil.mask() * 0.95)


def boat(canvas: Canvas, scene: Scene) -> None:
    """A sailing boat on the water, and its reflection."""
    rng = scene.dice("boat")
    side = -1 if scene.sun[0] > 0.5 else 1
    x = (scene.sun[0] + side * rng.uniform(0.12, 0.28)) * scene.width
    foot, tall = (scene.horizon + rng.uniform(0.05, 0.13)) * scene.height, scene.unit * rng.uniform(0.15, 0.22)
    sheet = Sheet(canvas.width, canvas.height)
    sail = tinted(scene, rgb("#f6efe0"), np.array(0.85, dtype=np.float32))
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
    basket = place + (0, radius * 1.55)
    for side in (-1, 1):
        sheet.line(
            np.stack([place + (side * radius * 0.2, radius * 1.1), basket + (side * radius * 0.12, 0)]),
            max(0.5, radius * 0.02),
            wood,
        )
    sheet.box(basket[0] - radius * 0.15, basket[1], basket[0] + radius * 0.15, basket[1] + radius * 0.22, wood)


def pagoda(canvas: Canvas, scene: Scene) -> None:
    """Five curved roofs one above the other."""
    rng = scene.dice("pagoda")
    x, foot, tall = (
        (0.3 if scene.sun[0] > 0.5 else 0.7) * scene.width,
        (scene.horizon + 0.1) * scene.height,
        scene.unit * rng.uniform(0.36, 0.44),
    )
    stencil = Stencil(canvas.width, canvas.height)
    for number in range(5):
        y, wide = foot - tall * (0.1 + 0.165 * number), tall * (0.3 - 0.035 * number)
        stencil.polygon(
            np.array(
                [
                    (x - wide * 0.5, y + tall * 0.12),
                    (x - wide * 0.46, y),
                    (x + wide * 0.46, y),
                    (x + wide * 0.5, y + tall * 0.12),
                ]
            )
        )
        eaves = np.array(
            [
                (-1.12, -0.05),
                (-0.8, 0.06),
                (0.0, 0.08),
                (0.8, 0.06),
                (1.12, -0.05),
                (0.55, -0.14),
                (0.34, -0.27),
                (-0.34, -0.27),
                (-0.55, -0.14),
            ]
        )
        stencil.polygon(np.array([x, y]) + shapes.smooth(eaves, closed=True) * (wide * 0.78, tall * 0.26))
    stencil.line(np.array([(x, foot - tall * 0.78), (x, foot - tall * 1.05)]), tall * 0.012)
    _against_light(canvas, scene, stencil.mask())


def castle(canvas: Canvas, scene: Scene) -> None:
    """Towers with pointed roofs on a crag."""
    rng = scene.dice("castle")
    x, foot = (0.3 if scene.sun[0] > 0.5 else 0.7) * scene.width, (scene.horizon + 0.08) * scene.height
    stencil, tall = Stencil(canvas.width, canvas.height), scene.unit * 0.3
    crag = np.array([(-1.3, 0.5), (-0.75, 0.12), (-0.5, 0.0), (0.5, 0.02), (0.8, 0.16), (1.4, 0.5)])
    stencil.polygon(np.array([x, foot]) + crag * tall * 0.8)
    for place, width, height in (
        (-0.36, 0.13, 0.55),
        (-0.14, 0.17, 0.8),
        (0.12, 0.13, 0.95),
        (0.34, 0.15, 0.6),
        (0.0, 0.7, 0.32),
    ):
        left, right, top = (
            x + (place - width / 2) * tall,
            x + (place + width / 2) * tall,
            foot - height * tall * rng.uniform(0.9, 1.05),
        )
        stencil.polygon(np.array([(left, foot + tall * 0.1), (left, top), (right, top), (right, foot + tall * 0.1)]))
        if width < 0.5:
            stencil.polygon(
                np.array(
                    [(left - tall * 0.03, top), ((left + right) / 2, top - tall * 0.3), (right + tall * 0.03, top)]
                )
            )
    _against_light(canvas, scene, stencil.mask())


def cacti(canvas: Canvas, scene: Scene) -> None:
    """Saguaros with raised arms."""
    rng = scene.dice("cacti")
    stencil = Stencil(canvas.width, canvas.height)
    for place in rng.uniform(0.06, 0.94, 4):
        x, foot, tall = (
            place * scene.width,
            rng.uniform(0.84, 0.97) * scene.height,
            scene.unit * rng.uniform(0.12, 0.26),
        )
        thick = tall * 0.13
        stencil.line(np.array([(x, foot), (x, foot - tall)]), thick)
        stencil.disc(x, foot - tall, thick / 2)
        for side, height in ((-1, rng.uniform(0.35, 0.5)), (1, rng.uniform(0.45, 0.62))):
            arm = np.array([(x, foot - tall * height), (x + side * tall * 0.17, foot - tall * height), (x + side * tall * 0.2, foot - tall * (height + 0.08)),
                            (x + side * tall * 0.2, foot - tall * (height + rng.uniform(0.2, 0.32)))])  # fmt: skip
            stencil.line(arm, thick * 0.68)
            stencil.disc(*arm[-1], thick * 0.34)
    _against_light(canvas, scene, stencil.mask())


def profile_window(canvas: Canvas, scene: Scene) -> None:
    """Everything painted so far stays only inside a head in profile; around it is pale air."""
    stencil = Stencil(canvas.width, canvas.height)
    tall = min(scene.height * 0.92, scene.width * 1.0)
    shapes.draw(
        stencil,
        "portrait",
        scene.width * 0.47,
        scene.height * 1.0,
        tall,
        mirrored=bool(scene.dice("portrait").random() < 0.5),
    )
    inside = stencil.mask()
    paper = mix(
        mix(scene.palette.sky[-1], rgb("#fbf6ec"), 0.7),
        scene.palette.haze,
        scene.noise("air", 0.7, octaves=3)[..., None] * 0.3,
    )
    canvas.paint(paper, 1 - inside * smoothstep(1.02, 0.72, scene.ys * scene.unit / scene.height)[:, None])
