"""What the dark brings out: stars, the milky way, northern lights, fireworks."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import profile
from chatserver.providers.sketch.painting.scene import Scene

STARS = 1500
# From red dwarfs to blue giants, mostly white.
TINTS = np.stack([rgb(code) for code in ("#ffd9b8", "#fff4e4", "#ffffff", "#ffffff", "#dbe6ff", "#b9cfff")])


def stars(canvas: Canvas, scene: Scene) -> None:
    """Many faint ones, a few bright ones with a little cross."""
    rng = scene.dice("stars")
    places = rng.random((STARS, 2)) * (scene.width, scene.height)
    brightness = rng.pareto(1.6, STARS).clip(0.12, 9) / 9
    colours = TINTS[rng.integers(0, len(TINTS), STARS)]
    for place, bright, colour in zip(places, brightness, colours, strict=True):
        _star(canvas, scene, place, float(bright), colour)


def milky_way(canvas: Canvas, scene: Scene) -> None:
    """A slanting band of light with dark lanes, and star dust in it."""
    rng = scene.dice("milky-way")
    angle = rng.uniform(0.5, 1.1) * rng.choice([-1, 1])
    x, y = scene.xs[None, :] - scene.ratio * rng.uniform(0.35, 0.65), scene.ys[:, None] - rng.uniform(0.15, 0.4)
    across = np.asarray(x * np.sin(angle) - y * np.cos(angle), dtype=np.float32)
    wander = (scene.noise("milky-wander", 0.5, octaves=3) - 0.5) * 0.22
    band = np.exp(-(((across + wander) / 0.16) ** 2))
    gas = scene.noise("milky-gas", 0.25, octaves=7, gain=0.6)
    lanes = smoothstep(0.42, 0.62, scene.noise("milky-lanes", 0.2, octaves=6, gain=0.6)) * np.exp(
        -((across / 0.07) ** 2)
    )
    light = band * smoothstep(0.25, 0.85, gas) * (1 - 0.75 * lanes)
    canvas.glow(mix(scene.palette.glow, rgb("#ffe9d6"), 0.35), light * 0.62)
    canvas.glow(rgb("#c79ae0"), band * smoothstep(0.55, 0.9, gas) * 0.22)
    canvas.glow(rgb("#fff6ea"), _dust(rng, scene) * band * (1 - 0.6 * lanes))


def aurora(canvas: Canvas, scene: Scene) -> None:
    """Curtains of green that fade into violet upwards."""
    rng = scene.dice("aurora")
    for number in range(3):
        base = scene.horizon * scene.height / scene.unit * rng.uniform(0.5, 0.85)
        fold = base + profile(rng, scene.xs, 0.5, octaves=3, gain=0.4) * 0.11
        rays = 0.55 + 0.45 * profile(rng, scene.xs, 0.03, octaves=3, gain=0.6)
        height = np.float32(rng.uniform(0.2, 0.36)) * (0.7 + 0.3 * rays)
        rise = (fold[None, :] - scene.ys[:, None]) / height[None, :]
        light = (
            np.where(rise > 0, np.exp(-rise * 2.4), np.exp(np.minimum(rise, 0) * 26)) * np.clip(rays, 0.1, 1)[None, :]
        )
        colour = mix(rgb("#3dffa2"), rgb("#9a4dff"), np.clip(rise * 0.9, 0, 1)[..., None])
        canvas.glow(colour, np.asarray(light * (0.95 - 0.2 * number), dtype=np.float32))


def fireworks(canvas: Canvas, scene: Scene) -> None:
    """Bursts of falling sparks."""
    rng = scene.dice("fireworks")
    for _ in range(6):
        centre = np.array([rng.uniform(0.1, 0.9) * scene.width, rng.uniform(0.08, 0.42) * scene.height])
        colour = rgb(str(rng.choice(["#ffd166", "#ff6b8b", "#7ce0ff", "#c89bff", "#9dffb0", "#ffffff"])))
        reach = rng.uniform(0.08, 0.17) * scene.unit
        for angle in np.linspace(0, 2 * np.pi, 44, endpoint=False) + rng.uniform(-0.05, 0.05, 44):
            _trail(canvas, scene, centre, angle, reach * rng.uniform(0.75, 1.0), colour)


def _star(canvas: Canvas, scene: Scene, place: Array, bright: float, colour: Array) -> None:
    radius = max(0.5, scene.unit * (0.0006 + 0.0022 * bright))
    _spark(canvas, place, radius, min(1.0, 0.3 + 1.6 * bright), colour)
    if bright > 0.85:
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            for reach in range(2, 6):
                offset = np.array([dx, dy]) * reach * radius * 0.9
                _spark(canvas, place + offset, radius * 0.6, 0.5 / reach, colour)


def _spark(canvas: Canvas, place: Array, radius: float, strength: float, colour: Array) -> None:
    """A round spot of light, exact to a part of a pixel."""
    reach = int(radius * 2.5) + 1
    left, top = int(place[0]) - reach, int(place[1]) - reach
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.width, left + 2 * reach + 1), min(canvas.height, top + 2 * reach + 1)
    if x0 >= x1 or y0 >= y1:
        return
    dx = np.arange(x0, x1, dtype=np.float32) + 0.5 - np.float32(place[0])
    dy = np.arange(y0, y1, dtype=np.float32) + 0.5 - np.float32(place[1])
    light = np.exp(-(dx[None, :] ** 2 + dy[:, None] ** 2) / np.float32(radius**2)) * np.float32(strength)
    part = canvas.rgb[y0:y1, x0:x1]
    part += colour * light[..., None] * (1 - part)


def _dust(rng: np.random.Generator, scene: Scene) -> Array:
    """Thousands of stars too faint to tell apart."""
    grid = np.zeros((scene.height, scene.width), dtype=np.float32)
    places = rng.random((6000, 2))
    rows, columns = (places[:, 0] * scene.height).astype(int), (places[:, 1] * scene.width).astype(int)
    grid[rows, columns] = rng.uniform(0.15, 0.8, len(places))
    return grid


def _trail(canvas: Canvas, scene: Scene, centre: Array, angle: float, reach: float, colour: Array) -> None:
    for part in np.linspace(0.25, 1.0, 12):
        fall = 0.25 * reach * part**2
        place = centre + np.array([np.cos(angle), np.sin(angle)]) * reach * part + (0, fall)
        _spark(canvas, place, max(0.6, scene.unit * 0.0022 * part), float(part) ** 2 * 0.9, colour)
