"""A city's skyline: towers in rows, their crowns, their lit windows."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.scene import Layer, Scene

WARM = [rgb(code) for code in ("#ffd98a", "#ffc36b", "#fff0c4", "#ffe2a8")]
NEON = [rgb(code) for code in ("#ff4fa3", "#3df0ff", "#b46bff", "#ffd24a", "#63ffb0")]


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
        _windows(sheet, scene, np.random.default_rng(rng.integers(2**63)), (left, top, width, height), near)


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
    pane = scene.unit * (0.0034 + 0.0034 * near)
    columns, rows = max(1, int(width / (pane * 2.1))), int(height / (pane * 2.5))
    share = float(rng.uniform(0.18, 0.62)) if scene.palette.dark else float(rng.uniform(0.05, 0.28))
    lights = NEON if "neon" in scene.brief.tones and rng.random() < 0.35 else WARM
    lit = rng.random((rows, columns)) < share
    gap = (width - columns * pane) / (columns + 1)
    for row, column in zip(*np.nonzero(lit), strict=True):
        x, y = left + gap + column * (pane + gap), top + pane * (1.2 + row * 2.5)
        colour = lights[int(rng.integers(len(lights)))] * np.float32(rng.uniform(0.6, 1.0) * (0.55 + 0.45 * near))
        sheet.box(x, y, x + pane, y + pane * 1.25, colour)
