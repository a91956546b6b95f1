"""Which layers make a picture, back to front."""

import numpy as np

from chatserver.providers.sketch.painting import (
    abstract,
    brush,
    figures,
    landscapes,
    night,
    sky,
    space,
    things,
    weather,
)
from chatserver.providers.sketch.painting.scene import Layer, Scene


def layers_of(scene: Scene) -> list[Layer]:
    """Every layer of the picture, without the brush and the finish."""
    name = scene.brief.scene
    if name == "abstract":
        return _abstract(scene)
    if name == "space":
        return _space(scene)
    layers = [*_sky(scene), *landscapes.LANDS[str(name)](scene), *_figures(scene), *_weather(scene)]
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
    return [brush.brush(number + 1, float(size), strength) for number, size in enumerate(sizes[:count])]


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
    if dark and ((not cloudy and "galaxy" not in figures_) or "moon" in figures_):
        layers.append(Layer("moon", 0.03, sky.moon))
    elif not dark and not cloudy and "sun" not in scene.brief.unwanted:
        layers.append(Layer("sun", 0.03, sky.sun))
    if "fireworks" in figures_:
        layers.append(Layer("fireworks", 0.1, night.fireworks))
    return layers + _clouds(scene)


def _clouds(scene: Scene) -> list[Layer]:
    if {"clouds"} & scene.brief.unwanted or "aurora" in scene.brief.figures or scene.brief.weather in {"fog", "clear"}:
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


def _figures(scene: Scene) -> list[Layer]:
    wanted, layers = scene.brief.figures, []
    for name, paint in (("castle", things.castle), ("balloon", things.balloons), ("birds", figures.birds)):
        if name in wanted:
            layers.append(Layer(name, 0.5, paint))
    if "boat" in wanted and scene.brief.scene in {"sea", "mountains"}:
        layers.append(Layer("boat", 0.6, things.boat))
    if "pagoda" in wanted and scene.brief.scene != "blossom":
        layers.append(Layer("pagoda", 0.5, things.pagoda))
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
