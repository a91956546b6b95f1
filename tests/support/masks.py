"""Masks as people paint them: white where a picture may change."""

import base64
import io

import numpy as np
from PIL import Image, ImageDraw

Box = tuple[int, int, int, int]


def mask(size: tuple[int, int] = (64, 64), box: Box | None = (16, 16, 47, 47), mode: str = "L") -> bytes:
    """A PNG of black with a white rectangle: left, top, right and bottom, all within it."""
    image = Image.new(mode, size)
    if box is not None:
        ImageDraw.Draw(image).rectangle(box, fill="white")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def changed(one: bytes, other: bytes) -> np.ndarray:
    """Where two pictures of one size differ, by row and column."""
    differs: np.ndarray = (pixels(one) != pixels(other)).any(axis=2)
    return differs
