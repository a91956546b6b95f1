"""Who is in the picture: animals and people against the light, birds, a head in profile."""

import numpy as np

from chatserver.providers.sketch.painting import shapes
from chatserver.providers.sketch.painting.canvas import Canvas, Stencil
from chatserver.providers.sketch.painting.colour import Array, mix, rgb, smoothstep
from chatserver.providers.sketch.painting.noise import profile, shifted
from chatserver.providers.sketch.painting.scene import Layer, Scene

# How tall each stands in units when it is the picture's subject.
TALL = {
    "cat": 0.26,
    "dog": 0.24,
    "deer": 0.3,
    "horse": 0.34,
    "rabbit": 0.19,
    "owl": 0.22,
    "fox": 0.24,
    "person": 0.3,
    "camel": 0.22,
    "whale": 0.2,
}


def standing(name: str, foot: float, *, share: float = 1.0) -> Layer:
    """A silhouette with a rim of light, at a third of the width, on `foot` (fraction)."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice(f"figure {name}")
        x, height = (_stand(scene) + rng.uniform(-0.05, 0.05)) * scene.width, TALL[name] * share * scene.unit
        stencil = Stencil(canvas.width, canvas.height)
        shapes.draw(stencil, name, x, foot * scene.height, height, mirrored=bool(x > scene.x(scene.sun[0])))
        mask = stencil.mask()
        if name == "whale":
            _ripples(canvas, scene, mask, x, foot * scene.height - height * 0.22, height)
        against_light(canvas, scene, mask)

    return Layer(name, 0.8, paint)


def knoll(foot: float) -> Layer:
    """A dark rise of ground right before us, for a figure to stand on."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice("knoll")
        third = _stand(scene) * scene.ratio
        rise = np.exp(-(((scene.xs - third) / 0.55) ** 2)) * 0.1
        line = (foot * scene.height / scene.unit + 0.1) - rise + profile(rng, scene.xs, 0.08, octaves=5) * 0.003
        canvas.paint(
            mix(scene.palette.shade, rgb("#10160f"), 0.4),
            np.clip((scene.ys[:, None] - line[None, :]) * scene.unit + 0.5, 0, 1),
        )

    return Layer("knoll", 0.8, paint)


def birds(canvas: Canvas, scene: Scene) -> None:
    """A loose flight of birds, wings at every angle."""
    rng = scene.dice("birds")
    stencil = Stencil(canvas.width, canvas.height)
    lead = np.array([rng.uniform(0.25, 0.75) * scene.width, rng.uniform(0.14, 0.34) * scene.height])
    for number in range(int(rng.integers(7, 14))):
        place = lead + rng.normal(0, 1, 2) * (0.16 * scene.unit, 0.07 * scene.unit)
        span = scene.unit * rng.uniform(0.011, 0.03) * (1.35 if number == 0 else 1.0)
        lift, tilt = rng.uniform(0.15, 0.75), rng.uniform(-0.2, 0.2)
        wing = np.array(
            [
                (-1, -lift),
                (-0.55, -lift * 0.92),
                (0, 0),
                (0.55, -lift * 0.92),
                (1, -lift * 0.9),
                (0.5, -lift * 0.55),
                (0, 0.2),
                (-0.5, -lift * 0.55),
            ]
        )
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        stencil.polygon(place + wing @ turn.T * span)
    canvas.paint(mix(scene.palette.shade, scene.palette.haze, 0.15), stencil.mask() * 0.95)


def profile_window(canvas: Canvas, scene: Scene) -> None:
    """Everything painted so far stays only inside a head in profile; around it is pale air."""
    stencil = Stencil(canvas.width, canvas.height)
    tall = min(scene.height * 0.92, scene.width * 1.0)
    shapes.draw(
        stencil,
        "portrait",
        scene.width * 0.47,
        scene.height * 1.0,
        tall,
        mirrored=bool(scene.dice("portrait").random() < 0.5),
    )
    inside = stencil.mask()
    paper = mix(
        mix(scene.palette.sky[-1], rgb("#fbf6ec"), 0.7),
        scene.palette.haze,
        scene.noise("air", 0.7, octaves=3)[..., None] * 0.3,
    )
    canvas.paint(paper, 1 - inside * smoothstep(1.02, 0.72, scene.ys * scene.unit / scene.height)[:, None])


def against_light(canvas: Canvas, scene: Scene, mask: Array) -> None:
    canvas.paint(mix(scene.palette.shade, rgb("#0b0a10"), 0.35), mask)
    step = max(1, int(0.0035 * scene.unit))
    side = 1 if scene.sun[0] > 0.5 else -1
    rim = np.clip(mask - shifted(mask, -side * step, step), 0, 1)
    canvas.glow(scene.palette.light, rim * 0.5)


def _stand(scene: Scene) -> float:
    """Where the subject stands: before the moon at night, across from the sun by day."""
    if scene.palette.dark:
        return scene.sun[0]
    return 0.34 if scene.sun[0] > 0.5 else 0.66


def _ripples(canvas: Canvas, scene: Scene, mask: Array, x: float, waterline: float, height: float) -> None:
    """Cuts what dives off at the water, and rings the place with foam."""
    mask[int(waterline) :] = 0
    across = (scene.xs[None, :] * scene.unit - x) / height
    down = (scene.ys[:, None] * scene.unit - waterline) / (height * 0.16)
    rings = np.exp(-(((np.hypot(across, down) - 0.32) / 0.09) ** 2)) + np.exp(-((np.hypot(across, down) / 0.18) ** 2))
    foam = np.clip(rings * (0.4 + scene.noise("foam", 0.02, octaves=4)), 0, 1)
    canvas.glow(mix(scene.palette.sky[-1], rgb("#ffffff"), 0.5), foam * 0.6)
