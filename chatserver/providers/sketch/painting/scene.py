"""What all layers of one picture share: its size, its dice, its light, where the horizon and the sun are."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array
from chatserver.providers.sketch.painting.noise import fractal
from chatserver.providers.sketch.painting.palettes import Palette
from chatserver.providers.sketch.painting.reading import Brief


@dataclass
class Scene:
    """Places are fractions of width and height; lengths are multiples of `unit`, the side of a square as large.

    `below` gives what has been painted so far, for layers that reflect it.
    """

    width: int
    height: int
    seed: int
    brief: Brief
    palette: Palette
    horizon: float = 0.6
    sun: tuple[float, float] = (0.5, 0.4)
    below: Callable[[], Array] | None = field(default=None, repr=False)

    @property
    def unit(self) -> float:
        """The side in pixels of a square with the area of this picture."""
        return float((self.width * self.height) ** 0.5)

    @property
    def ratio(self) -> float:
        """Width in units."""
        return self.width / self.unit

    @cached_property
    def xs(self) -> Array:
        """The middle of each column, in units from the left: the same places at every resolution."""
        return (np.arange(self.width, dtype=np.float32) + 0.5) / np.float32(self.unit)

    @cached_property
    def ys(self) -> Array:
        """The middle of each row, in units from the top."""
        return (np.arange(self.height, dtype=np.float32) + 0.5) / np.float32(self.unit)

    def dice(self, name: str) -> np.random.Generator:
        """Randomness of one layer's own, so that leaving out another layer changes nothing in this one."""
        key = hashlib.blake2b(name.encode(), key=self.brief.fingerprint, digest_size=8).digest()
        return np.random.default_rng([int.from_bytes(key), self.seed % 2**63])

    def noise(self, name: str, cell: float, rows: int | None = None, **options: float | bool) -> Array:
        """Fractal noise over the picture (or its first `rows` rows); `cell` in units."""
        size = (self.width, rows or self.height)
        return fractal(self.dice(name), size, cell * self.unit, **options)  # type: ignore[arg-type]

    def x(self, fraction: float) -> float:
        """Pixels from the left."""
        return fraction * self.width

    def y(self, fraction: float) -> float:
        """Pixels from the top."""
        return fraction * self.height


Paint = Callable[[Canvas, Scene], None]


@dataclass(frozen=True)
class Layer:
    """One thing that is painted. `depth` is 0 for the sky and 1 for what stands right before us: it moves most."""

    name: str
    depth: float
    paint: Paint
