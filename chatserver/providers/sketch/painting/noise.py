"""Smooth randomness: value noise in octaves, the same at every resolution."""

import numpy as np
from PIL import Image

from chatserver.providers.sketch.painting.colour import Array

# Octaves finer than this many pixels cost time and show nothing.
FINEST_PIXELS = 1.6


def fractal(
    rng: np.random.Generator,
    size: tuple[int, int],
    cell: float,
    *,
    octaves: int = 5,
    stretch: float = 1.0,
    gain: float = 0.5,
    ridged: bool = False,
) -> Array:
    """Noise of shape (height, width) around 0.5 in about 0–1; `cell` is its largest feature in pixels, wider by `stretch`.

    `ridged` folds every octave into sharp crests, as mountains and marble have them.
    """
    seeds = rng.integers(0, 2**63, octaves)
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    weight, sum_of_weights = 1.0, 0.0
    for octave in range(octaves):
        if octave and cell < FINEST_PIXELS:
            break
        layer = _lattice(np.random.default_rng(seeds[octave]), size, cell * stretch, cell)
        total += weight * (1 - np.abs(2 * layer - 1) if ridged else layer)
        sum_of_weights += weight
        weight, cell = weight * gain, cell / 2
    return total / np.float32(sum_of_weights)


def profile(rng: np.random.Generator, places: Array, cell: float, *, octaves: int = 6, gain: float = 0.5) -> Array:
    """Noise along a line, around 0 in about −1–1, at `places` (the same units as `cell`)."""
    total = np.zeros_like(places)
    weight = 1.0
    for _ in range(octaves):
        values = rng.uniform(-1, 1, 4096).astype(np.float32)
        total += weight * _smooth_lookup(values, places / np.float32(cell))
        weight, cell = weight * gain, cell / 2
    return total


def warped(field: Array, dx: Array, dy: Array) -> Array:
    """`field` looked up at places moved by (dx, dy) pixels; beyond the edge it is mirrored."""
    height, width = field.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float32)
    return np.asarray(field[_mirrored(rows + dy, height), _mirrored(columns + dx, width)])


def shifted(field: Array, dx: int, dy: int = 0) -> Array:
    """`field` moved right by `dx` and down by `dy` pixels; its edges stretch after it."""
    height, width = field.shape[:2]
    rows = np.clip(np.arange(height) - dy, 0, height - 1)
    columns = np.clip(np.arange(width) - dx, 0, width - 1)
    return np.asarray(field[rows[:, None], columns[None, :]])


def _mirrored(places: Array, length: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    folded = np.abs(places.astype(np.int32)) % max(1, 2 * length - 2)
    return np.asarray(np.where(folded >= length, 2 * length - 2 - folded, folded), dtype=np.int32)


def _lattice(rng: np.random.Generator, size: tuple[int, int], cell_x: float, cell_y: float) -> Array:
    columns, rows = size[0] / cell_x, size[1] / cell_y
    points = rng.random((int(rows) + 5, int(columns) + 5), dtype=np.float32)
    image = Image.fromarray(points)
    box = (1.5, 1.5, 1.5 + columns, 1.5 + rows)
    grown = image.resize(size, Image.Resampling.BICUBIC, box=box)
    # Interpolation between uniform values gathers around the middle; this gives the contrast back.
    values: Array = np.clip((np.asarray(grown, dtype=np.float32) - 0.5) * 1.25 + 0.5, 0, 1)
    return values


def _smooth_lookup(values: Array, places: Array) -> Array:
    base = np.floor(places).astype(np.int64)
    part = (places - base).astype(np.float32)
    part = part * part * (3 - 2 * part)
    left, right = values[base % len(values)], values[(base + 1) % len(values)]
    return np.asarray(left + (right - left) * part, dtype=np.float32)
