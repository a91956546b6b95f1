"""Trees: pines in rows, bare trunks, broad crowns."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet, Stencil
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import profile
from chatserver.providers.sketch.painting.scene import Layer, Scene
from chatserver.providers.sketch.painting.shapes import at


def pine(stencil: Stencil, rng: np.random.Generator, x: float, foot: float, height: float, tiers: int) -> None:
    """A pine: tiers of drooping boughs, ragged, narrower towards the tip."""
    spread, lean = height * rng.uniform(0.17, 0.24), rng.uniform(-0.02, 0.02) * height
    places = np.linspace(0.04, 0.93, tiers)
    centre, y = x + lean * (1 - places), foot - height * (1 - places)
    droop = spread * 0.16 * places
    edges = []
    for side, reach in zip((1, -1), rng.uniform(0.72, 1.18, (2, tiers)), strict=True):
        out = spread * places**0.86 * reach * side
        tips, forks = np.stack([centre + out, y + droop], 1), np.stack([centre + out * 0.42, y - droop * 0.1], 1)
        edges.append(np.stack([tips, forks], 1).reshape(-1, 2))
    ends = np.array([[x + lean, foot - height], [x, foot - height * 0.05]])
    stencil.polygon(np.vstack([ends[:1], edges[0], ends[1:], edges[1][::-1]]))
    stencil.polygon(at("-12,-200 12,-200 16,8 -16,8", x, foot, height * 0.1))


def pine_row(name: str, foot: float, height: float, count: int, near: float) -> Layer:
    """Pines along an uneven line at `foot` (fraction), `height` units tall; `near` 0–1 is how dark they stand out."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        ground = foot * scene.height / scene.unit + profile(rng, scene.xs, 0.5, octaves=4) * 0.03
        stencil = Stencil(canvas.width, canvas.height)
        for place in np.sort(rng.uniform(-0.03, 1.03, max(3, int(count * scene.ratio)))):
            tall = height * rng.uniform(0.5, 1.15) * (0.8 + 0.4 * rng.random())
            _plant(stencil, rng, scene, ground, place, tall)
        for place in rng.uniform(-0.02, 1.02, int(count * scene.ratio * 5 * near)):
            _plant(stencil, rng, scene, ground, place, height * rng.uniform(0.1, 0.32))
        soil = np.clip((scene.ys[:, None] - ground[None, :]) * scene.unit + 0.5, 0, 1)
        canvas.paint(_in_distance(scene, near), np.maximum(stencil.mask(), soil))

    return Layer(name, 0.25 + 0.7 * near, paint)


def _plant(stencil: Stencil, rng: np.random.Generator, scene: Scene, ground: Array, place: float, tall: float) -> None:
    """One pine, `tall` units high, with its foot a little below the ground."""
    column = int(np.clip(place * scene.width, 0, scene.width - 1))
    foot = (float(ground[column]) + tall * 0.05) * scene.unit
    pine(stencil, rng, place * scene.width, foot, tall * scene.unit, int(np.clip(tall * 130, 7, 34)))


def _in_distance(scene: Scene, near: float) -> Array:
    """The dark of trees at a distance, hazier towards the ground."""
    leaf = rgb("#15251f") if not scene.palette.dark else scene.palette.shade
    colour = mix(scene.palette.haze, mix(scene.palette.shade, leaf, 0.45), 0.16 + 0.84 * near**0.6)
    ground = smoothstep(scene.horizon - 0.1, 1.05, scene.ys * scene.unit / scene.height)[:, None, None]
    return mix(colour, scene.palette.haze, ground * 0.4 * (1 - near))


