"""Which layers make a picture, back to front, by scene."""

import numpy as np

from chatserver.painting import (
    abstract,
    buildings,
    figures,
    finishing,
    land,
    night,
    palettes,
    plants,
    sky,
    space,
    water,
    weather,
)
from chatserver.painting.colour import Array, mix, rgb
from chatserver.painting.reading import Brief
from chatserver.painting.scene import Layer, Scene

# Where a prompt names no scene, the seed takes one of these.
ANYWHERE = ("mountains", "sea", "forest", "meadow", "mountains", "desert", "abstract")
HORIZONS = {"sea": (0.5, 0.62), "harbour": (0.55, 0.62), "desert": (0.42, 0.52), "meadow": (0.42, 0.52), "blossom": (0.58, 0.66),
            "city": (0.66, 0.74), "rooftop": (0.72, 0.78), "forest": (0.6, 0.7), "village": (0.5, 0.58), "mountains": (0.56, 0.66)}  # fmt: skip


def scene_of(brief: Brief, seed: int, width: int, height: int, source: Array | None = None) -> Scene:
    """The stage: which scene, which light, where the horizon and the sun are. `source` lends its colours."""
    blank = Scene(width, height, seed, brief, palettes.HOURS["day"][0])
    rng = blank.dice("stage")
    name = brief.scene or str(rng.choice([one for one in ANYWHERE if one not in brief.unwanted] or ["abstract"]))
    hour = _hour(brief, name, rng)
    palette = palettes.choose(brief, rng, hour)
    if source is not None:
        palette = palettes.of_picture(source, palette)
    low, high = HORIZONS.get(name, (0.6, 0.6))
    horizon = float(rng.uniform(low, high))
    x = float(rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)]))
    y = horizon - float(rng.uniform(0.03, 0.16)) if hour in {"sunset", "dawn"} else float(rng.uniform(0.12, 0.26))
    staged = Brief(
        **{
            **{field: getattr(brief, field) for field in brief.__struct_fields__},
            "scene": name,
            "hour": brief.hour or hour,
        }
    )
    return Scene(width, height, seed, staged, palette, horizon, (x, y))


def _hour(brief: Brief, name: str, rng: np.random.Generator) -> str:
    if brief.weather in {"storm"} and brief.hour != "night":
        return "storm"
    if brief.hour:
        return brief.hour
    if brief.figures & {"moon", "aurora", "galaxy", "fireworks", "owl"} or name in {"space", "rooftop"}:
        return "night"
    if brief.weather in {"fog", "rain"}:
        return "overcast"
    usual = {
        "city": ("night", "sunset", "night"),
        "meadow": ("day", "dawn", "sunset"),
        "blossom": ("dawn", "day", "sunset"),
        "forest": ("dawn", "day", "sunset"),
    }
    return str(rng.choice(usual.get(name, ("sunset", "day", "dawn", "night"))))


def layers_of(scene: Scene) -> list[Layer]:
    """Every layer of the picture, without the brush and the finish."""
    name = scene.brief.scene
    if name == "abstract":
        return _abstract(scene)
    if name == "space":
        return _space(scene)
    layers = [*_sky(scene), *LANDS[str(name)](scene), *_figures(scene), *_weather(scene)]
    if "portrait" in scene.brief.figures:
        layers.append(Layer("profile", 1.0, figures.profile_window))
    return layers


def brushes(scene: Scene, count: int) -> list[Layer]:
    """`count` passes of the brush, finer and finer; a photograph has none that one sees."""
    strength = {"oil": 0.95, "photo": 0.0, "pixel": 0.0, "poster": 0.3}.get(scene.brief.style or "", 0.34)
    coarse = 0.013 if scene.brief.style == "oil" else 0.008
    if scene.brief.scene in {"abstract", "space"} and scene.brief.style != "oil":
        strength *= 0.4
    sizes = np.geomspace(coarse, coarse / 2.6, max(1, count))
    return [finishing.brush(number + 1, float(size), strength) for number, size in enumerate(sizes[:count])]


def _sky(scene: Scene) -> list[Layer]:
    figures_, dark = scene.brief.figures, scene.palette.dark
    layers = [Layer("sky", 0.0, sky.gradient)]
    cloudy = scene.brief.weather in {"storm", "rain", "snow", "fog"}
    if dark and not cloudy:
        layers.append(Layer("stars", 0.02, night.stars))
        if "galaxy" in figures_ or (
            "moon" not in figures_ and scene.brief.scene != "city" and scene.dice("galaxy").random() < 0.5
        ):
            layers.append(Layer("milky way", 0.02, night.milky_way))
    if "aurora" in figures_:
        layers.append(Layer("aurora", 0.04, night.aurora))
    if dark and (not cloudy or "moon" in figures_):
        layers.append(Layer("moon", 0.03, sky.moon))
    elif not dark and not cloudy and "sun" not in scene.brief.unwanted:
        layers.append(Layer("sun", 0.03, sky.sun))
    if "fireworks" in figures_:
        layers.append(Layer("fireworks", 0.1, night.fireworks))
    return layers + _clouds(scene)


