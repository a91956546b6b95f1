"""Manners of painting: what a finished picture becomes in watercolour, oil, ink, pencil, pixels, neon or as a poster."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from chatserver.providers.sketch.painting.colour import Array, luminance, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.effects import blurred, border, corners, curve, edges, image_of, simplified
from chatserver.providers.sketch.painting.noise import shifted
from chatserver.providers.sketch.painting.scene import Scene

Finish = Callable[[Array, Scene], Array]


def default(picture: Array, scene: Scene) -> Array:
    """A little bloom of the lights, a gentle curve, darker corners."""
    bright = picture * smoothstep(0.68, 1.0, luminance(picture))[..., None]
    bloom = blurred(bright, scene.unit * 0.018)
    picture = picture + bloom * 0.35 * (1 - picture)
    return curve(picture, 1.06) * corners(scene, 0.16)


def photo(picture: Array, scene: Scene) -> Array:
    """Contrast, sharpness, a lens: darker corners and bloom."""
    soft = blurred(picture, scene.unit * 0.0016)
    sharp = np.clip(picture + (picture - soft) * 0.9, 0, 1)
    bloom = blurred(sharp * smoothstep(0.75, 1.0, luminance(sharp))[..., None], scene.unit * 0.03)
    return curve(sharp + bloom * 0.45 * (1 - sharp), 1.22) * corners(scene, 0.3)


def watercolour(picture: Array, scene: Scene) -> Array:
    """Pigment that ran and dried: washes, darker rims, granulation, white paper at a ragged border."""
    wash = simplified(picture, scene, 0.006)
    wash = mix(luminance(wash)[..., None], wash, 1.18)
    rims = np.clip(luminance(blurred(wash, scene.unit * 0.006)) - luminance(wash), 0, 1)[..., None]
    grain = scene.noise("pigment", 0.012, octaves=4, gain=0.7)[..., None] - 0.5
    blooms = scene.noise("blooms", 0.22, octaves=5)[..., None] - 0.5
    density = (1 - wash) * (0.8 + 0.5 * blooms + 0.3 * grain) + rims * 0.8
    paper = rgb("#fbf8f1") - np.abs(scene.noise("paper", 0.006, octaves=3)[..., None] - 0.5) * 0.07
    edge = border(scene, 0.035, 0.05)
    return np.asarray(np.clip(paper * (1 - np.clip(density, 0, 1) * 0.92 * edge[..., None]), 0, 1))


def oil(picture: Array, scene: Scene) -> Array:
    """Thick strokes that catch the light."""
    rich = curve(mix(luminance(picture)[..., None], picture, 1.18), 1.12)
    height = luminance(rich) + (scene.noise("bristles", 0.009, octaves=3, stretch=3.0) - 0.5) * 0.22
    relief = (height - shifted(height, 1, 1)) * 0.5
    weave = np.sin(scene.xs * 900)[None, :] * np.sin(scene.ys * 900)[:, None] * 0.008
    return np.clip(rich + relief[..., None] + weave[..., None], 0, 1) * corners(scene, 0.12)


def ink(picture: Array, scene: Scene) -> Array:
    """Washes of black in four strengths, and the brush's line where forms meet."""
    grey = luminance(simplified(picture, scene, 0.005)) + (scene.noise("wet", 0.08, octaves=5) - 0.5) * 0.12
    washes = sum(smoothstep(limit - 0.035, limit + 0.035, grey) for limit in (0.2, 0.38, 0.56, 0.74)) / 4
    lines = edges(picture, scene)
    paper = mix(rgb("#f3ecdc"), rgb("#e6dbc2"), scene.noise("fibre", 0.03, octaves=4, stretch=2.0)[..., None])
    black = np.clip((1 - np.asarray(washes)) ** 1.35 * 0.92 + lines, 0, 1) * border(scene, 0.02, 0.05)
    return mix(paper, rgb("#17161a"), black[..., None] * 0.95)


