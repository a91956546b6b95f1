"""Trees, grass and flowers."""

import numpy as np

from chatserver.painting.canvas import Canvas, Sheet, Stencil
from chatserver.painting.colour import Array, mix, rgb, smoothstep
from chatserver.painting.noise import fractal, profile
from chatserver.painting.scene import Layer, Scene


def pine(stencil: Stencil, rng: np.random.Generator, x: float, foot: float, height: float) -> None:
    """A pine: tiers of drooping boughs, ragged, narrower towards the tip."""
    spread = height * rng.uniform(0.17, 0.24)
    tiers = int(np.clip(height / 5, 7, 34))
    places = np.linspace(0.04, 0.93, tiers)
    lean = rng.uniform(-0.02, 0.02) * height
    right, left = [], []
    for place in places:
        reach = spread * place**0.86 * rng.uniform(0.72, 1.18, 2)
        y = foot - height * (1 - place)
        droop = spread * 0.16 * place
        for side, edge, out in ((1, right, reach[0]), (-1, left, reach[1])):
            centre = x + lean * (1 - place)
            edge.extend([(centre + side * out, y + droop), (centre + side * out * 0.42, y - droop * 0.1)])
    tip = [(x + lean, foot - height)]
    stencil.polygon(np.array(tip + right + [(x, foot - height * 0.05)] + left[::-1]))
    stencil.polygon(np.array([(x - height * 0.012, foot - height * 0.2), (x + height * 0.012, foot - height * 0.2),
                              (x + height * 0.016, foot + 2), (x - height * 0.016, foot + 2)]))  # fmt: skip


def pine_row(name: str, foot: float, height: float, count: int, near: float) -> Layer:
    """Pines along an uneven line at `foot` (fraction), about `height` units tall; `near` 0–1 is how dark they stand out."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        ground = foot * scene.height / scene.unit + profile(rng, scene.xs, 0.5, octaves=4) * 0.03
        stencil = Stencil(canvas.width, canvas.height)
        for place in np.sort(rng.uniform(-0.03, 1.03, max(3, int(count * scene.ratio)))):
            column = int(np.clip(place * scene.width, 0, scene.width - 1))
            tall = height * scene.unit * rng.uniform(0.5, 1.15) * (0.8 + 0.4 * rng.random())
            pine(stencil, rng, place * scene.width, float(ground[column]) * scene.unit + 3, tall)
        soil = np.clip((scene.ys[:, None] - ground[None, :]) * scene.unit + 0.5, 0, 1)
        canvas.paint(_in_distance(scene, near), np.maximum(stencil.mask(), soil))

    return Layer(name, 0.25 + 0.7 * near, paint)


def _in_distance(scene: Scene, near: float) -> Array:
    """The dark of trees at a distance, hazier towards the ground."""
    leaf = rgb("#15251f") if not scene.palette.dark else scene.palette.shade
    colour = mix(scene.palette.haze, mix(scene.palette.shade, leaf, 0.45), 0.16 + 0.84 * near)
    ground = smoothstep(scene.horizon - 0.1, 1.05, scene.ys * scene.unit / scene.height)[:, None, None]
    return mix(colour, scene.palette.haze, ground * 0.42 * (1 - near))


def trunks(name: str, count: int, near: float) -> Layer:
    """Tall bare trunks with a few boughs, that leave the picture at its top."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        stencil = Stencil(canvas.width, canvas.height)
        for _ in range(count):
            x, width = (
                rng.uniform(-0.02, 1.02) * scene.width,
                scene.unit * (0.006 + 0.03 * near) * rng.uniform(0.6, 1.4),
            )
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
        bough(stencil, rng, start, rng.choice([-1, 1]) * rng.uniform(0.9, 1.5), width * rng.uniform(4, 9), width * 0.26)


def bough(
    stencil: Stencil,
    rng: np.random.Generator,
    start: Array,
    angle: float,
    length: float,
    width: float,
    ends: list[Array] | None = None,
) -> None:
    """A branch that forks until it is a twig. `angle` from straight up, clockwise; tips are added to `ends`."""
    if length < 3 or width < 0.25:
        if ends is not None:
            ends.append(start)
        return
    heading = angle + rng.normal(0, 0.12)
    end = start + np.array([np.sin(heading), -np.cos(heading)]) * length
    bend = (start + end) / 2 + rng.normal(0, length * 0.06, 2)
    stencil.line(np.stack([start, bend, end]), width)
    stencil.disc(end[0], end[1], width * 0.5)
    for side in (-1, 1):
        fork = angle + side * rng.uniform(0.22, 0.62)
        bough(stencil, rng, end, fork, length * rng.uniform(0.62, 0.86), width * rng.uniform(0.55, 0.7), ends)
    if ends is not None and length < 40:
        ends.append(end)


