"""What people built: skylines, houses, a lighthouse, a castle, roofs."""

import numpy as np

from chatserver.painting.canvas import Canvas, Sheet, Stencil
from chatserver.painting.colour import Array, mix, rgb, smoothstep
from chatserver.painting.land import tinted
from chatserver.painting.noise import fractal, profile
from chatserver.painting.scene import Layer, Scene

WARM = [rgb(code) for code in ("#ffd98a", "#ffc36b", "#fff0c4", "#ffe2a8")]
NEON = [rgb(code) for code in ("#ff4fa3", "#3df0ff", "#b46bff", "#ffd24a", "#63ffb0")]
WALLS = [rgb(code) for code in ("#e8c9a0", "#d98c6a", "#c95f4e", "#e9e0d0", "#8fb0b4", "#e6b655", "#7f9d86", "#d9a5a0")]
ROOFS = [rgb(code) for code in ("#7a3b2e", "#8c4a3a", "#5a3a3a", "#4a4550")]


def skyline(number: int, count: int, foot: float) -> Layer:
    """One row of towers; rows in front are darker and their windows clearer."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng, near = scene.dice(f"skyline {number}"), (number + 0.7) / count
        sheet = Sheet(canvas.width, canvas.height)
        x = -rng.uniform(0, 0.05)
        while x < scene.ratio:
            width = float(rng.uniform(0.035, 0.085) * (0.7 + 0.5 * near))
            middle = np.exp(-(((x + width / 2) / scene.ratio - scene.sun[0]) ** 2) / 0.16)
            height = float((0.1 + 0.38 * rng.random() ** 1.6 * (0.35 + middle)) * (1.08 - 0.42 * near))
            _tower(sheet, scene, rng, (x, width, height), foot, near)
            x += width * float(rng.uniform(0.92, 1.15))
        canvas.stamp(sheet.image)
        haze = smoothstep(foot - 0.22, foot, scene.ys * scene.unit / scene.height)[:, None] * 0.42 * (1 - near)
        canvas.paint(
            scene.palette.haze,
            np.broadcast_to(haze * (scene.ys[:, None] * scene.unit < foot * scene.height), (scene.height, scene.width)),
        )

    return Layer(f"skyline {number + 1}", 0.2 + 0.45 * (number + 1) / count, paint)


def _tower(
    sheet: Sheet, scene: Scene, rng: np.random.Generator, shape: tuple[float, float, float], foot: float, near: float
) -> None:
    left, width, height = (part * scene.unit for part in shape)
    bottom = foot * scene.height
    top = bottom - height
    wall = mix(scene.palette.haze, scene.palette.shade, 0.25 + 0.68 * near) * np.float32(rng.uniform(0.86, 1.1))
    sheet.box(left, top, left + width, bottom + 2, wall)
    side = left if scene.sun[0] < (shape[0] / scene.ratio) else left + width * 0.72
    sheet.box(
        side, top, side + width * 0.28, bottom + 2, mix(wall, scene.palette.light, 0.1 if scene.palette.dark else 0.2)
    )
    _crown(sheet, rng, left, top, width, wall)
    if near > 0.25:
        _windows(sheet, scene, rng, (left, top, width, height), near)


def _crown(sheet: Sheet, rng: np.random.Generator, left: float, top: float, width: float, wall: Array) -> None:
    middle, kind = left + width / 2, rng.integers(0, 5)
    if kind == 0:
        sheet.box(left + width * 0.2, top - width * 0.35, left + width * 0.8, top, wall)
        sheet.line(np.array([(middle, top), (middle, top - width * 1.3)]), max(0.6, width * 0.035), wall)
    elif kind == 1:
        sheet.polygon(np.array([(left, top + 1), (left + width, top - width * 0.4), (left + width, top + 1)]), wall)
    elif kind == 2:
        sheet.polygon(
            np.array([(left + width * 0.15, top), (middle, top - width * 1.1), (left + width * 0.85, top)]), wall
        )
    elif kind == 3:
        sheet.box(left + width * 0.28, top - width * 0.18, left + width * 0.55, top, wall)


def _windows(
    sheet: Sheet, scene: Scene, rng: np.random.Generator, box: tuple[float, float, float, float], near: float
) -> None:
    left, top, width, height = box
    pane = max(1.6, scene.unit * (0.0034 + 0.0034 * near))
    columns, rows = max(1, int(width / (pane * 2.1))), int(height / (pane * 2.5))
    share = float(rng.uniform(0.18, 0.62)) if scene.palette.dark else float(rng.uniform(0.05, 0.28))
    lights = NEON if "neon" in scene.brief.tones and rng.random() < 0.35 else WARM
    lit = rng.random((rows, columns)) < share
    gap = (width - columns * pane) / (columns + 1)
    for row, column in zip(*np.nonzero(lit), strict=True):
        x, y = left + gap + column * (pane + gap), top + pane * (1.2 + row * 2.5)
        colour = lights[int(rng.integers(len(lights)))] * np.float32(rng.uniform(0.6, 1.0) * (0.55 + 0.45 * near))
        sheet.box(x, y, x + pane, y + pane * 1.25, colour)


def houses(name: str, foot: float, size: float, count: int, *, snow: bool) -> Layer:
    """Small houses with gables along a slope, smoke and light in the windows."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        sheet = Sheet(canvas.width, canvas.height)
        ground = foot * scene.height / scene.unit + profile(rng, scene.xs, 0.5, octaves=2) * 0.03
        places = np.linspace(0.08, 0.92, count) + rng.uniform(-0.05, 0.05, count)
        lamps: list[tuple[float, float, float]] = []
        for place in places[np.argsort(rng.random(count))]:
            column = int(np.clip(place, 0, 0.999) * scene.width)
            width = size * scene.unit * rng.uniform(0.8, 1.25)
            lamps += _house(sheet, scene, rng, place * scene.width, float(ground[column]) * scene.unit, width, snow)
        canvas.stamp(sheet.image)
        for x, y, radius in lamps:
            away = np.hypot(scene.xs[None, :] - x / scene.unit, scene.ys[:, None] - y / scene.unit) / (
                radius / scene.unit
            )
            canvas.glow(WARM[1], np.exp(-(away**2)) * (0.42 if scene.palette.dark else 0.14))

    return Layer(name, 0.75, paint)


