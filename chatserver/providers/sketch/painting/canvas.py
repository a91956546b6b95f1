"""Where layers are painted: premultiplied RGB, opaque for a picture, with alpha for one plane of a clip."""

import numpy as np
from PIL import Image, ImageDraw

from chatserver.providers.sketch.painting.colour import Array

# Silhouettes are drawn this much larger and reduced, which smooths their edges.
SUPERSAMPLING = 2


class Canvas:
    """`rgb` is (height, width, 3) float32 in 0–1; `alpha` is None where everything is covered."""

    def __init__(self, width: int, height: int, *, transparent: bool = False) -> None:
        self.width = width
        self.height = height
        self.rgb = np.zeros((height, width, 3), dtype=np.float32)
        self.alpha = np.zeros((height, width), dtype=np.float32) if transparent else None

    def paint(self, colour: Array, mask: Array | float, top: int = 0) -> None:
        """Lays `colour` over the rows from `top` on, as far as `mask` (0–1) covers them."""
        shape = np.broadcast_shapes(np.shape(mask), (1, self.width))
        rows = slice(top, top + (shape[0] if shape[0] > 1 else self.height - top))
        cover = np.asarray(mask, dtype=np.float32)
        deep = cover[..., None] if cover.ndim else cover
        part = self.rgb[rows]
        part += (colour - part) * deep
        if self.alpha is not None:
            self.alpha[rows] += (1 - self.alpha[rows]) * cover

    def glow(self, colour: Array, mask: Array, top: int = 0) -> None:
        """Adds light: never beyond white, and without covering what is behind."""
        part = self.rgb[top : top + mask.shape[0]]
        part += colour * mask[..., None] * (1 - part)

    def stamp(self, drawing: Image.Image) -> None:
        """Lays an RGBA drawing over everything; it may be larger and is then reduced."""
        if drawing.size != (self.width, self.height):
            drawing = drawing.convert("RGBa").resize((self.width, self.height), Image.Resampling.BOX)
        else:
            drawing = drawing.convert("RGBa")
        pixels = np.asarray(drawing, dtype=np.float32) / 255
        cover = pixels[..., 3]
        self.rgb *= 1 - cover[..., None]
        self.rgb += pixels[..., :3]
        if self.alpha is not None:
            self.alpha += (1 - self.alpha) * cover


class Stencil:
    """A mask that is drawn with polygons, lines and discs in pixels of the canvas, smooth at its edges."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._image = Image.new("L", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Array, value: int = 255) -> None:
        """A closed shape through (n, 2) points."""
        self._draw.polygon((points * SUPERSAMPLING).ravel().tolist(), fill=value)

    def line(self, points: Array, width: float, value: int = 255) -> None:
        """An open line through (n, 2) points."""
        thick = max(1, round(width * SUPERSAMPLING))
        self._draw.line((points * SUPERSAMPLING).ravel().tolist(), fill=value, width=thick, joint="curve")

    def disc(self, x: float, y: float, rx: float, ry: float | None = None, value: int = 255) -> None:
        """An ellipse around (x, y)."""
        ry = rx if ry is None else ry
        box = [(x - rx), (y - ry), (x + rx), (y + ry)]
        self._draw.ellipse([side * SUPERSAMPLING for side in box], fill=value)

    def mask(self) -> Array:
        """What was drawn, 0–1, at the size of the canvas."""
        small = self._image.resize(self._size, Image.Resampling.BOX)
        return np.asarray(small, dtype=np.float32) / 255


class Sheet:
    """A transparent drawing in colours, at twice the size, for blades, petals, windows and branches."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGBA", (width * SUPERSAMPLING, height * SUPERSAMPLING))
        self._draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Array, colour: Array) -> None:
        """A closed shape through (n, 2) points."""
        self._draw.polygon((points * SUPERSAMPLING).ravel().tolist(), fill=_ink(colour))

    def line(self, points: Array, width: float, colour: Array) -> None:
        """An open line through (n, 2) points."""
        thick = max(1, round(width * SUPERSAMPLING))
        self._draw.line((points * SUPERSAMPLING).ravel().tolist(), fill=_ink(colour), width=thick)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Array) -> None:
        """An ellipse around (x, y)."""
        box = [(x - rx), (y - ry), (x + rx), (y + ry)]
        self._draw.ellipse([side * SUPERSAMPLING for side in box], fill=_ink(colour))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Array) -> None:
        """A filled rectangle."""
        sides = [left, top, max(left, right - 0.5), max(top, bottom - 0.5)]
        self._draw.rectangle([side * SUPERSAMPLING for side in sides], fill=_ink(colour))


def _ink(colour: Array) -> tuple[int, int, int, int]:
    red, green, blue = (int(255 * min(1.0, max(0.0, float(part))) + 0.5) for part in colour)
    return red, green, blue, 255
