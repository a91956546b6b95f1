"""The last pass: tone, the manner of a style, grain."""

import numpy as np

from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, luminance, mix, rgb
from chatserver.providers.sketch.painting.effects import curve
from chatserver.providers.sketch.painting.scene import Scene
from chatserver.providers.sketch.painting.styles import STYLES


def finish(canvas: Canvas, scene: Scene) -> None:
    """Tone, style and grain, in this order."""
    picture = STYLES[scene.brief.style](tone(canvas.rgb, scene), scene)
    if scene.brief.style != "pixel":
        # Half a step of noise also keeps soft skies from banding in eight bits.
        grain = scene.dice("grain").normal(0, 1, (scene.height, scene.width, 1)).astype(np.float32)
        picture = picture + grain * (0.007 if scene.brief.style in {None, "poster"} else 0.012)
    canvas.rgb[:] = np.clip(picture, 0, 1)


def refinish(canvas: Canvas, scene: Scene) -> None:
    """Finishes a picture that was finished before: tone, and the style only where one is asked for; no second grain."""
    picture = tone(canvas.rgb, scene)
    if scene.brief.style is not None:
        picture = STYLES[scene.brief.style](picture, scene)
    canvas.rgb[:] = np.clip(picture, 0, 1)


def tone(picture: Array, scene: Scene) -> Array:
    """What the prompt says of the colours as a whole."""
    tones, grey = scene.brief.tones, luminance(picture)[..., None]
    if "monochrome" in tones:
        return curve(np.repeat(grey, 3, axis=2), 1.15)
    if "sepia" in tones:
        return np.clip(grey * rgb("#ffe9c8") * 0.92 + rgb("#2a1708") * 0.5 * (1 - grey), 0, 1)
    if "pastel" in tones:
        picture = mix(mix(grey, picture, 0.82), rgb("#fdf3ee"), 0.3)
    if "neon" in tones or "vivid" in tones:
        picture = curve(mix(grey, picture, 1.35), 1.1)
    if "dark" in tones:
        picture = picture**1.3
    return np.clip(picture, 0, 1)