def _house(
    sheet: Sheet, scene: Scene, rng: np.random.Generator, x: float, foot: float, width: float, snow: bool
) -> list[tuple[float, float, float]]:
    wall_height, roof_height = width * rng.uniform(0.42, 0.56), width * rng.uniform(0.42, 0.6)
    light = np.array(0.75, dtype=np.float32)
    wall = tinted(scene, WALLS[int(rng.integers(len(WALLS)))], light)
    roof = (
        mix(rgb("#f2f5fa") * scene.palette.light, rgb("#ffffff"), 0.3)
        if snow
        else tinted(scene, ROOFS[int(rng.integers(len(ROOFS)))], light)
    )
    if scene.palette.dark and snow:
        roof = mix(roof, scene.palette.sky[3], 0.45)
    left, right, eaves = x - width / 2, x + width / 2, foot - wall_height
    flank = width * 0.55
    sheet.box(right - 1, eaves, right + flank, foot + width * 0.1, wall * np.float32(0.72))
    sheet.box(
        x + flank * 0.7, eaves - roof_height * 1.15, x + flank * 0.7 + width * 0.11, eaves, wall * np.float32(0.55)
    )
    sheet.polygon(np.array([(x, eaves - roof_height), (x + flank, eaves - roof_height), (right + flank + width * 0.06, eaves + width * 0.04),
                            (right, eaves + width * 0.04)]), roof * np.float32(0.84))  # fmt: skip
    sheet.polygon(
        np.array(
            [
                (left, foot + width * 0.1),
                (left, eaves),
                (x, eaves - roof_height),
                (right, eaves),
                (right, foot + width * 0.1),
            ]
        ),
        wall,
    )
    for edge in (left - width * 0.07, right + width * 0.07):
        sheet.line(np.array([(x, eaves - roof_height), (edge, eaves + width * 0.05)]), width * 0.075, roof)
    return _lit_windows(sheet, scene, x, foot, width, wall_height, flank)


def _lit_windows(
    sheet: Sheet, scene: Scene, x: float, foot: float, width: float, wall_height: float, flank: float
) -> list[tuple[float, float, float]]:
    pane, y = width * 0.14, foot - wall_height * 0.66
    glass = (
        WARM[0]
        if scene.palette.dark or scene.brief.hour in {"sunset", "dawn"}
        else mix(scene.palette.sky[2], scene.palette.shade, 0.5)
    )
    lamps = []
    for middle in (x - width * 0.22, x + width * 0.22, x + width / 2 + flank * 0.5):
        sheet.box(middle - pane / 2, y, middle + pane / 2, y + pane * 1.2, glass)
        sheet.box(middle - pane * 0.04, y, middle + pane * 0.04, y + pane * 1.2, glass * np.float32(0.5))
        lamps.append((middle, y + pane * 0.6, pane * 2.4))
    sheet.box(
        x - width * 0.07, foot - wall_height * 0.45, x + width * 0.07, foot + width * 0.1, glass * np.float32(0.35)
    )
    return lamps if glass is WARM[0] else []


def lighthouse(canvas: Canvas, scene: Scene) -> None:
    """A striped tower on a cliff; at night and in storms its beam."""
    rng = scene.dice("lighthouse")
    left_side = scene.sun[0] > 0.5
    x, foot, tall = (0.2 if left_side else 0.8) * scene.width, (scene.horizon + 0.03) * scene.height, 0.36 * scene.unit
    _cliff(canvas, scene, rng, x, foot, left_side)
    sheet = Sheet(canvas.width, canvas.height)
    bands, shine = [rgb("#f1ece2"), rgb("#b8352f")], np.array(0.72, dtype=np.float32)
    for number in range(6):
        low, high = number / 6, (number + 1) / 6
        corners = [(x - tall * (0.075 - 0.032 * low), foot - tall * low), (x + tall * (0.075 - 0.032 * low), foot - tall * low),
                   (x + tall * (0.075 - 0.032 * high), foot - tall * high), (x - tall * (0.075 - 0.032 * high), foot - tall * high)]  # fmt: skip
        band = tinted(scene, bands[number % 2], shine)
        sheet.polygon(np.array(corners), band)
        shaded = [((px + x * 0.55) / 1.55 if px < x else px, py) for px, py in corners]
        sheet.polygon(np.array(shaded), band * np.float32(0.78)) if left_side else None
    _lantern(sheet, scene, x, foot - tall, tall)
    canvas.stamp(sheet.image)
    _beam(canvas, scene, x, foot - tall * 1.06, left_side)


