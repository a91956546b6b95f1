"""What styles are made of: blur, edges, contrast, borders."""

import numpy as np
from PIL import Image, ImageFilter

from chatserver.providers.sketch.painting.colour import Array, luminance, smoothstep
from chatserver.providers.sketch.painting.scene import Scene


def blurred(picture: Array, radius: float) -> Array:
    """The picture through a Gaussian of `radius` pixels."""
    return np.asarray(image_of(picture).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255


def image_of(picture: Array) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def simplified(picture: Array, scene: Scene, size: float) -> Array:
    """Small things gone, edges kept: a median at half the resolution."""
    image = image_of(picture)
    half = image.resize((max(8, image.width // 2), max(8, image.height // 2)), Image.Resampling.BOX)
    reach = max(3, int(size * scene.unit / 2) * 2 + 1)
    calm = half.filter(ImageFilter.MedianFilter(min(9, reach))).filter(ImageFilter.ModeFilter(3))
    return np.asarray(calm.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32) / 255


def edges(picture: Array, scene: Scene) -> Array:
    soft = luminance(blurred(picture, scene.unit * 0.0014))
    wide = luminance(blurred(picture, scene.unit * 0.0045))
    return smoothstep(0.012, 0.075, wide - soft) * 0.85


def border(scene: Scene, margin: float, rough: float) -> Array:
    """1 inside, 0 outside a ragged border of `margin` units."""
    x = np.minimum(scene.xs, scene.ratio - scene.xs)[None, :]
    tall = scene.height / scene.unit
    y = np.minimum(scene.ys, tall - scene.ys)[:, None]
    ragged = (scene.noise("border", 0.1, octaves=6, gain=0.6) - 0.5) * rough
    return smoothstep(margin - 0.012, margin + 0.014, np.minimum(x, y) + ragged)


def curve(picture: Array, contrast: float) -> Array:
    return np.asarray(np.clip((picture - 0.5) * np.float32(contrast) + 0.5, 0, 1), dtype=np.float32)


def corners(scene: Scene, depth: float) -> Array:
    x = (scene.xs[None, :] / scene.ratio - 0.5) * 2
    y = (scene.ys[:, None] * scene.unit / scene.height - 0.5) * 2
    return (1 - depth * smoothstep(0.6, 1.9, x**2 + y**2))[..., None]