def _clouds(scene: Scene) -> list[Layer]:
    if "clouds" in scene.brief.unwanted or scene.brief.weather in {"fog", "clear"}:
        return []
    layers = []
    if scene.brief.weather is None and scene.dice("cirrus").random() < 0.75:
        layers.append(Layer("high clouds", 0.06, sky.cirrus))
    if not (scene.palette.dark and "galaxy" in scene.brief.figures):
        layers.append(Layer("clouds", 0.12, sky.clouds))
    if scene.brief.weather == "storm" and ("lightning" in scene.brief.figures or scene.dice("bolt").random() < 0.5):
        layers.append(Layer("lightning", 0.12, weather.lightning))
    if "rainbow" in scene.brief.figures:
        layers.append(Layer("rainbow", 0.1, weather.rainbow))
    return layers


def _mountains(scene: Scene) -> list[Layer]:
    rng, wet = scene.dice("mountains"), scene.brief.figures & {"lake", "river", "boat"}
    snow = scene.brief.weather == "snow" or rng.random() < 0.6
    lake = bool(wet) or ("lake" not in scene.brief.unwanted and rng.random() < 0.45)
    foot = scene.horizon + (0.02 if lake else 0.2)
    layers = land.ridges(scene, 4 if lake else 5, scene.horizon - 0.06, foot, snow=snow)
    layers.insert(2, weather.mist("valley mist", scene.horizon - 0.03, 0.07, 0.55, 0.3))
    if lake:
        layers.append(plants.pine_row("far shore", scene.horizon + 0.015, 0.035, 46, 0.5))
        layers.append(Layer("lake", 0.5, water.lake))
        layers.append(Layer("glitter", 0.5, water.glitter))
    trees = "forest" not in scene.brief.unwanted and "tree" not in scene.brief.unwanted
    if trees and rng.random() < 0.85:
        layers.append(plants.pine_row("slope pines", 0.9 if lake else 0.86, 0.12, 13, 0.75))
        layers.append(plants.pine_row("near pines", 1.03, 0.3, 5, 1.0))
    return layers


def _sea(scene: Scene) -> list[Layer]:
    rng, layers = scene.dice("sea"), []
    if rng.random() < 0.55 or "mountains" in scene.brief.figures:
        layers += land.ridges(scene, 2, scene.horizon - 0.01, scene.horizon + 0.015, snow=False)
    layers.append(Layer("sea", 0.45, water.sea))
    if scene.brief.weather == "storm":
        if "lighthouse" in scene.brief.figures:
            layers.append(Layer("lighthouse", 0.6, buildings.lighthouse))
        return [*layers, Layer("breakers", 0.8, water.breakers)]
    layers.append(Layer("glitter", 0.5, water.glitter))
    if "lighthouse" in scene.brief.figures:
        layers.append(Layer("lighthouse", 0.6, buildings.lighthouse))
    if "boat" not in scene.brief.figures and "boat" not in scene.brief.unwanted and rng.random() < 0.4:
        layers.append(Layer("boat", 0.6, figures.boat))
    return layers


def _forest(scene: Scene) -> list[Layer]:
    foggy = scene.brief.weather == "fog"
    layers: list[Layer] = []
    for number, near in enumerate((0.08, 0.25, 0.45, 0.68)):
        layers.append(
            plants.pine_row(f"pines {number + 1}", 0.6 + 0.38 * near, 0.26 + 0.32 * near, int(26 - 22 * near), near)
        )
        layers.append(
            weather.mist(f"mist {number + 1}", 0.62 + 0.36 * near, 0.13, 0.85 if foggy else 0.5, 0.2 + 0.7 * near)
        )
    layers.append(plants.trunks("trunks", 4, 0.95))
    return layers


def _desert(scene: Scene) -> list[Layer]:
    layers = (
        land.ridges(scene, 2, scene.horizon - 0.02, scene.horizon + 0.03, snow=False)
        if scene.dice("mesa").random() < 0.6
        else []
    )
    layers += land.dunes(scene)
    if "cactus" in scene.brief.figures:
        layers.append(Layer("cacti", 0.9, figures.cacti))
    return layers


def _city(scene: Scene) -> list[Layer]:
    layers = [buildings.skyline(number, 4, scene.horizon) for number in range(4)]
    layers += [Layer("water", 0.6, water.lake), Layer("glitter", 0.6, water.glitter)]
    return layers


