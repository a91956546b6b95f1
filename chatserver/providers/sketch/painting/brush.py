"""The visible brush."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet
from chatserver.providers.sketch.painting.colour import Array, luminance
from chatserver.providers.sketch.painting.effects import blurred
from chatserver.providers.sketch.painting.scene import Layer, Scene

# More dabs than this in one pass cost time and cover what the last ones did; fewer are enough on a small canvas.
DABS, PIXELS_A_DAB = 5000, 50


def brush(number: int, size: float, strength: float) -> Layer:
    """Dabs of the colour that is already there, along the forms: paint instead of pixels. `size` in units."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"brush {number}")
        count = min(DABS, scene.width * scene.height // PIXELS_A_DAB)
        sheet = Sheet(canvas.width, canvas.height)
        light = blurred(luminance(canvas.rgb)[..., None].repeat(3, 2), scene.unit * 0.004)[..., 0]
        dy, dx = np.gradient(light, axis=0), np.gradient(light, axis=1)
        places = rng.random((count, 2))
        rows, columns = (places[:, 1] * scene.height).astype(int), (places[:, 0] * scene.width).astype(int)
        angles = np.arctan2(dx[rows, columns], -dy[rows, columns]) + rng.normal(0, 0.25, count)
        flat = np.hypot(dx[rows, columns], dy[rows, columns]) * scene.unit < 0.35
        angles = np.where(flat, rng.normal(0.1, 0.3, count), angles)
        for row, column, angle in zip(rows, columns, angles, strict=True):
            _dab(sheet, rng, column, row, angle, size * scene.unit, canvas.rgb[row, column])
        before = canvas.rgb.copy()
        canvas.stamp(sheet.image)
        canvas.rgb += (before - canvas.rgb) * np.float32(1 - strength)

    return Layer(f"brush {number}", 1.0, paint)


def _dab(sheet: Sheet, rng: np.random.Generator, x: float, y: float, angle: float, size: float, colour: Array) -> None:
    along = np.array([np.cos(angle), np.sin(angle)]) * size * rng.uniform(0.6, 1.4)
    across = np.array([-np.sin(angle), np.cos(angle)]) * size * 0.26
    place = np.array([x, y], dtype=np.float64)
    corners = np.stack(
        [
            place - along,
            place - along * 0.5 - across,
            place + along * 0.6 - across * 0.8,
            place + along,
            place + along * 0.5 + across,
            place - along * 0.6 + across * 0.8,
        ]
    )
    sheet.polygon(corners, colour * np.float32(rng.uniform(0.93, 1.07)))
