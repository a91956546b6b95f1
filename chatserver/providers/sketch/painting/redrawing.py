"""Changes to a picture: its composition stays, its light, season, weather, colours and style follow the words.

What is land and what is sky is read from the picture itself, so this works on any picture, not only on painted ones.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from chatserver.providers.recipe import Recipe
from chatserver.providers.sketch.painting import figures, finishing, night, palettes, sky, things, weather
from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, luminance, mix, ramp, rgb, smoothstep
from chatserver.providers.sketch.painting.effects import blurred, image_of
from chatserver.providers.sketch.painting.reading import Brief
from chatserver.providers.sketch.painting.scene import Layer, Paint, Scene

# How much a variation changes when nobody says.
USUAL_STRENGTH = 0.5
# How far the forms of the strongest variation wander, in units.
WANDER = 0.035
# The sky is searched for in a picture of this side.
SEARCH_SIDE = 256
# With less sky than this, a picture has none: a portrait, a room, a pattern.
LEAST_SKY = 0.06
# Clouds differ by less from pixel to pixel; a way that climbs more than this beyond it has crossed a form.
GENTLE, CROSSED = 0.011, 0.08
# How bright the land is on average at each hour.
BRIGHTNESS = {"day": 0.56, "dawn": 0.5, "sunset": 0.36, "night": 0.13, "storm": 0.3, "overcast": 0.46}
# The hours that a variation chooses from where its prompt names none.
ANY_HOUR = ("day", "dawn", "sunset", "overcast")
IN_THE_SKY: dict[str, Paint] = {
    "galaxy": night.milky_way,
    "aurora": night.aurora,
    "fireworks": night.fireworks,
    "rainbow": weather.rainbow,
    "lightning": weather.lightning,
    "clouds": sky.clouds,
    "birds": figures.birds,
    "balloon": things.balloons,
}


def is_understood(brief: Brief) -> bool:
    """Whether an instruction names anything that the painter can change."""
    named = brief.hour or brief.weather or brief.season or brief.style or brief.colours or brief.tones
    return bool(named or brief.figures & IN_THE_SKY.keys())


def scene_of(brief: Brief, recipe: Recipe, source: Array) -> Scene:
    """The stage of a change: the light of the hour that is asked for, or that of the picture itself."""
    probe = Scene(recipe.width, recipe.height, recipe.seed, brief, palettes.HOURS["day"][0])
    rng = probe.dice("stage")
    own = palettes.of_picture(source, palettes.HOURS["day"][0])
    found = _sky_of(source)
    hour = _hour(brief, rng, edit=recipe.change == "edit")
    palette = own if hour is None else palettes.choose(brief, rng, hour)
    rows = np.nonzero(found.mean(axis=1) > 0.35)[0]
    horizon = float(np.clip((rows[-1] + 1) / recipe.height if len(rows) else 0.55, 0.2, 0.85))
    sun = (
        float(rng.choice([rng.uniform(0.18, 0.36), rng.uniform(0.64, 0.82)])),
        horizon * float(rng.uniform(0.2, 0.5)),
    )
    return Scene(recipe.width, recipe.height, recipe.seed, brief, palette, horizon, sun)


def layers_of(scene: Scene, recipe: Recipe, source: Array) -> list[Layer]:
    """Everything from the source to the changed picture, without the brush and the finish."""
    edit = recipe.change == "edit"
    brief, found = scene.brief, _sky_of(source)
    hour = _hour(brief, scene.dice("stage"), edit=edit)
    start = source if edit else _wandered(source, scene, strength_of(recipe) * WANDER)
    layers = [Layer("source", 0.0, _copied(start))]
    if hour is not None:
        layers.append(Layer("light", 0.0, _lit(found, hour)))
    if brief.season == "autumn":
        layers.append(Layer("leaves", 0.0, _turned_leaves(found)))
    if brief.season == "spring":
        layers.append(Layer("blossom", 0.0, _blossoming(found)))
    if brief.season == "winter":
        layers.append(Layer("snow cover", 0.0, _snowed_in(found)))
    if brief.colours:
        layers.append(Layer("tint", 0.0, _tinted))
    layers += _sky_layers(scene, hour, found, edit=edit)
    return [*layers, *_weather(scene)]


def finished(recipe: Recipe, source: Array) -> Layer:
    """The last pass: the tone and the style that are asked for, and of a variation only the share that it may change."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        finishing.refinish(canvas, scene)
        if recipe.change != "edit":
            canvas.rgb[:] = mix(source, canvas.rgb, min(1.0, strength_of(recipe) * 1.25))

    return Layer("finish", 0.0, paint)


def strength_of(recipe: Recipe) -> float:
    """How much may change, 0 to 1."""
    return USUAL_STRENGTH if recipe.strength is None else recipe.strength


def _hour(brief: Brief, rng: np.random.Generator, *, edit: bool) -> str | None:
    if brief.hour:
        return brief.hour
    if brief.weather == "storm":
        return "storm"
    if brief.weather in {"rain", "fog"} or brief.season == "winter":
        return "overcast"
    if brief.figures & {"moon", "aurora", "galaxy", "fireworks"}:
        return "night"
    return None if edit else ANY_HOUR[int(rng.integers(len(ANY_HOUR)))]