def tree(
    scene: Scene, canvas: Canvas, rng: np.random.Generator, x: float, foot: float, height: float, leaves: list[Array]
) -> None:
    """A broad tree: dark wood, then leaves in `leaves`' colours from the shaded to the lit ones."""
    wood = Stencil(canvas.width, canvas.height)
    ends: list[Array] = []
    start = np.array([x, foot], dtype=np.float64)
    bough(wood, rng, start, rng.uniform(-0.08, 0.08), height * 0.27, height * 0.05, ends)
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
        for _ in range(2600 // len(tints)):
            tip = tips[rng.integers(len(tips))] + rng.normal(0, height * 0.035, 2)
            toward = ((tip[0] - middle[0]) * side - (tip[1] - middle[1])) / height
            if toward + rng.normal(0, 0.16) < (level / len(tints) - 0.45) * 0.8:
                continue
            radius = height * rng.uniform(0.006, 0.015)
            sheet.disc(
                tip[0], tip[1], radius, radius * rng.uniform(0.6, 1), mix(tint, tints[-1], float(rng.uniform(0, 0.3)))
            )
    canvas.stamp(sheet.image)


def grass(name: str, top: float, near: float, colours: list[Array]) -> Layer:
    """Blades over the rows from `top` (fraction) down, taller towards us."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        sheet = Sheet(canvas.width, canvas.height)
        depths = np.sort(rng.random(2300) ** 0.75)
        for depth in depths:
            foot = np.array([rng.uniform(-0.02, 1.02) * scene.width, (top + (1.06 - top) * depth) * scene.height])
            tall = scene.unit * (0.012 + 0.085 * depth**1.6 * near) * rng.uniform(0.6, 1.3)
            bend = rng.normal(0.12, 0.3) * tall
            tint = colours[int(rng.integers(len(colours)))] * np.float32(rng.uniform(0.75, 1.12))
            half = max(0.5, tall * 0.028)
            tip, middle = foot + (bend, -tall), foot + (bend * 0.3, -tall * 0.55)
            sheet.polygon(
                np.stack([foot - (half, 0), middle - (half * 0.7, 0), tip, middle + (half * 0.7, 0), foot + (half, 0)]),
                tint,
            )
        canvas.stamp(sheet.image)

    return Layer(name, 0.6 + 0.4 * near, paint)


def flowers(name: str, top: float, kinds: list[tuple[Array, Array]], count: int = 900) -> Layer:
    """Flowers as (petal, heart) colours: dots far off, with stems and petals near us."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(name)
        sheet = Sheet(canvas.width, canvas.height)
        drifts = fractal(rng, (64, 64), 20, octaves=3)
        for depth in np.sort(rng.random(count) ** 0.62):
            x, y = rng.uniform(0, 1), top + (1.03 - top) * depth
            if drifts[int(depth * 63), int(x * 63)] < 0.4 and rng.random() < 0.7:
                continue
            petal, heart = kinds[
                int((drifts[int(x * 63), int(depth * 63)] * 1.6 - 0.3 + rng.normal(0, 0.12)) % 1 * len(kinds))
            ]
            size = scene.unit * (0.0022 + 0.0215 * depth**3.2) * rng.uniform(0.7, 1.25)
            _flower(
                sheet,
                rng,
                np.array([x * scene.width, y * scene.height]),
                size,
                petal * np.float32(rng.uniform(0.85, 1.08)),
                heart,
            )
        canvas.stamp(sheet.image)

    return Layer(name, 0.95, paint)


def _flower(sheet: Sheet, rng: np.random.Generator, place: Array, size: float, petal: Array, heart: Array) -> None:
    if size < 3.0:
        sheet.disc(place[0], place[1], size, size * 0.75, petal)
        return
    stem = place + (rng.normal(0, size * 0.5), size * rng.uniform(3.0, 5.0))
    sheet.line(np.stack([place, stem]), max(0.7, size * 0.16), rgb("#2f5d33"))
    turn, tilt = rng.uniform(0, np.pi), rng.uniform(0.55, 0.95)
    count = int(rng.integers(5, 9))
    for number, angle in enumerate(np.linspace(0, 2 * np.pi, count, endpoint=False) + turn):
        centre = place + np.array([np.cos(angle), np.sin(angle) * tilt]) * size * 0.62
        shade = petal * np.float32(0.86 + 0.16 * (number % 2) + 0.06 * np.sin(angle))
        sheet.disc(centre[0], centre[1], size * 0.46, size * 0.46 * tilt, shade)
    sheet.disc(place[0], place[1], size * 0.3, size * 0.3 * tilt, heart)
