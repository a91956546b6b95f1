"""The last passes: brush, tone, the manner of a style, paper."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from chatserver.painting.canvas import Canvas, Sheet
from chatserver.painting.colour import Array, luminance, mix, rgb, smoothstep
from chatserver.painting.scene import Layer, Scene

Finish = Callable[[Array, Scene], Array]


def brush(number: int, size: float, strength: float, count: int = 5000) -> Layer:
    """Dabs of the colour that is already there, along the forms: paint instead of pixels. `size` in units."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"brush {number}")
        sheet = Sheet(canvas.width, canvas.height)
        light = blurred(luminance(canvas.rgb)[..., None].repeat(3, 2), scene.unit * 0.004)[..., 0]
        dy, dx = np.gradient(light)
        places = rng.random((count, 2))
        rows, columns = (places[:, 1] * scene.height).astype(int), (places[:, 0] * scene.width).astype(int)
        angles = np.arctan2(dx[rows, columns], -dy[rows, columns]) + rng.normal(0, 0.25, count)
        flat = np.hypot(dx[rows, columns], dy[rows, columns]) * scene.unit < 0.35
        angles = np.where(flat, rng.normal(0.1, 0.3, count), angles)
        for row, column, angle in zip(rows, columns, angles, strict=True):
            _dab(sheet, rng, column, row, angle, size * scene.unit, canvas.rgb[row, column])
        before = canvas.rgb.copy()
        canvas.stamp(sheet.image)
        canvas.rgb += (before - canvas.rgb) * np.float32(1 - strength)

    return Layer(f"brush {number}", 1.0, paint)


def _dab(sheet: Sheet, rng: np.random.Generator, x: float, y: float, angle: float, size: float, colour: Array) -> None:
    along = np.array([np.cos(angle), np.sin(angle)]) * size * rng.uniform(0.6, 1.4)
    across = np.array([-np.sin(angle), np.cos(angle)]) * size * 0.26
    place = np.array([x, y], dtype=np.float64)
    corners = np.stack([place - along, place - along * 0.5 - across, place + along * 0.6 - across * 0.8, place + along, place + along * 0.5 + across, place - along * 0.6 + across * 0.8])  # fmt: skip
    sheet.polygon(corners, colour * np.float32(rng.uniform(0.93, 1.07)))


def tone(picture: Array, scene: Scene) -> Array:
    """What the prompt says of the colours as a whole."""
    tones, grey = scene.brief.tones, luminance(picture)[..., None]
    if "monochrome" in tones:
        return _curve(np.repeat(grey, 3, axis=2), 1.15)
    if "sepia" in tones:
        return np.clip(grey * rgb("#ffe9c8") * 0.92 + rgb("#2a1708") * 0.5 * (1 - grey), 0, 1)
    if "pastel" in tones:
        picture = mix(mix(grey, picture, 0.82), rgb("#fdf3ee"), 0.3)
    if "neon" in tones or "vivid" in tones:
        picture = _curve(mix(grey, picture, 1.35), 1.1)
    if "dark" in tones:
        picture = picture**1.3
    return np.clip(picture, 0, 1)


def default(picture: Array, scene: Scene) -> Array:
    """A little bloom of the lights, a gentle curve, darker corners."""
    bright = picture * smoothstep(0.68, 1.0, luminance(picture))[..., None]
    bloom = blurred(bright, scene.unit * 0.018)
    picture = picture + bloom * 0.35 * (1 - picture)
    return _curve(picture, 1.06) * _corners(scene, 0.16)


def photo(picture: Array, scene: Scene) -> Array:
    """Contrast, sharpness, a lens: darker corners and bloom."""
    soft = blurred(picture, scene.unit * 0.0016)
    sharp = np.clip(picture + (picture - soft) * 0.9, 0, 1)
    bloom = blurred(sharp * smoothstep(0.75, 1.0, luminance(sharp))[..., None], scene.unit * 0.03)
    return _curve(sharp + bloom * 0.45 * (1 - sharp), 1.22) * _corners(scene, 0.3)


def watercolour(picture: Array, scene: Scene) -> Array:
    """Pigment that ran and dried: washes, darker rims, granulation, white paper at a ragged border."""
    wash = _simplified(picture, scene, 0.006)
    wash = mix(luminance(wash)[..., None], wash, 1.18)
    rims = np.clip(luminance(blurred(wash, scene.unit * 0.006)) - luminance(wash), 0, 1)[..., None]
    grain = scene.noise("pigment", 0.012, octaves=4, gain=0.7)[..., None] - 0.5
    blooms = scene.noise("blooms", 0.22, octaves=5)[..., None] - 0.5
    density = (1 - wash) * (0.8 + 0.5 * blooms + 0.3 * grain) + rims * 0.8
    paper = rgb("#fbf8f1") - np.abs(scene.noise("paper", 0.006, octaves=3)[..., None] - 0.5) * 0.07
    edge = _border(scene, 0.035, 0.05)
    return np.clip(paper * (1 - np.clip(density, 0, 1) * 0.92 * edge[..., None]), 0, 1)


def oil(picture: Array, scene: Scene) -> Array:
    """Thick strokes that catch the light."""
    rich = _curve(mix(luminance(picture)[..., None], picture, 1.18), 1.12)
    height = luminance(rich) + (scene.noise("bristles", 0.009, octaves=3, stretch=3.0) - 0.5) * 0.22
    relief = (height - np.roll(np.roll(height, 1, axis=0), 1, axis=1)) * 0.5
    weave = np.sin(scene.xs * 900)[None, :] * np.sin(scene.ys * 900)[:, None] * 0.008
    return np.clip(rich + relief[..., None] + weave[..., None], 0, 1) * _corners(scene, 0.12)


