"""Beyond the sky: nebulae, planets, rings, moons."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, ramp, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import fractal, profile, warped
from chatserver.providers.sketch.painting.palettes import HUES
from chatserver.providers.sketch.painting.scene import Scene

NEBULAE = [
    "#05030d #1a0f3a #5a2a7a #c8508a #ffb07a",
    "#02060d #08243c #0f5a78 #4fb3b0 #d6f0c8",
    "#06040a #2a0f22 #7a2038 #d8643c #ffd08a",
    "#030510 #10204c #3a4ea8 #8f8fe8 #f0d8ff",
]
PLANETS = [
    "#7a4a2e #c98f5a #f0d3a0 #b87444 #e8b680 #fae6c4 #a3623c",
    "#12324e #2f6f94 #8fc4d0 #e8f0e4 #4f96a8 #c4e0dc #1f4f70",
    "#3a1d44 #7a3f86 #c983b8 #f0c8dc #8f54a0 #e0a8cc #54286a",
    "#4a1a14 #963a24 #d8744a #f0b080 #b04f30 #e89868 #6a2418",
    "#1c3a2e #3f7a5a #a0c890 #e8e8c0 #5a9a70 #c4d8a0 #285244",
]


def deep(canvas: Canvas, scene: Scene) -> None:
    """Darkness with clouds of glowing gas, folded by slow winds."""
    rng = scene.dice("nebula")
    stops = [rgb(code) for code in str(rng.choice(NEBULAE)).split()]
    if scene.brief.colours:
        stops = list(scene.palette.sky[:1]) + [
            mix(stop, scene.palette.glow * np.float32(0.25 + 0.19 * i), 0.6) for i, stop in enumerate(stops[1:])
        ]
        stops[0] = rgb("#04040a")
    swirl = scene.unit * 0.32
    dx, dy = (
        (scene.noise("wind-x", 0.5, octaves=4) - 0.5) * swirl,
        (scene.noise("wind-y", 0.5, octaves=4) - 0.5) * swirl,
    )
    gas = warped(scene.noise("gas", 0.45, octaves=8, gain=0.56), dx, dy)
    place = smoothstep(0.75, 0.1, np.abs(scene.noise("where", 0.9, octaves=2) - 0.55) * 2.2)
    canvas.paint(ramp(stops, np.clip((gas - 0.3) * 1.55, 0, 1) * place), 1.0)
    threads = warped(scene.noise("threads", 0.25, octaves=7, ridged=True, gain=0.55), dx, dy)
    canvas.glow(stops[-1], smoothstep(0.8, 1.0, threads) * place * 0.35)


def planet(canvas: Canvas, scene: Scene) -> None:
    """A great world with bands and storms, half in its own night, perhaps with rings."""
    rng = scene.dice("planet")
    radius = float(rng.uniform(0.2, 0.29))
    centre = (scene.ratio * float(rng.uniform(0.36, 0.64)), scene.height / scene.unit * float(rng.uniform(0.42, 0.58)))
    ringed = "rings" in scene.brief.figures or ("rings" not in scene.brief.unwanted and rng.random() < 0.45)
    light = float(rng.choice([-1, 1])) * 0.75
    tilt = float(rng.uniform(-0.5, 0.5))
    stops = _world(scene, rng)
    if ringed:
        _rings(canvas, scene, centre, radius, tilt, stops, behind=True)
    _globe(canvas, scene, rng, centre, radius, tilt, light, stops)
    if ringed:
        _rings(canvas, scene, centre, radius, tilt, stops, behind=False)


def moons(canvas: Canvas, scene: Scene) -> None:
    """One or two small grey worlds."""
    rng = scene.dice("moons")
    for _ in range(int(rng.integers(1, 4))):
        centre = (
            scene.ratio * float(rng.uniform(0.06, 0.94)),
            scene.height / scene.unit * float(rng.uniform(0.06, 0.94)),
        )
        stops = [rgb(code) for code in ["#3a3a40", "#8a8580", "#c8c0b4", "#9a948c"]]
        _globe(canvas, scene, rng, centre, float(rng.uniform(0.015, 0.045)), 0.0, -0.7, stops)


def _world(scene: Scene, rng: np.random.Generator) -> list[Array]:
    stops = [rgb(code) for code in PLANETS[int(rng.integers(len(PLANETS)))].split()]
    for name in scene.brief.colours[:1]:
        tint = np.array(
            [0.5 + 0.5 * np.cos(2 * np.pi * (HUES[name] - shift / 3)) for shift in range(3)], dtype=np.float32
        )
        stops = [mix(stop, tint * stop.max(), 0.5) for stop in stops]
    return stops


def _globe(
    canvas: Canvas,
    scene: Scene,
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    tilt: float,
    light: float,
    stops: list[Array],
) -> None:
    x, y = (scene.xs[None, :] - centre[0]) / radius, (scene.ys[:, None] - centre[1]) / radius
    away = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - away**2, 0, 1))
    canvas.glow(stops[2], np.exp(-np.clip(away - 1, 0, 9) * 9) * 0.35 * np.clip(0.5 + 0.6 * x * light, 0, 1))
    latitude = x * np.sin(tilt) + y * np.cos(tilt)
    weather = (
        fractal(rng, (scene.width, scene.height), radius * 0.35 * scene.unit, octaves=6, stretch=2.4, gain=0.55) - 0.5
    )
    bands = profile(rng, np.asarray(latitude + weather * 0.16, dtype=np.float32).ravel() + 9, 0.34, octaves=4, gain=0.6)
    surface = ramp(stops, np.clip(0.5 + 0.42 * bands.reshape(latitude.shape) + weather * 0.3, 0, 1))
    lit = smoothstep(-0.12, 0.85, x * light - y * 0.42 + z * 0.5)
    edge = 1 - 0.35 * (1 - z) ** 2
    colour = surface * (0.025 + 1.05 * lit * edge)[..., None]
    rim = np.clip(away, 0, 1) ** 9 * lit
    colour = mix(colour, mix(stops[2], rgb("#ffffff"), 0.4), rim[..., None] * 0.5)
    canvas.paint(
        np.clip(colour, 0, 1), smoothstep(1 + 1.2 / (radius * scene.unit), 1 - 1.2 / (radius * scene.unit), away)
    )


def _rings(
    canvas: Canvas,
    scene: Scene,
    centre: tuple[float, float],
    radius: float,
    tilt: float,
    stops: list[Array],
    *,
    behind: bool,
) -> None:
    x, y = (scene.xs[None, :] - centre[0]) / radius, (scene.ys[:, None] - centre[1]) / radius
    along, across = x * np.cos(tilt) - y * np.sin(tilt), (x * np.sin(tilt) + y * np.cos(tilt)) / 0.26
    away = np.hypot(along, across)
    grooves = profile(scene.dice("grooves"), away.ravel(), 0.22, octaves=6, gain=0.72).reshape(away.shape)
    band = (
        smoothstep(1.28, 1.34, away)
        * smoothstep(2.25, 2.12, away)
        * (1 - 0.9 * np.exp(-(((away - 1.82) / 0.025) ** 2)))
    )
    half = across < 0 if behind else across >= 0
    cover = band * np.clip(0.62 + 0.5 * grooves, 0.08, 0.95) * half
    shadow = smoothstep(1.02, 0.9, np.hypot(x, y + 0.12)) * 0.75 if behind else 0.0
    colour = mix(stops[2], stops[1], np.clip(0.5 + grooves, 0, 1)[..., None]) * np.float32(1.05)
    canvas.paint(np.clip(colour * np.asarray(1 - shadow, dtype=np.float32)[..., None], 0, 1), cover.astype(np.float32))