def pencil(picture: Array, scene: Scene) -> Array:
    """Hatching by darkness on rough paper."""
    grey, lines = luminance(picture), edges(picture, scene)
    x, y = scene.xs[None, :], scene.ys[:, None]
    wobble = scene.noise("hand", 0.1, octaves=3) * 0.02
    dark = np.zeros_like(grey)
    for limit, angle in ((0.75, 0.8), (0.52, 2.3), (0.32, 1.2)):
        hatch = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle) + wobble) * 640)
        dark += smoothstep(limit, limit - 0.3, grey) * hatch * 0.4
    tooth = 0.72 + 0.5 * scene.noise("tooth", 0.004, octaves=2)
    return mix(rgb("#f5f2ea"), rgb("#26262b"), np.clip((dark + lines * 0.9) * tooth, 0, 0.96)[..., None])


def pixel(picture: Array, scene: Scene) -> Array:
    """Large square pixels in few colours, with ordered dithering."""
    scale = 144 / max(scene.width, scene.height)
    size = (max(8, round(scene.width * scale)), max(8, round(scene.height * scale)))
    small = np.asarray(image_of(curve(picture, 1.15)).resize(size, Image.Resampling.BOX), dtype=np.float32)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 0.5
    tiled = np.tile(bayer, (size[1] // 4 + 1, size[0] // 4 + 1))[: size[1], : size[0], None]
    dithered = Image.fromarray(np.clip(small + tiled * 20, 0, 255).astype(np.uint8))
    few = dithered.quantize(28, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return np.asarray(few.resize((scene.width, scene.height), Image.Resampling.NEAREST), dtype=np.float32) / 255


def poster(picture: Array, scene: Scene) -> Array:
    """Flat shapes in seven inks, within a margin of paper."""
    flat = image_of(curve(blurred(simplified(picture, scene, 0.006), scene.unit * 0.004), 1.2))
    # Twice as large while the inks are chosen, so that their edges come out smooth.
    large = flat.resize((2 * scene.width, 2 * scene.height), Image.Resampling.BICUBIC)
    inks = large.quantize(10, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB").resize(flat.size)
    colours = mix(np.asarray(inks, dtype=np.float32) / 255, rgb("#f6ead2"), 0.07)
    margin = 0.035
    inside = (np.abs(scene.xs[None, :] - scene.ratio / 2) < scene.ratio / 2 - margin) & (
        np.abs(scene.ys[:, None] - scene.height / scene.unit / 2) < scene.height / scene.unit / 2 - margin
    )
    return np.where(inside[..., None], colours, rgb("#f4ecdb")).astype(np.float32)


def neon(picture: Array, scene: Scene) -> Array:
    """Night, in which every contour is a glowing tube, from cyan at the left to magenta at the right."""
    lines = np.clip(edges(simplified(picture, scene, 0.004), scene) * 1.5, 0, 1)[..., None]
    hue = np.clip(scene.xs[None, :, None] / scene.ratio + (scene.noise("tubes", 0.3, octaves=2)[..., None] - 0.5), 0, 1)
    light = mix(rgb("#22e6ff"), rgb("#ff2fb4"), hue)
    night = picture**1.8 * np.array([0.42, 0.3, 0.62], dtype=np.float32)
    glow = blurred(lines * light, scene.unit * 0.012) * 1.1 + blurred(lines * light, scene.unit * 0.045) * 0.9
    return np.asarray(np.clip(night + glow + lines * mix(light, rgb("#ffffff"), 0.35), 0, 1) * corners(scene, 0.2))


def comic(picture: Array, scene: Scene) -> Array:
    """Black outlines around flat, strong colours."""
    flat = image_of(curve(simplified(picture, scene, 0.005), 1.25))
    few = flat.quantize(20, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    colours = np.asarray(few, dtype=np.float32) / 255
    strong = mix(luminance(colours)[..., None], colours, 1.35)
    lines = np.clip(edges(picture, scene) * 1.6, 0, 1)[..., None]
    return mix(np.clip(strong, 0, 1), rgb("#14121a"), lines)


STYLES: dict[str | None, Finish] = {
    None: default,
    "photo": photo,
    "watercolour": watercolour,
    "oil": oil,
    "ink": ink,
    "pencil": pencil,
    "pixel": pixel,
    "poster": poster,
    "neon": neon,
    "comic": comic,
}
