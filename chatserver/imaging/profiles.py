"""Colour profiles (ICC) of what files say of their colours in a few numbers: a gamma, primaries, code points.

Source: ICC.1:2001-04 (version 2.4), ITU-T H.273 tables 2 and 3.
"""

import struct
from collections.abc import Sequence

Matrix = list[list[float]]
Point = tuple[float, float]

_D50 = (0.9642, 1.0, 0.8249)
_D65: Point = (0.3127, 0.3290)
# White, red, green and blue by their code point in H.273: BT.709 (and sRGB), BT.2020, Display P3.
_PRIMARIES: dict[int, tuple[Point, ...]] = {
    1: (_D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    9: (_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: (_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_SRGB_PRIMARIES = _PRIMARIES[1]
# The gamma of each transfer function; those of sRGB and video have a straight part, which one curve of sRGB stands for.
_GAMMAS = {4: 2.2, 8: 1.0}
_LIKE_SRGB = {1, 6, 13, 14, 15}
# A gamma that is told as 1/2.2 is meant for screens, as is that of sRGB; others outside of these are no gamma at all.
_SCREEN_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.001
_LEAST_GAMMA, _MOST_GAMMA = 0.1, 10.0
_BRADFORD: Matrix = [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]


def of_code_points(primaries: int, transfer: int, *, is_grey: bool) -> bytes | None:
    """The profile of H.273's code points; None for sRGB and for those that no screen of eight bits has (HDR)."""
    if primaries not in _PRIMARIES or ((primaries == 1 or is_grey) and transfer in _LIKE_SRGB):
        return None
    if transfer in _LIKE_SRGB:
        curve = _srgb_curve()
    elif transfer in _GAMMAS:
        curve = _gamma_curve(_GAMMAS[transfer])
    else:
        return None
    return _grey(curve) if is_grey else _coloured(_PRIMARIES[primaries], curve)


def of_gamma(encoded: float, chromaticities: Sequence[float], *, is_grey: bool) -> bytes | None:
    """The profile of a PNG's gamma (the exponent by which it is encoded, 0.45455 for screens) and its chromaticities: x and
    y of white, red, green and blue, or none. None where that is sRGB, or cannot be."""
    if not 1 / _MOST_GAMMA <= encoded <= 1 / _LEAST_GAMMA:
        return None
    points = tuple(zip(chromaticities[::2], chromaticities[1::2], strict=True)) or _SRGB_PRIMARIES
    is_screen = abs(encoded - _SCREEN_GAMMA) < _GAMMA_TOLERANCE
    if is_screen and (is_grey or points == _SRGB_PRIMARIES):
        return None
    curve = _gamma_curve(1 / encoded)
    return _grey(curve) if is_grey else _coloured(points, curve)


def _coloured(points: tuple[Point, ...], curve: bytes) -> bytes | None:
    try:
        columns = _columns(*points)
    except ZeroDivisionError:
        return None  # no colours can be made of these
    named = list(zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True))
    curves = [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", [(name, _xyz(column)) for name, column in named] + curves)


def _grey(curve: bytes) -> bytes:
    return _profile(b"GRAY", [(b"kTRC", curve)])


def _columns(white: Point, *primaries: Point) -> list[list[float]]:
    """The colours of red, green and blue under the white of profiles (D50), adapted by Bradford's matrix."""
    matrix = _transposed([_of_point(point) for point in primaries])
    lights = _times(_inverse(matrix), _of_point(white))
    scaled = [[value * light for value, light in zip(row, lights, strict=True)] for row in matrix]
    source, target = _times(_BRADFORD, _of_point(white)), _times(_BRADFORD, _D50)
    scales = [[target[row] / source[row] * value for value in _BRADFORD[row]] for row in range(3)]
    adapted = _product(_product(_inverse(_BRADFORD), scales), scaled)
    return _transposed(adapted)


def _of_point(point: Point) -> list[float]:
    x, y = point
    return [x / y, 1.0, (1 - x - y) / y]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix, strict=True)]


def _times(matrix: Matrix, vector: Sequence[float]) -> list[float]:
    return [sum(factor * value for factor, value in zip(row, vector, strict=True)) for row in matrix]


def _product(left: Matrix, right: Matrix) -> Matrix:
    return _transposed([_times(left, column) for column in _transposed(right)])


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    return [[value / determinant for value in row] for row in adjugate]


def _profile(space: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    tags = [(b"desc", _description()), (b"cprt", b"text" + bytes(5)), (b"wtpt", _xyz(_D50)), *tags]
    offset, table, content = 128 + 4 + 12 * len(tags), b"", b""
    for name, tag in tags:
        table += struct.pack(">4sII", name, offset + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    header = struct.pack(">I4xI4s4s4s", offset + len(content), 0x02400000, b"mntr", space, b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _numbers(_D50) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + content


def _description() -> bytes:
    return struct.pack(">4s4xI", b"desc", 1) + bytes(1 + 4 + 4 + 2 + 1 + 67)


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + _numbers(values)


def _srgb_curve() -> bytes:
    return struct.pack(">4s4xHxx", b"para", 3) + _numbers((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


def _gamma_curve(gamma: float) -> bytes:
    return struct.pack(">4s4xHxx", b"para", 0) + _numbers((gamma,))


def _numbers(values: Sequence[float]) -> bytes:
    """Numbers of sixteen bits and as many behind the point; what does not fit is the largest that does."""
    return b"".join(struct.pack(">i", max(-(2**31), min(2**31 - 1, round(value * 65536)))) for value in values)
