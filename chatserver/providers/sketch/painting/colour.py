"""Colours as RGB triples of floats in 0–1 (float32 wherever there are many), and what painters do with them."""

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def rgb(code: str) -> Array:
    """The colour of a hex code such as "#f4a261"."""
    digits = code.lstrip("#")
    return np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)], dtype=np.float32)


def mix(one: Array, other: Array, amount: float | Array) -> Array:
    """`one` at 0, `other` at 1."""
    return np.asarray(one + (other - one) * amount, dtype=np.float32)


def ramp(stops: Sequence[Array], position: Array) -> Array:
    """Evenly spaced stops, sampled at `position` (0–1, any shape), as an array with a last axis of RGB."""
    places = np.linspace(0, 1, len(stops), dtype=np.float32)
    channels = [np.interp(position, places, [stop[i] for stop in stops]) for i in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def turned(colour: Array, hue: float, strength: float, saturation: float = 1.0) -> Array:
    """The colour with its hue pulled towards `hue` (0–1) and its saturation scaled."""
    _, light, chroma = colorsys.rgb_to_hls(*(float(part) for part in np.clip(colour, 0, 1)))
    chroma = min(1.0, max(chroma, 0.5 * strength) * saturation)
    wanted = np.array(colorsys.hls_to_rgb(hue, light, chroma), dtype=np.float32)
    return mix(colour, wanted, strength)


def luminance(picture: Array) -> Array:
    """How bright each pixel looks, 0–1."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], dtype=np.float32), dtype=np.float32)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below `low`, 1 above `high` (or the other way round), smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
