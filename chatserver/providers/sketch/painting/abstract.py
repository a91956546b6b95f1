"""Pictures of nothing: marble, ribbons, currents, discs, light."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas, Sheet
from chatserver.providers.sketch.painting.colour import Array, mix, ramp, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import profile, warped
from chatserver.providers.sketch.painting.palettes import HUES
from chatserver.providers.sketch.painting.scene import Layer, Scene

SETS = [
    "#0b132b #1c2541 #3a506b #5bc0be #f2f4f3",
    "#2d1e2f #87255b #e0475b #f79256 #fbd1a2",
    "#003049 #d62828 #f77f00 #fcbf49 #eae2b7",
    "#1b1b3a #693668 #a74482 #f84aa7 #ff9fb2",
    "#132a13 #31572c #4f772d #90a955 #ecf39e",
    "#22223b #4a4e69 #9a8c98 #c9ada7 #f2e9e4",
    "#10002b #3c096c #7b2cbf #c77dff #ffe0fb",
    "#012a4a #01497c #2a6f97 #61a5c2 #f0e7d0",
]
NEON = [
    "#05010f #240046 #ff006e #00f5d4 #fee440",
    "#020812 #0b1f4a #00b4ff #ff2bd6 #f6f740",
    "#08020f #2b0a4d #7a00ff #ff3d7f #21f3ff",
]


def colours(scene: Scene) -> list[Array]:
    """Five colours from dark to light, those that the prompt asks for if it asks."""
    rng = scene.dice("colours")
    stops = [rgb(code) for code in str(rng.choice(NEON if "neon" in scene.brief.tones else SETS)).split()]
    for number, name in enumerate(scene.brief.colours[:3]):
        for place in range(number, 5, max(1, min(3, len(scene.brief.colours)))):
            light = 0.12 + 0.2 * place
            hue = np.array(
                [0.5 + 0.5 * np.cos(2 * np.pi * (HUES[name] - shift / 3)) for shift in range(3)], dtype=np.float32
            )
            stops[place] = mix(
                stops[place],
                np.clip(mix(hue * np.float32(light * 1.6), rgb("#ffffff"), max(0.0, light - 0.55)), 0, 1),
                0.75,
            )
    return stops


def marble(canvas: Canvas, scene: Scene) -> None:
    """Paint poured and folded twice."""
    stops, swirl = colours(scene), scene.unit * 0.45
    dx, dy = scene.noise("fold-x", 0.55, octaves=4) - 0.5, scene.noise("fold-y", 0.55, octaves=4) - 0.5
    once = warped(scene.noise("pour", 0.6, octaves=4), dx * swirl, dy * swirl)
    twice = warped(once, (once - 0.5) * swirl * 1.4 + dy * swirl, (dx - once + 0.5) * swirl)
    lines = np.sin(twice * 38 + dx * 8) * 0.045
    canvas.paint(ramp(stops, np.clip(spread(twice) + lines, 0, 1)), 1.0)
    slope = np.gradient(twice, axis=1) * scene.unit * 0.22
    canvas.glow(stops[4], np.clip(slope, 0, 1) * 0.55)
    canvas.paint(stops[0], np.clip(-slope, 0, 1) * 0.4)


def spread(field: Array) -> Array:
    """The field stretched so that it uses the whole range from 0 to 1."""
    low, high = np.quantile(field[::7, ::7], [0.02, 0.98])
    return np.asarray(np.clip((field - low) / (high - low), 0, 1), dtype=np.float32)


def ground(canvas: Canvas, scene: Scene) -> None:
    """A quiet field of two colours for others to stand on."""
    stops = colours(scene)
    slope = np.clip(
        scene.ys[:, None] * 0.7 + scene.xs[None, :] * 0.3 + (scene.noise("ground", 0.8, octaves=3) - 0.5) * 0.5, 0, 1
    )
    canvas.paint(ramp([stops[0], stops[1], mix(stops[1], stops[2], 0.4)], slope), 1.0)


def ribbons(first: int, last: int, count: int) -> Layer:
    """Waves of silk from `first` to `last` of `count`, each with a lit edge and a shadow below it."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng, stops = scene.dice(f"ribbons {first}"), colours(scene)
        shared = scene.dice("ribbon-line")
        base = profile(shared, scene.xs, 0.9, octaves=2, gain=0.4)
        tall = scene.height / scene.unit
        for number in range(first, last):
            t = (number + 0.5) / count
            line = tall * (0.02 + 1.0 * t) + (
                base * 0.16 + profile(rng, scene.xs + t * 2, 0.6, octaves=2, gain=0.4) * 0.07
            )
            _ribbon(
                canvas,
                scene,
                line.astype(np.float32),
                ramp(stops, np.array([(t * 1.7 + 0.1 * np.sin(number)) % 1]))[0],
                stops,
            )

    return Layer(f"ribbons {first + 1}", 0.2 + 0.7 * first / count, paint)


