"""Fingerprints of pictures (perceptual hashes): nearly the same for copies that were re-saved or scaled.

256 bits: which of the lowest 16 × 16 frequencies of the picture, in grey at 32 × 32 pixels, are above their median. Copies
differ in a few bits, unrelated pictures in about half (docs/provenance.md has what was measured).
"""

import math
import statistics
from collections.abc import Sequence
from operator import mul

from PIL import Image

_SIDE, _FREQUENCIES = 32, 16
# Grey values of a picture without contrast differ by less than this (standard deviation, of 255): its bits would be noise.
_LEAST_CONTRAST = 3.0
_COSINES = [
    [math.cos(math.pi * (2 * position + 1) * frequency / (2 * _SIDE)) for position in range(_SIDE)]
    for frequency in range(_FREQUENCIES)
]


def fingerprint(image: Image.Image) -> str | None:
    """64 hexadecimal digits; None for a picture that is too plain to be recognised. `image` is RGB."""
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0).tobytes()
    if statistics.pstdev(grey) < _LEAST_CONTRAST:
        return None
    rows = [grey[start : start + _SIDE] for start in range(0, len(grey), _SIDE)]
    across = [[_product(row, cosine) for cosine in _COSINES] for row in rows]
    values = [_product(column, cosine) for column in zip(*across, strict=True) for cosine in _COSINES]
    median = statistics.median(values[1:])  # the first is the brightness of the whole
    bits = "".join("1" if value > median else "0" for value in values)
    return f"{int(bits, 2):064x}"


def _product(values: Sequence[float], cosine: Sequence[float]) -> float:
    return float(sum(map(mul, values, cosine)))