# Sky and land --------------------------------------------------------------------------------------------------------


def _sky_of(source: Array) -> Array:
    """How much each pixel is sky, 0–1: what is reached from the upper edge without crossing a form."""
    height, width = source.shape[:2]
    scale = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    # Without stars and other specks.
    image = image_of(source).resize(size, Image.Resampling.BOX).filter(ImageFilter.MedianFilter(5))
    small = np.asarray(image, dtype=np.float32) / 255
    # The root shows forms in the dark as clearly as in the light.
    shown = np.sqrt(blurred(small, 0.8))
    steep = np.hypot(*np.gradient(shown, axis=(0, 1))).max(axis=2)
    # What is dark at the upper edge comes from below, such as a tree.
    edge = luminance(shown[0])
    way = _way_from_above(np.clip(steep - GENTLE, 0, None).astype(np.float32), edge > np.median(edge) - 0.1)
    found = smoothstep(CROSSED, CROSSED * 0.4, way) * smoothstep(0.95, 0.7, np.linspace(0, 1, size[1]))[:, None]
    if found.mean() < LEAST_SKY:
        return np.zeros((height, width), dtype=np.float32)
    # Stars, birds and the rims of clouds are holes in the sky, and its edge is where forms begin.
    mask = image_of(found[..., None].repeat(3, 2)).convert("L")
    mask = mask.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.MinFilter(5)).filter(ImageFilter.GaussianBlur(0.8))
    large = np.asarray(mask.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    return smoothstep(0.15, 0.85, large)


def _way_from_above(steep: Array, starts: NDArray[np.bool_]) -> Array:
    """The least of steepness that a way from one of these places at the upper edge to each pixel has to climb."""
    way = np.full_like(steep, np.inf)
    way[0] = np.where(starts, steep[0], np.inf)
    for _ in range(sum(steep.shape)):
        best = way.copy()
        best[1:] = np.minimum(best[1:], way[:-1] + steep[1:])
        best[:-1] = np.minimum(best[:-1], way[1:] + steep[:-1])
        best[:, 1:] = np.minimum(best[:, 1:], way[:, :-1] + steep[:, 1:])
        best[:, :-1] = np.minimum(best[:, :-1], way[:, 1:] + steep[:, :-1])
        if np.array_equal(best, way):
            break
        way = best
    return way


def _lit(found: Array, hour: str) -> Paint:
    """The light of another hour: the sky gets its colours, the land its brightness and its tint."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        picture, palette = canvas.rgb, scene.palette
        light = luminance(picture)
        soft = luminance(blurred(picture, scene.unit * 0.05))
        # Clouds stay; a sun or moon that stood there fades.
        detail = np.clip(light - soft, -0.1, 0.1)[..., None]
        place = np.clip(scene.ys * scene.unit / scene.height / scene.horizon, 0, 1)
        above = ramp(palette.sky, place)[:, None, :]
        heaven = above + detail * (0.5 if palette.dark else 0.9) * mix(above, palette.sun, 0.6)
        canvas.rgb[:] = np.clip(mix(_land(picture, light, found, palette, hour), heaven, found[..., None]), 0, 1)
        away = np.abs(scene.ys * scene.unit / scene.height - scene.horizon)[:, None]
        haze = np.exp(-away * 9) * (1 - found) * (0.16 if palette.dark else 0.22)
        canvas.paint(palette.haze, haze.astype(np.float32))

    return paint


def _land(picture: Array, light: Array, found: Array, palette: palettes.Palette, hour: str) -> Array:
    weight = 1 - found
    total = float(weight.sum()) or 1.0
    mean = float(np.clip((light * weight).sum() / total, 0.03, 0.97))
    colour = np.clip((picture * weight[..., None]).sum(axis=(0, 1)) / total, 0.02, 1)
    # Half of the old light's colour is taken out before the new one comes.
    neutral = picture * (float(colour.mean()) / colour) ** 0.6
    gamma = float(np.clip(np.log(BRIGHTNESS[hour]) / np.log(mean), 0.35, 3.2))
    brighter = np.clip(light, 0.004, 1) ** gamma / np.clip(light, 0.004, 1)
    tint = palette.light / max(float(luminance(palette.light)), 0.05)
    lit = np.clip(neutral * brighter[..., None], 0, 1) * mix(np.ones(3, dtype=np.float32), tint, 0.75)
    return mix(lit, palette.shade + lit * 0.8, 0.3 if palette.dark else 0.12)


def _sky_layers(scene: Scene, hour: str | None, found: Array, *, edit: bool) -> list[Layer]:
    paints: list[Paint] = []
    if hour == "night" and scene.palette.dark and scene.brief.weather in {None, "clear"}:
        paints += [night.stars, sky.moon]
    elif edit and hour in {"sunset", "dawn"} and scene.brief.weather in {None, "clear"}:
        paints.append(sky.sun)
    if edit:
        paints += [paint for name, paint in IN_THE_SKY.items() if name in scene.brief.figures]
    return [Layer(f"sky {number}", 0.0, _within(found, paint)) for number, paint in enumerate(paints)]


def _within(found: Array, paint: Paint) -> Paint:
    """A paint that changes only the part of the picture that was found to be sky; `found` is 0–1 for each pixel."""

    def masked(canvas: Canvas, scene: Scene) -> None:
        before = canvas.rgb.copy()
        paint(canvas, scene)
        canvas.rgb[:] = mix(before, canvas.rgb, found[..., None])

    return masked


def _weather(scene: Scene) -> list[Layer]:
    kind = scene.brief.weather
    if kind in {"rain", "storm"}:
        return [Layer("rain", 1.0, weather.rain)]
    if kind == "snow":
        return [Layer("snowfall", 1.0, weather.snow)]
    if kind == "fog":
        banks = ((scene.horizon, 0.26, 0.85), (min(0.95, scene.horizon + 0.2), 0.2, 0.6))
        return [weather.mist(f"fog {at:.2f}", at, thick, strong, 0.9) for at, thick, strong in banks]
    return []


# Season and colour ---------------------------------------------------------------------------------------------------


def _greenery(picture: Array) -> Array:
    """How much each pixel is of leaves and grass, 0–1."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    excess = green - np.maximum(blue, red * 0.85)
    return smoothstep(-0.01, 0.06, excess)


def _turned_leaves(found: Array) -> Paint:
    def paint(canvas: Canvas, scene: Scene) -> None:
        land = 1 - found
        green = np.maximum(_greenery(canvas.rgb), 0.3) * land
        patches = scene.noise("leaves", 0.06, octaves=4)
        leaf = mix(rgb("#e8a13a"), rgb("#b3401f"), smoothstep(0.35, 0.65, patches)[..., None])
        tone = luminance(canvas.rgb)[..., None]
        canvas.paint(np.clip(leaf * (0.25 + 1.35 * tone), 0, 1), green * 0.85)

    return paint


def _blossoming(found: Array) -> Paint:
    def paint(canvas: Canvas, scene: Scene) -> None:
        land = 1 - found
        tone = luminance(canvas.rgb)[..., None]
        fresh = np.clip(rgb("#8fc65a") * (0.35 + 1.1 * tone), 0, 1)
        canvas.paint(fresh, np.maximum(_greenery(canvas.rgb), 0.15) * land * 0.6)
        spots = smoothstep(0.6, 0.74, scene.noise("blossom", 0.03, octaves=4, gain=0.7))
        canvas.paint(np.clip(rgb("#ffc9dc") * (0.6 + 0.6 * tone), 0, 1), spots * land * 0.8)
        weather.petals(canvas, scene)

    return paint


def _snowed_in(found: Array) -> Paint:
    """Snow on what faces the sky and on what is bright; steep and dark things stay."""

    def paint(canvas: Canvas, scene: Scene) -> None:
        light = luminance(blurred(canvas.rgb, scene.unit * 0.004))
        upward = np.gradient(light, axis=0) * scene.unit / 100
        drift = scene.noise("drifts", 0.09, octaves=5)
        land = (light * (1 - found)).sum() / max(float((1 - found).sum()), 1.0)
        lying = smoothstep(float(land) * 0.35, float(land) * 1.25, light + (drift - 0.5) * 0.25 - upward * 0.2)
        white = mix(rgb("#dfe8f4"), rgb("#ffffff"), np.clip(light * 1.2, 0, 1)[..., None])
        canvas.paint(white * np.float32(0.45 if scene.palette.dark else 0.97), lying * (1 - found) * 0.85)

    return paint


def _tinted(canvas: Canvas, scene: Scene) -> None:
    for name in scene.brief.colours[:1]:
        tone = luminance(canvas.rgb)[..., None]
        hue = palettes.tinted(rgb("#808080"), name)
        wash = np.where(tone < 0.5, hue * tone * 2, mix(hue, rgb("#ffffff"), (tone - 0.5) * 2))
        canvas.paint(wash.astype(np.float32), 0.45)


# Forms ---------------------------------------------------------------------------------------------------------------


def _copied(picture: Array) -> Callable[[Canvas, Scene], None]:
    def paint(canvas: Canvas, _scene: Scene) -> None:
        canvas.rgb[:] = picture

    return paint


def _wandered(picture: Array, scene: Scene, reach: float) -> Array:
    """A picture of the same forms, each a little elsewhere: looked up smoothly at places moved by at most `reach` units."""
    height, width = picture.shape[:2]
    dx, dy = [(scene.noise(f"wander {axis}", 0.3, octaves=3) - 0.5) * 2 * reach * scene.unit for axis in "xy"]
    rows = np.clip(np.arange(height, dtype=np.float32)[:, None] + dy, 0, height - 1)
    columns = np.clip(np.arange(width, dtype=np.float32)[None, :] + dx, 0, width - 1)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = [part[..., None].astype(np.float32) for part in (rows - top, columns - left)]
    upper = mix(picture[top, left], picture[top, right], across)
    return mix(upper, mix(picture[below, left], picture[below, right], across), down)