def ink(picture: Array, scene: Scene) -> Array:
    """Washes of black in four strengths, and the brush's line where forms meet."""
    grey = luminance(_simplified(picture, scene, 0.005)) + (scene.noise("wet", 0.08, octaves=5) - 0.5) * 0.12
    washes = sum(smoothstep(limit - 0.035, limit + 0.035, grey) for limit in (0.2, 0.38, 0.56, 0.74)) / 4
    lines = _edges(picture, scene)
    paper = mix(rgb("#f3ecdc"), rgb("#e6dbc2"), scene.noise("fibre", 0.03, octaves=4, stretch=2.0)[..., None])
    black = np.clip((1 - np.asarray(washes)) ** 1.35 * 0.92 + lines, 0, 1) * _border(scene, 0.02, 0.05)
    return mix(paper, rgb("#17161a"), black[..., None] * 0.95)


def pencil(picture: Array, scene: Scene) -> Array:
    """Hatching by darkness on rough paper."""
    grey, lines = luminance(picture), _edges(picture, scene)
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
    small = np.asarray(_image(_curve(picture, 1.15)).resize(size, Image.Resampling.BOX), dtype=np.float32)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16 - 0.5
    tiled = np.tile(bayer, (size[1] // 4 + 1, size[0] // 4 + 1))[: size[1], : size[0], None]
    dithered = Image.fromarray(np.clip(small + tiled * 20, 0, 255).astype(np.uint8))
    few = dithered.quantize(28, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return np.asarray(few.resize((scene.width, scene.height), Image.Resampling.NEAREST), dtype=np.float32) / 255


def poster(picture: Array, scene: Scene) -> Array:
    """Flat shapes in seven inks, within a margin of paper."""
    flat = _image(_curve(_simplified(picture, scene, 0.011), 1.15))
    inks = (
        flat.quantize(8, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        .convert("RGB")
        .filter(ImageFilter.ModeFilter(5))
    )
    colours = mix(np.asarray(inks, dtype=np.float32) / 255, rgb("#f6ead2"), 0.07)
    margin = 0.035
    inside = (np.abs(scene.xs[None, :] - scene.ratio / 2) < scene.ratio / 2 - margin) & (
        np.abs(scene.ys[:, None] - scene.height / scene.unit / 2) < scene.height / scene.unit / 2 - margin
    )
    return np.where(inside[..., None], colours, rgb("#f4ecdb")).astype(np.float32)


STYLES: dict[str | None, Finish] = {
    None: default, "photo": photo, "watercolour": watercolour, "oil": oil, "ink": ink, "pencil": pencil, "pixel": pixel, "poster": poster,
}  # fmt: skip


def finish(canvas: Canvas, scene: Scene) -> None:
    """Tone, style and grain, in this order."""
    picture = STYLES[scene.brief.style](tone(canvas.rgb, scene), scene)
    if scene.brief.style != "pixel":
        # Half a step of noise also keeps soft skies from banding in eight bits.
        grain = scene.dice("grain").normal(0, 1, (scene.height, scene.width, 1)).astype(np.float32)
        picture = picture + grain * (0.007 if scene.brief.style in {None, "poster"} else 0.012)
    canvas.rgb[:] = np.clip(picture, 0, 1)


def blurred(picture: Array, radius: float) -> Array:
    """The picture through a Gaussian of `radius` pixels."""
    return np.asarray(_image(picture).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255


def _image(picture: Array) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def _simplified(picture: Array, scene: Scene, size: float) -> Array:
    """Small things gone, edges kept: a median at half the resolution."""
    image = _image(picture)
    half = image.resize((max(8, image.width // 2), max(8, image.height // 2)), Image.Resampling.BOX)
    reach = max(3, int(size * scene.unit / 2) * 2 + 1)
    calm = half.filter(ImageFilter.MedianFilter(min(9, reach))).filter(ImageFilter.ModeFilter(3))
    return np.asarray(calm.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32) / 255


def _edges(picture: Array, scene: Scene) -> Array:
    soft = luminance(blurred(picture, scene.unit * 0.0014))
    wide = luminance(blurred(picture, scene.unit * 0.0045))
    return smoothstep(0.012, 0.075, wide - soft) * 0.85


def _border(scene: Scene, margin: float, rough: float) -> Array:
    """1 inside, 0 outside a ragged border of `margin` units."""
    x = np.minimum(scene.xs, scene.ratio - scene.xs)[None, :]
    tall = scene.height / scene.unit
    y = np.minimum(scene.ys, tall - scene.ys)[:, None]
    ragged = (scene.noise("border", 0.1, octaves=6, gain=0.6) - 0.5) * rough
    return smoothstep(margin - 0.012, margin + 0.014, np.minimum(x, y) + ragged)


def _curve(picture: Array, contrast: float) -> Array:
    return np.asarray(np.clip((picture - 0.5) * np.float32(contrast) + 0.5, 0, 1), dtype=np.float32)


def _corners(scene: Scene, depth: float) -> Array:
    x = (scene.xs[None, :] / scene.ratio - 0.5) * 2
    y = (scene.ys[:, None] * scene.unit / scene.height - 0.5) * 2
    return (1 - depth * smoothstep(0.6, 1.9, x**2 + y**2))[..., None]
