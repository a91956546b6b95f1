"""The hue that a picture is remembered by: the page's accent is drawn in it."""

import math

from PIL import Image

# Where all pixels together have less chroma (OKLab) than this, a picture is grey, and has no hue.
_LEAST_CHROMA = 0.02
_BINS = 24


def dominant_hue(image: Image.Image) -> int | None:
    """The OKLCH hue, in degrees from 0 to 359, that has most of a small RGB picture's colour; None for a grey one."""
    bins = [[0.0, 0.0] for _ in range(_BINS)]
    total = 0.0
    data = image.tobytes()
    for offset in range(0, len(data), 3):
        a, b = _oklab(*data[offset : offset + 3])
        chroma = math.hypot(a, b)
        total += chroma
        place = int(math.atan2(b, a) % math.tau / math.tau * _BINS) % _BINS
        bins[place][0] += a * chroma
        bins[place][1] += b * chroma
    if total < _LEAST_CHROMA * image.width * image.height:
        return None
    # A colour on the edge of two bins is as large as one in the middle of one.
    around = [
        [sum(bins[(place + step) % _BINS][axis] for step in (-1, 0, 1)) for axis in (0, 1)] for place in range(_BINS)
    ]
    a, b = max(around, key=lambda each: math.hypot(*each))
    return round(math.degrees(math.atan2(b, a))) % 360


def _oklab(red: int, green: int, blue: int) -> tuple[float, float]:
    """The axes a and b of OKLab (bottosson.github.io/posts/oklab) for a colour in sRGB."""
    r, g, b = _LINEAR[red], _LINEAR[green], _LINEAR[blue]
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


_LINEAR = [
    value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4  # IEC 61966-2-1
    for value in range(256)
]