def _ribbon(canvas: Canvas, scene: Scene, line: Array, colour: Array, stops: list[Array]) -> None:
    first = min(scene.height - 1, max(0, int((line.min() - 0.05) * scene.unit)))
    depth = scene.ys[first:, None] - line[None, :]
    canvas.paint(stops[0], np.where(depth < 0, np.exp(np.minimum(depth, 0) * 34) * 0.5, 0).astype(np.float32), first)
    body = mix(mix(colour, stops[4], 0.35), mix(colour, stops[0], 0.35), smoothstep(0, 0.16, depth)[..., None])
    canvas.paint(body, np.clip(depth * scene.unit + 0.5, 0, 1), first)
    canvas.glow(stops[4], np.exp(-np.abs(depth) * 190) * np.clip(depth * scene.unit + 0.5, 0, 1) * 0.55, first)


def currents(name: str, count: int, width: float) -> Layer:
    """Lines that follow an unseen wind, coloured by where they began."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng, stops = scene.dice(name), colours(scene)
        turn = scene.noise("wind", 0.7, octaves=2) * np.float32(2.4 * np.pi)
        sheet = Sheet(canvas.width, canvas.height)
        places = rng.random((count, 2)) * (scene.width, scene.height)
        hues = np.clip(scene.noise("current-hues", 0.6, octaves=2) * 1.5 - 0.25, 0, 1)
        tracks = _tracks(turn, places, scene.unit * 0.006, 46)
        for track, start in zip(tracks, places, strict=True):
            tone = hues[min(scene.height - 1, int(start[1])), min(scene.width - 1, int(start[0]))] + rng.normal(0, 0.12)
            colour = ramp(stops[1:], np.array([np.clip(tone, 0, 1)]))[0]
            sheet.line(track, scene.unit * width * rng.uniform(0.4, 1.5), colour)
        canvas.stamp(sheet.image)

    return Layer(name, 0.5, paint)


def _tracks(turn: Array, places: Array, step: float, length: int) -> Array:
    """The ways of all points through the wind, as (points, length, 2)."""
    height, width = turn.shape
    here, tracks = places.copy(), []
    for _ in range(length):
        tracks.append(here.copy())
        angle = turn[np.clip(here[:, 1].astype(int), 0, height - 1), np.clip(here[:, 0].astype(int), 0, width - 1)]
        here += np.stack([np.cos(angle), np.sin(angle)], axis=1) * step
    return np.stack(tracks, axis=1)


def discs(canvas: Canvas, scene: Scene) -> None:
    """Circles, arcs and bars in a loose order, as the Bauhaus liked them."""
    rng, stops = scene.dice("discs"), colours(scene)
    sheet = Sheet(canvas.width, canvas.height)
    for number in range(16):
        x, y = rng.uniform(0, 1) * scene.width, rng.uniform(0, 1) * scene.height
        radius = scene.unit * rng.uniform(0.03, 0.24) * (1 - number / 24)
        colour = stops[int(rng.integers(1, 5))]
        if number % 4 == 3:
            reach, angle = radius * 3, rng.choice([0.0, 0.785, 1.571, 2.356])
            way = np.array([np.cos(angle), np.sin(angle)]) * reach
            sheet.line(np.stack([np.array([x, y]) - way, np.array([x, y]) + way]), radius * 0.16, colour)
            continue
        sheet.disc(x, y, radius, radius, colour)
        if number % 2:
            sheet.disc(x, y, radius * 0.62, radius * 0.62, stops[int(rng.integers(0, 5))])
    canvas.stamp(sheet.image)


def neon_lines(canvas: Canvas, scene: Scene) -> None:
    """Glowing tubes of light that wave across the dark."""
    rng, stops = scene.dice("neon"), colours(scene)
    base = profile(rng, scene.xs, 1.0, octaves=2, gain=0.5) * np.float32(0.2)
    middle = scene.height / scene.unit * float(rng.uniform(0.4, 0.6))
    for number in range(14):
        t = number / 13
        spread = profile(rng, scene.xs, 0.8, octaves=2, gain=0.4) * np.float32(0.06) + np.float32((t - 0.5) * 0.62)
        line = middle + base + spread * (0.35 + 0.65 * np.abs(np.sin(scene.xs * 2.2 + t)))
        slope = np.sqrt(1 + np.gradient(line, scene.xs) ** 2)
        away = np.abs(scene.ys[:, None] - line[None, :]) / slope[None, :]
        colour = mix(stops[2], stops[3], t) if number % 5 else stops[4]
        canvas.glow(colour, np.exp(-away * 28) * 0.3 + np.exp(-((away / 0.004) ** 2)) * 0.8)
        canvas.glow(rgb("#ffffff"), np.exp(-((away / 0.0014) ** 2)) * 0.8)


def blooming(canvas: Canvas, scene: Scene) -> None:
    """Soft lights out of focus."""
    rng, stops = scene.dice("bokeh"), colours(scene)
    for _ in range(26):
        x, y = rng.uniform(0, 1) * scene.width, rng.uniform(0, 1) * scene.height
        radius = scene.unit * rng.uniform(0.015, 0.07)
        away = np.hypot(scene.xs[None, :] * scene.unit - x, scene.ys[:, None] * scene.unit - y) / radius
        canvas.glow(
            stops[int(rng.integers(2, 5))], smoothstep(1.02, 0.9, away) * (0.12 + 0.14 * np.clip(away, 0, 1) ** 4)
        )
