"""What people built outside the city: houses, a lighthouse, a roof to sit on."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet, Stencil
from chatserver.providers.sketch.painting.city import WARM
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.land import tinted
from chatserver.providers.sketch.painting.noise import fractal, profile
from chatserver.providers.sketch.painting.scene import Layer, Scene
from chatserver.providers.sketch.painting.shapes import at

WALLS = [rgb(code) for code in ("#e8c9a0", "#d98c6a", "#c95f4e", "#e9e0d0", "#8fb0b4", "#e6b655", "#7f9d86", "#d9a5a0")]
ROOFS = [rgb(code) for code in ("#7a3b2e", "#8c4a3a", "#5a3a3a", "#4a4550")]


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
            away = np.hypot(scene.xs[None, :] * scene.unit - x, scene.ys[:, None] * scene.unit - y) / radius
            canvas.glow(WARM[1], np.exp(-(away**2)) * (0.42 if scene.palette.dark else 0.14))

    return Layer(name, 0.75, paint)


def _house(
    sheet: Sheet, scene: Scene, rng: np.random.Generator, x: float, foot: float, width: float, snow: bool
) -> list[tuple[float, float, float]]:
    """A gable in front, its flank to the right; where its lamps are as (x, y, radius)."""
    wall_height, roof_height = width * rng.uniform(0.42, 0.56), width * rng.uniform(0.42, 0.6)
    wall = tinted(scene, WALLS[int(rng.integers(len(WALLS)))], np.array(0.75))
    roofing = _roofing(scene, rng, snow)
    eaves = foot - wall_height
    sheet.polygon(at("49,0 105,0 105,110 49,110", x, eaves, width, wall_height), wall * np.float32(0.72))
    sheet.polygon(at("38,-115 49,-115 49,0 38,0", x, eaves, width, roof_height), wall * np.float32(0.55))
    sheet.polygon(at("0,-100 55,-100 111,7 50,7", x, eaves, width, roof_height), roofing * np.float32(0.84))
    sheet.polygon(at("-50,0 50,0 50,120 -50,120", x, eaves, width, wall_height), wall)
    sheet.polygon(at("-50,1 0,-100 50,1", x, eaves, width, roof_height), wall)
    for edge in ("0,-100 -57,9", "0,-100 57,9"):
        sheet.line(at(edge, x, eaves, width, roof_height), width * 0.075, roofing)
    return _lit_windows(sheet, scene, x, foot, width, wall_height)


def _roofing(scene: Scene, rng: np.random.Generator, snow: bool) -> Array:
    tiles = tinted(scene, ROOFS[int(rng.integers(len(ROOFS)))], np.array(0.75))
    if not snow:
        return tiles
    white = mix(rgb("#f2f5fa") * scene.palette.light, rgb("#ffffff"), 0.3)
    return mix(white, scene.palette.sky[3], 0.45) if scene.palette.dark else white


def _lit_windows(
    sheet: Sheet, scene: Scene, x: float, foot: float, width: float, wall_height: float
) -> list[tuple[float, float, float]]:
    pane, y = width * 0.14, foot - wall_height * 0.66
    lit = scene.palette.dark or scene.brief.hour in {"sunset", "dawn"}
    glass = WARM[0] if lit else mix(scene.palette.sky[2], scene.palette.shade, 0.5)
    lamps = []
    for middle in (x - width * 0.22, x + width * 0.22, x + width * 0.775):
        sheet.box(middle - pane / 2, y, middle + pane / 2, y + pane * 1.2, glass)
        sheet.box(middle - pane * 0.04, y, middle + pane * 0.04, y + pane * 1.2, glass * np.float32(0.5))
        lamps.append((middle, y + pane * 0.6, pane * 2.4))
    door = foot - wall_height * 0.45
    sheet.box(x - width * 0.07, door, x + width * 0.07, foot + width * 0.1, glass * np.float32(0.35))
    return lamps if lit else []


def lighthouse(canvas: Canvas, scene: Scene) -> None:
    """A striped tower on a cliff; in the dark and in storms its beam."""
    rng = scene.dice("lighthouse")
    left_side = scene.sun[0] > 0.5
    x, foot, tall = (0.2 if left_side else 0.8) * scene.width, (scene.horizon - 0.06) * scene.height, 0.3 * scene.unit
    _cliff(canvas, scene, rng, x, foot, left_side)
    sheet = Sheet(canvas.width, canvas.height)
    bands, lit_edge = (rgb("#f1ece2"), rgb("#b8352f")), 1 if left_side else -1
    for number in range(6):
        low, high = (0.075 - 0.032 * number / 6) * tall, (0.075 - 0.032 * (number + 1) / 6) * tall
        bottom, top = foot - tall * number / 6, foot - tall * (number + 1) / 6
        band = tinted(scene, bands[number % 2], np.array(0.72))
        sheet.polygon(np.array([(x - low, bottom), (x + low, bottom), (x + high, top), (x - high, top)]), band)
        shade = [(x - low * lit_edge, bottom), (x, bottom), (x, top), (x - high * lit_edge, top)]
        sheet.polygon(np.array(shade), band * np.float32(0.78))
    _lantern(sheet, scene, x, foot - tall, tall)
    canvas.stamp(sheet.image)
    _beam(canvas, scene, x, foot - tall * 1.06, left_side)


def _cliff(canvas: Canvas, scene: Scene, rng: np.random.Generator, x: float, foot: float, left_side: bool) -> None:
    away = (scene.xs * scene.unit - x) * (1 if left_side else -1) / scene.unit
    rough = profile(rng, scene.xs, 0.12, octaves=7, gain=0.55) * 0.022
    line = foot / scene.unit + np.where(away > 0.06, (away - 0.06) * 1.1, -0.1 * np.minimum(away, 0)) + rough
    depth = scene.ys[:, None] - line[None, :]
    crags = fractal(rng, (scene.width, scene.height), 0.07 * scene.unit, octaves=6, ridged=True, gain=0.6)
    end = smoothstep(scene.horizon + 0.19, scene.horizon + 0.16, scene.ys * scene.unit / scene.height)[:, None]
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
    high, low = rng.uniform(0.74, 0.8) * scene.height, rng.uniform(0.86, 0.9) * scene.height
    left, right = (high, low) if scene.sun[0] > 0.5 else (low, high)
    place, wide = (0.2 if scene.sun[0] > 0.5 else 0.8), 0.075 * scene.unit
    y = left + (right - left) * place
    stencil = Stencil(canvas.width, canvas.height)
    bottom = float(scene.height)
    stencil.polygon(np.array([(0.0, left), (scene.width, right), (scene.width, bottom), (0.0, bottom)]))
    stencil.polygon(at("0,100 0,-150 100,-150 100,100", place * scene.width, y, wide))
    stencil.polygon(at("-12,-130 -12,-160 112,-160 112,-130", place * scene.width, y, wide))
    slope = left + (right - left) * scene.xs[None, :] / scene.ratio
    depth = scene.ys[:, None] * scene.unit - slope
    canvas.paint(_tiles(scene, depth), stencil.mask())
    canvas.glow(scene.palette.light, np.exp(-np.abs(depth) / (0.0022 * scene.unit)) * 0.5)


def _tiles(scene: Scene, depth: Array) -> Array:
    rows = depth / (0.03 * scene.unit)
    tiles = np.abs(np.sin(scene.xs[None, :] * 60 + np.floor(rows) * 1.57)) * 0.5 + (rows % 1) * 0.5
    lit = mix(scene.palette.shade, scene.palette.light, 0.34)
    return mix(scene.palette.shade, lit, np.clip(tiles, 0, 1)[..., None] * 0.55)