def trunks(name: str, count: int, near: float) -> Layer:
    """Tall bare trunks with a few boughs, that leave the picture at its top."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        stencil = Stencil(canvas.width, canvas.height)
        for _ in range(count):
            edge = rng.uniform(-0.02, 0.26)
            x = (edge if rng.random() < 0.5 else 1 - edge) * scene.width
            width = scene.unit * (0.006 + 0.03 * near) * rng.uniform(0.6, 1.4)
            _trunk(stencil, rng, scene, x, width)
        ground = (0.72 + 0.26 * near) * scene.height / scene.unit + profile(rng, scene.xs, 0.3, octaves=5) * 0.025
        soil = np.clip((scene.ys[:, None] - ground[None, :]) * scene.unit + 0.5, 0, 1)
        canvas.paint(_in_distance(scene, near), np.maximum(stencil.mask(), soil))

    return Layer(name, 0.2 + 0.75 * near, paint)


def _trunk(stencil: Stencil, rng: np.random.Generator, scene: Scene, x: float, width: float) -> None:
    ys = np.linspace(-10, scene.height * 1.02, 16)
    sway = np.cumsum(rng.normal(0, width * 0.12, 16))
    half = width * (0.32 + 0.3 * ys / scene.height + 0.9 * np.clip(ys / scene.height - 0.88, 0, 1))
    left, right = np.stack([x + sway - half, ys], 1), np.stack([x + sway + half, ys], 1)
    stencil.polygon(np.vstack([left, right[::-1]]))
    for _ in range(int(rng.integers(3, 8))):
        start = np.array([x + sway[5], rng.uniform(0, 0.62) * scene.height])
        bough(
            stencil, rng, start, rng.choice([-1, 1]) * rng.uniform(0.9, 1.5), width * rng.uniform(4, 9), width * 0.26, 5
        )


def bough(
    stencil: Stencil, rng: np.random.Generator, start: Array, angle: float, length: float, width: float, forks: int
) -> list[Array]:
    """A branch that forks so many times. `angle` from straight up, clockwise. Returns where its last twigs end."""
    heading = angle + rng.normal(0, 0.12)
    end = start + np.array([np.sin(heading), -np.cos(heading)]) * length
    bend = (start + end) / 2 + rng.normal(0, length * 0.06, 2)
    stencil.line(np.stack([start, bend, end]), width)
    stencil.disc(float(end[0]), float(end[1]), width * 0.5)
    if forks == 0:
        return [end]
    ends: list[Array] = [end] if forks < 4 else []
    for side in (-1, 1):
        way, share = angle + side * rng.uniform(0.22, 0.62), rng.uniform((0.62, 0.55), (0.86, 0.7))
        ends += bough(stencil, rng, end, way, length * share[0], width * share[1], forks - 1)
    return ends


def tree(
    scene: Scene, canvas: Canvas, rng: np.random.Generator, x: float, foot: float, height: float, leaves: list[Array]
) -> None:
    """A broad tree: dark wood, then leaves in `leaves`' colours from the shaded to the lit ones."""
    wood = Stencil(canvas.width, canvas.height)
    ends = bough(wood, rng, np.array([x, foot]), rng.uniform(-0.08, 0.08), height * 0.27, height * 0.05, 8)
    canvas.paint(mix(scene.palette.shade, rgb("#2a1a18"), 0.5), wood.mask())
    if leaves:
        _leaves(scene, canvas, rng, ends, height, leaves)


def _leaves(
    scene: Scene, canvas: Canvas, rng: np.random.Generator, ends: list[Array], height: float, tints: list[Array]
) -> None:
    sheet = Sheet(canvas.width, canvas.height)
    tips = np.array(ends)
    middle, side = tips.mean(axis=0), (1 if scene.sun[0] > 0.5 else -1)
    for level, tint in enumerate(tints):
        for _ in range(12000 // len(tints)):
            tip = tips[rng.integers(len(tips))] + rng.normal(0, height * 0.03, 2)
            toward = ((tip[0] - middle[0]) * side - (tip[1] - middle[1])) / height
            if toward + rng.normal(0, 0.16) < (level / len(tints) - 0.45) * 0.8:
                continue
            radius = height * rng.uniform(0.003, 0.0072)
            sheet.disc(
                tip[0], tip[1], radius, radius * rng.uniform(0.6, 1), mix(tint, tints[-1], float(rng.uniform(0, 0.3)))
            )
    canvas.stamp(sheet.image)