def _meadow(scene: Scene) -> list[Layer]:
    green = rgb("#7fae54") if scene.brief.hour != "night" else rgb("#4f7a5c")
    layers = land.ridges(scene, 2, scene.horizon - 0.03, scene.horizon + 0.02, snow=False)
    layers += land.hills(scene, 3, scene.horizon + 0.02, scene.horizon + 0.16, green)
    if "tree" not in scene.brief.unwanted:
        layers.append(_lone_tree(scene, green))
    layers.append(
        plants.grass(
            "grass",
            scene.horizon + 0.1,
            1.0,
            [_lit(scene, rgb(code)) for code in ("#5f8f3e", "#7fae54", "#98bf63", "#4c7a3a")],
        )
    )
    layers.append(plants.flowers("flowers", scene.horizon + 0.1, _bouquet(scene)))
    layers.append(plants.flowers("near flowers", 0.82, _bouquet(scene), 160))
    return layers


def _lone_tree(scene: Scene, green: Array) -> Layer:
    tints = [green * np.float32(part) for part in (0.42, 0.62, 0.85, 1.1)]
    if "autumn" in scene.brief.figures:
        tints = [rgb(code) for code in ("#6a2a18", "#a8441f", "#d97a2b", "#f2b04a")]

    def paint(canvas: plants.Canvas, scene: Scene) -> None:
        rng = scene.dice("tree")
        x = (0.76 if scene.sun[0] < 0.5 else 0.24) * scene.width
        plants.tree(
            scene,
            canvas,
            rng,
            x,
            (scene.horizon + 0.09) * scene.height,
            0.24 * scene.unit,
            [_lit(scene, tint) for tint in tints],
        )

    return Layer("tree", 0.6, paint)


def _bouquet(scene: Scene) -> list[tuple[Array, Array]]:
    sets = {
        "red": "#d8352f #20181a", "pink": "#ef8fb5 #f6d365", "purple": "#8f6fd0 #f0d070", "golden": "#f6c433 #6a3d14", "blue": "#5f86dc #f6e27a",
        "orange": "#f08a3c #5a2f14", "teal": "#6cc5c0 #f6e27a", "green": "#e9eccf #d8b93a", "brown": "#c98a52 #4a2c18",
    }  # fmt: skip
    names = list(scene.brief.colours) or [
        str(name) for name in scene.dice("bouquet").permutation(["red", "pink", "purple", "golden", "blue"])[:3]
    ]
    pairs = [tuple(_lit(scene, rgb(code)) for code in sets[name].split()) for name in names]
    return [*((petal, heart) for petal, heart in pairs), (_lit(scene, rgb("#fbf7ee")), _lit(scene, rgb("#f2c744")))]


def _blossom(scene: Scene) -> list[Layer]:
    layers = land.ridges(scene, 3, scene.horizon - 0.08, scene.horizon + 0.02, snow=True)
    layers.append(weather.mist("spring mist", scene.horizon - 0.02, 0.08, 0.6, 0.3))
    if "pagoda" in scene.brief.figures:
        layers.append(Layer("pagoda", 0.5, figures.pagoda))
    layers += [Layer("lake", 0.5, water.lake)]

    def paint(canvas: plants.Canvas, scene: Scene) -> None:
        rng = scene.dice("cherry")
        tints = [_lit(scene, rgb(code)) for code in ("#b5678a", "#e08cab", "#f5b5cb", "#ffdfe9")]
        left = scene.sun[0] > 0.5
        plants.tree(
            scene, canvas, rng, (0.2 if left else 0.8) * scene.width, 1.02 * scene.height, 0.86 * scene.unit, tints
        )

    return [*layers, figures.knoll(0.9), Layer("cherry tree", 0.9, paint), Layer("petals", 1.0, weather.petals)]


def _village(scene: Scene) -> list[Layer]:
    winter = scene.brief.weather == "snow"
    ground = rgb("#eef3fb") if winter else rgb("#86a95a")
    layers = land.ridges(scene, 3, scene.horizon - 0.1, scene.horizon, snow=True)
    layers.append(plants.pine_row("ridge pines", scene.horizon + 0.04, 0.06, 30, 0.45))
    layers += land.hills(scene, 2, scene.horizon + 0.06, scene.horizon + 0.2, ground)
    layers.append(buildings.houses("far houses", scene.horizon + 0.17, 0.07, 6, snow=winter))
    layers += [Layer("slope", 0.7, land.hills(scene, 4, scene.horizon + 0.1, 0.92, ground)[2].paint)]
    layers.append(buildings.houses("houses", 0.83, 0.125, 4, snow=winter))
    layers += [Layer("foreground", 0.85, land.hills(scene, 5, 0.6, 1.05, ground)[4].paint)]
    layers.append(plants.pine_row("near pines", 1.04, 0.26, 4, 1.0))
    return layers