def _cliff(canvas: Canvas, scene: Scene, rng: np.random.Generator, x: float, foot: float, left_side: bool) -> None:
    away = (scene.xs * scene.unit - x) * (1 if left_side else -1) / scene.unit
    rough = profile(rng, scene.xs, 0.12, octaves=7, gain=0.55) * 0.022
    line = foot / scene.unit + np.where(away > 0.05, (away - 0.05) * 1.5, 0) + rough
    depth = scene.ys[:, None] - line[None, :]
    crags = fractal(rng, (scene.width, scene.height), 0.07 * scene.unit, octaves=6, ridged=True, gain=0.6)
    end = smoothstep(0.34, 0.3, np.broadcast_to(away[None, :], depth.shape) + depth * 0.0)
    rock = tinted(scene, rgb("#5d5a58"), np.clip(crags * 1.5 - 0.75 + np.exp(-depth * 16) * 0.4, 0, 1))
    canvas.paint(rock, np.clip(depth * scene.unit + 0.5, 0, 1) * end)


def _lantern(sheet: Sheet, scene: Scene, x: float, top: float, tall: float) -> None:
    dark = mix(scene.palette.shade, rgb("#3a2422"), 0.5)
    sheet.box(x - tall * 0.062, top - tall * 0.012, x + tall * 0.062, top + tall * 0.012, dark)
    sheet.box(x - tall * 0.036, top - tall * 0.1, x + tall * 0.036, top, rgb("#fff2c0"))
    sheet.polygon(
        np.array([(x - tall * 0.05, top - tall * 0.1), (x, top - tall * 0.17), (x + tall * 0.05, top - tall * 0.1)]),
        dark,
    )


def _beam(canvas: Canvas, scene: Scene, x: float, y: float, rightwards: bool) -> None:
    if not (scene.palette.dark or scene.brief.weather in {"storm", "fog"} or scene.brief.hour in {"sunset", "dawn"}):
        return
    dx = (scene.xs[None, :] - x / scene.unit) * (1 if rightwards else -1)
    dy = scene.ys[:, None] - y / scene.unit
    cone = np.exp(-(((dy + dx * 0.1) / (0.012 + 0.16 * np.abs(dx))) ** 2)) * np.exp(-np.abs(dx) * 1.7)
    canvas.glow(rgb("#fff0c0"), cone * np.where(dx > 0, 0.75, 0.12).astype(np.float32))
    canvas.glow(rgb("#fff6dc"), 0.9 * np.exp(-np.hypot(dx, dy) * 24))


def roof(canvas: Canvas, scene: Scene) -> None:
    """The ridge of a tiled roof right before us, with a chimney."""
    rng = scene.dice("roof")
    left, right = rng.uniform(0.86, 0.9) * scene.height, rng.uniform(0.74, 0.8) * scene.height
    if scene.sun[0] > 0.5:
        left, right = right, left
    stencil = Stencil(canvas.width, canvas.height)
    corners = np.array(
        [(0, left), (scene.width, right), (scene.width, scene.height), (0, scene.height)], dtype=np.float64
    )
    stencil.polygon(corners)
    place = 0.2 if scene.sun[0] > 0.5 else 0.8
    x, y, wide = place * scene.width, left + (right - left) * place, 0.075 * scene.unit
    stencil.polygon(np.array([(x, y + wide), (x, y - wide * 1.5), (x + wide, y - wide * 1.5), (x + wide, y + wide)]))
    stencil.polygon(np.array([(x - wide * 0.12, y - wide * 1.3), (x - wide * 0.12, y - wide * 1.6), (x + wide * 1.12, y - wide * 1.6), (x + wide * 1.12, y - wide * 1.3)]))  # fmt: skip
    depth = scene.ys[:, None] * scene.unit - (left + (right - left) * (np.arange(scene.width) / scene.width))[None, :]
    rows = (depth / (0.03 * scene.unit)).astype(np.float32)
    tiles = np.abs(np.sin(scene.xs[None, :] * 60 + np.floor(rows) * 1.57)) * 0.5 + (rows % 1) * 0.5
    colour = mix(
        scene.palette.shade, mix(scene.palette.shade, scene.palette.light, 0.34), np.clip(tiles, 0, 1)[..., None] * 0.55
    )
    canvas.paint(colour.astype(np.float32), stencil.mask())
    rim = np.exp(-np.abs(depth) / (0.0022 * scene.unit)) * 0.5
    canvas.glow(scene.palette.light, rim.astype(np.float32))
