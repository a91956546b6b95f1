"""Silhouettes of living things and boats, as points in a box: x 0–1 to the right, y 0 at the top and 1 on the ground."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Stencil
from chatserver.providers.sketch.painting.colour import Array

# Hundredths of the box, "x,y" for each point. Closed outlines, smoothed when drawn. All face right.
OUTLINES: dict[str, list[str]] = {
    "cat": [
        "41,30 34,45 27,65 24,86 29,100 50,101 71,100 76,86 73,65 66,45 59,30",
    ],
    "deer": [
        "13,55 20,49 34,49 50,50 61,47 68,36 72,25 77,20 83,21 90,26 88,28 80,30 78,38 74,52 69,62 60,66 "
        "45,66 30,64 20,66 14,62",
    ],
    "horse": [
        "12,42 20,36 34,38 48,39 58,35 66,22 73,12 78,10 83,13 93,25 92,30 86,29 79,25 75,34 73,46 68,56 "
        "58,60 42,60 28,58 18,58 12,52",
    ],
    "dog": [
        "20,52 30,47 50,47 62,44 68,34 74,27 82,29 93,35 92,40 82,42 77,50 72,62 64,68 50,66 36,63 24,66 19,60",
    ],
    "fox": [
        "43,34 38,50 34,70 33,90 37,100 68,100 70,85 66,60 60,42 58,34",
        "36,98 20,100 6,93 2,80 10,72 20,80 34,86",
    ],
    "rabbit": [
        "30,98 18,90 15,72 24,56 42,50 56,52 68,60 74,75 72,92 78,98 60,100",
        "58,44 66,36 78,38 86,48 80,57 66,60 57,54",
        "63,40 54,22 52,6 58,6 66,20 69,38",
        "69,38 66,20 68,3 74,5 76,22 74,38",
    ],
    "owl": [
        "50,8 38,9 28,0 28,20 22,42 26,72 38,92 50,100 62,92 74,72 78,42 72,20 72,0 62,9",
    ],
    "person": [
        "37,21 44,18 56,18 63,21 66,40 69,64 60,66 60,98 52,98 50,70 48,98 40,98 40,66 31,64 34,40",
    ],
    "portrait": [
        "50,5 60,9 67,18 69,27 68,33 71,39 75,46 74,48 70,49 72,52 70,55 71,57 69,60 70,64 66,68 60,70 "
        "55,72 55,80 62,88 80,95 92,108 2,108 10,95 28,87 32,76 27,64 20,50 18,32 26,15 38,7",
    ],
    "whale": [
        "46,100 45,60 38,40 18,28 0,30 14,12 34,10 50,24 66,10 86,12 100,30 82,28 62,40 55,60 54,100",
    ],
    "camel": [
        "10,55 18,47 26,46 32,34 38,28 44,34 50,46 58,50 66,56 73,50 77,36 79,26 84,23 94,28 94,32 86,33 "
        "84,45 80,60 70,68 55,68 35,66 18,68 10,63",
    ],
}

# Straight-edged parts, drawn as they are: legs, ears.
PARTS: dict[str, list[str]] = {
    "cat": [
        "36,19 35,1 48,10",
        "64,19 65,1 52,10",
    ],
    "deer": [
        "19,60 30,62 26,78 26,100 23,100 22,80",
        "14,58 22,64 18,80 19,100 16,100 14,80",
        "60,60 69,60 66,80 67,100 64,100 63,80",
        "66,58 73,55 72,80 73,99 70,99 69,80",
        "74,24 69,18 76,20",
    ],
    "horse": [
        "13,50 28,56 23,75 25,100 21,100 18,78",
        "12,50 20,55 15,76 13,100 10,100 11,76",
        "58,56 69,54 66,78 66,100 62,100 62,78",
        "63,56 73,48 74,72 69,86 66,84 70,70",
        "75,13 76,5 79,11",
    ],
    "dog": [
        "22,58 34,62 27,80 29,100 24,100 22,80",
        "62,62 74,56 70,80 71,100 66,100 65,80",
        "56,62 64,62 62,80 62,100 58,100 57,80",
        "30,60 36,62 33,80 34,100 30,100 29,80",
        "70,33 66,22 77,28",
    ],
    "fox": [
        "40,30 36,6 50,20",
        "62,30 66,6 52,20",
        "38,22 51,17 64,22 60,34 51,43 42,34",
    ],
    "camel": [
        "13,60 24,64 19,80 20,100 17,100 16,80",
        "20,62 28,64 25,80 26,100 23,100 22,80",
        "64,64 73,62 69,82 70,100 66,100 66,82",
        "70,62 79,56 76,82 76,100 73,100 72,82",
    ],
}

# (points, thickness) of tails and antlers.
LINES: dict[str, list[tuple[str, float]]] = {
    "cat": [
        ("70,96 86,98 97,92 99,80 95,70 100,60", 0.058),
    ],
    "deer": [
        ("76,21 72,12 66,6 67,-4", 0.026),
        ("72,12 76,5 75,-2", 0.022),
        ("69,9 62,7 60,0", 0.02),
        ("79,20 81,11 78,5 81,-3", 0.026),
        ("80,12 86,7 87,0", 0.02),
        ("14,55 10,60", 0.03),
    ],
    "horse": [
        ("13,42 6,48 4,62 7,76", 0.05),
        ("72,12 65,20 58,33", 0.04),
    ],
    "dog": [
        ("22,52 12,44 8,32", 0.035),
    ],
}

# (x, y, rx, ry) of heads and the like.
DISCS: dict[str, list[tuple[float, float, float, float]]] = {
    "cat": [
        (0.5, 0.215, 0.16, 0.135),
    ],
    "person": [
        (0.5, 0.095, 0.062, 0.078),
    ],
    "rabbit": [
        (0.16, 0.86, 0.06, 0.06),
    ],
}


def draw(stencil: Stencil, name: str, x: float, foot: float, height: float, *, mirrored: bool = False) -> None:
    """One silhouette that stands on `foot` around `x`, `height` pixels tall."""
    place = _Place(x, foot, height, mirrored)
    for outline in OUTLINES.get(name, []):
        stencil.polygon(place(smooth(_points(outline), closed=True)))
    for part in PARTS.get(name, []):
        stencil.polygon(place(_points(part)))
    for line, thickness in LINES.get(name, []):
        stencil.line(place(smooth(_points(line), closed=False)), thickness * height)
    for cx, cy, rx, ry in DISCS.get(name, []):
        ((px, py),) = place(np.array([(cx, cy)]))
        stencil.disc(px, py, rx * height, ry * height)


def _points(text: str) -> Array:
    return np.array([[float(part) / 100 for part in pair.split(",")] for pair in text.split()])


class _Place:
    """Puts points of the box where the figure stands."""

    def __init__(self, x: float, foot: float, height: float, mirrored: bool) -> None:
        self._origin = np.array([x, foot])
        self._scale = np.array([-height if mirrored else height, height])

    def __call__(self, points: Array) -> Array:
        return np.asarray(self._origin + (points - (0.5, 1.0)) * self._scale)


def at(text: str, x: float, y: float, width: float, height: float | None = None) -> Array:
    """Points in hundredths of a box of `width` × `height` pixels whose origin lies at (x, y)."""
    size = np.array([width, width if height is None else height])
    return np.asarray(np.array([x, y]) + _points(text) * size)


def smooth(points: Array, *, closed: bool, steps: int = 8) -> Array:
    """A Catmull-Rom curve through the points."""
    before, after = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    all_points = np.vstack([before, points, after])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for number in range(len(all_points) - 3):
        a, b, c, d = all_points[number : number + 4]
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*pieces, all_points[-2:-1]])