def _harbour(scene: Scene) -> list[Layer]:
    layers = land.ridges(scene, 2, scene.horizon - 0.04, scene.horizon + 0.02, snow=False)
    layers.append(buildings.houses("upper houses", scene.horizon - 0.055, 0.085, int(9 * scene.ratio) + 1, snow=False))
    layers.append(buildings.houses("quay houses", scene.horizon + 0.005, 0.11, int(8 * scene.ratio) + 1, snow=False))
    layers += [
        Layer("harbour", 0.6, water.lake),
        Layer("glitter", 0.6, water.glitter),
        Layer("boat", 0.8, figures.boat),
    ]
    return layers


def _rooftop(scene: Scene) -> list[Layer]:
    layers = [buildings.skyline(number, 3, scene.horizon + 0.12 + 0.05 * number) for number in range(2)]
    layers.append(weather.mist("smoke", scene.horizon + 0.04, 0.1, 0.4, 0.4))
    return [*layers, Layer("roof", 0.9, buildings.roof)]


LANDS = {"mountains": _mountains, "sea": _sea, "forest": _forest, "desert": _desert, "city": _city, "meadow": _meadow, "blossom": _blossom,
         "village": _village, "harbour": _harbour, "rooftop": _rooftop}  # fmt: skip


def _figures(scene: Scene) -> list[Layer]:
    wanted, layers = scene.brief.figures, []
    for name, paint in (("castle", figures.castle), ("balloon", figures.balloons), ("birds", figures.birds)):
        if name in wanted:
            layers.append(Layer(name, 0.5, paint))
    if "boat" in wanted and scene.brief.scene in {"sea", "mountains"}:
        layers.append(Layer("boat", 0.6, figures.boat))
    if "pagoda" in wanted and scene.brief.scene != "blossom":
        layers.append(Layer("pagoda", 0.5, figures.pagoda))
    animals = [name for name in figures.TALL if name in wanted]
    if "whale" in animals and scene.brief.scene == "sea":
        layers.append(figures.standing("whale", scene.horizon + 0.2))
    elif animals:
        if scene.brief.scene not in {"rooftop", "desert"}:
            layers.append(figures.knoll(0.88))
        layers += [figures.standing(name, _footing(scene)) for name in animals[:2]]
    return layers


def _footing(scene: Scene) -> float:
    return {"rooftop": 0.835, "desert": 0.9}.get(scene.brief.scene or "", 0.885)


def _weather(scene: Scene) -> list[Layer]:
    kind = scene.brief.weather
    if kind in {"rain", "storm"}:
        return [Layer("rain", 1.0, weather.rain)]
    if kind == "snow":
        return [Layer("snowfall", 1.0, weather.snow)]
    if kind == "fog" and scene.brief.scene != "forest":
        return [weather.mist("fog", scene.horizon, 0.24, 0.8, 0.9)]
    return []


def _abstract(scene: Scene) -> list[Layer]:
    rng = scene.dice("abstract")
    if "neon" in scene.brief.tones:
        kind = str(rng.choice(["neon", "neon", "ribbons"]))
    else:
        kind = str(rng.choice(["marble", "ribbons", "currents", "discs", "marble"]))
    if kind == "marble":
        return [
            Layer("marble", 0.3, abstract.marble),
            abstract.currents("threads", 260, 0.0012),
            Layer("lights", 0.8, abstract.blooming),
        ]
    layers = [Layer("ground", 0.0, abstract.ground)]
    if kind == "ribbons":
        return layers + [abstract.ribbons(first, first + 4, 24) for first in range(0, 24, 4)]
    if kind == "currents":
        return layers + [
            abstract.currents(f"currents {number + 1}", 520, width)
            for number, width in enumerate((0.006, 0.004, 0.0025, 0.0016))
        ]
    if kind == "neon":
        return [*layers, Layer("lights", 0.4, abstract.blooming), Layer("neon", 0.6, abstract.neon_lines)]
    return [*layers, Layer("discs", 0.5, abstract.discs), abstract.currents("threads", 140, 0.0014)]


def _space(scene: Scene) -> list[Layer]:
    layers = [Layer("nebula", 0.05, space.deep), Layer("stars", 0.1, night.stars)]
    if scene.brief.figures & {"rings", "moon"} or scene.dice("world").random() < 0.85:
        layers += [Layer("moons", 0.3, space.moons), Layer("planet", 0.5, space.planet)]
    return layers


def _lit(scene: Scene, local: Array) -> Array:
    """A local colour in this hour's full light."""
    strength = 0.42 if scene.palette.dark else 0.85
    return np.asarray(
        mix(local, np.clip(local * (0.3 + 0.9 * scene.palette.light), 0, 1) * np.float32(strength + 0.12), 0.8),
        dtype=np.float32,
    )
