"""Which layers make the land of each scene, back to front."""

import numpy as np

from chatserver.providers.sketch.painting import buildings, city, figures, flowers, land, things, trees, water, weather
from chatserver.providers.sketch.painting.canvas import Canvas
from chatserver.providers.sketch.painting.colour import Array, mix, rgb
from chatserver.providers.sketch.painting.scene import Layer, Scene


def _mountains(scene: Scene) -> list[Layer]:
    rng, wet = scene.dice("mountains"), scene.brief.figures & {"lake", "river", "boat"}
    snow = scene.brief.weather == "snow" or rng.random() < 0.6
    lake = bool(wet) or ("lake" not in scene.brief.unwanted and rng.random() < 0.55)
    foot = scene.horizon + (0.02 if lake else 0.2)
    layers = land.ridges(4 if lake else 5, scene.horizon - 0.06, foot, snow=snow)
    layers.insert(2, weather.mist("valley mist", scene.horizon - 0.03, 0.07, 0.55, 0.3))
    if lake:
        layers.append(trees.pine_row("far shore", scene.horizon + 0.015, 0.035, 46, 0.5))
        layers.append(Layer("lake", 0.5, water.lake))
        layers.append(Layer("glitter", 0.5, water.glitter))
    if not {"forest", "tree"} & scene.brief.unwanted and rng.random() < 0.93:
        layers.append(trees.pine_row("slope pines", 0.9 if lake else 0.86, 0.12, 13, 0.75))
        layers.append(weather.mist("ground mist", 0.92, 0.06, 0.35, 0.8))
        layers.append(trees.pine_row("near pines", 1.03, 0.3, 5, 1.0))
    return layers


def _sea(scene: Scene) -> list[Layer]:
    rng, layers = scene.dice("sea"), []
    if rng.random() < 0.55 or "mountains" in scene.brief.figures:
        layers += land.ridges(2, scene.horizon - 0.01, scene.horizon + 0.015, snow=False, reach=0.5)
    layers.append(Layer("sea", 0.45, water.sea))
    tower = [Layer("lighthouse", 0.6, buildings.lighthouse)] if "lighthouse" in scene.brief.figures else []
    if scene.brief.weather == "storm":
        return [*layers, water.breakers(0, 4), *tower, water.breakers(4, 6), water.breakers(6, 9)]
    layers.append(Layer("glitter", 0.5, water.glitter))
    layers += tower
    if "boat" not in scene.brief.figures and "boat" not in scene.brief.unwanted and rng.random() < 0.4:
        layers.append(Layer("boat", 0.6, things.boat))
    return layers


def _forest(scene: Scene) -> list[Layer]:
    foggy = scene.brief.weather == "fog"
    layers: list[Layer] = []
    for number, near in enumerate((0.08, 0.25, 0.45, 0.68)):
        layers.append(
            trees.pine_row(f"pines {number + 1}", 0.6 + 0.38 * near, 0.26 + 0.32 * near, int(26 - 22 * near), near)
        )
        layers.append(
            weather.mist(f"mist {number + 1}", 0.62 + 0.36 * near, 0.13, 0.85 if foggy else 0.5, 0.2 + 0.7 * near)
        )
    layers.append(trees.trunks("trunks", 4, 0.95))
    return layers


def _desert(scene: Scene) -> list[Layer]:
    layers = (
        land.ridges(2, scene.horizon - 0.02, scene.horizon + 0.03, snow=False, reach=0.55)
        if scene.dice("mesa").random() < 0.6
        else []
    )
    layers += land.dunes()
    if "cactus" in scene.brief.figures:
        layers.append(Layer("cacti", 0.9, things.cacti))
    return layers


def _city(scene: Scene) -> list[Layer]:
    layers = []
    for number in range(4):
        layers.append(city.skyline(number, 4, scene.horizon))
        layers.append(
            weather.mist(f"smog {number + 1}", scene.horizon - 0.01, 0.09, 0.5 - 0.14 * number, 0.2 + 0.1 * number)
        )
    layers += [Layer("water", 0.6, water.river), Layer("glitter", 0.6, water.glitter)]
    return layers


def _meadow(scene: Scene) -> list[Layer]:
    winter = scene.brief.weather == "snow"
    green = rgb("#eef3fb") if winter else rgb("#7fae54") if not scene.palette.dark else rgb("#4f7a5c")
    layers = land.ridges(2, scene.horizon - 0.03, scene.horizon + 0.02, snow=winter, reach=0.5)
    layers += land.hills(3, scene.horizon + 0.02, scene.horizon + (0.4 if winter else 0.16), green)
    if "tree" not in scene.brief.unwanted:
        layers.append(_lone_tree("tree" in scene.brief.figures, bare=winter))
    if winter:
        return layers
    blades = [lit(scene, rgb(code)) for code in ("#5f8f3e", "#7fae54", "#98bf63", "#4c7a3a")]
    layers.append(flowers.grass("grass", scene.horizon + 0.1, 1.0, blades))
    layers.append(flowers.flowers("flowers", scene.horizon + 0.1, _bouquet(scene)))
    layers.append(flowers.flowers("near flowers", 0.82, _bouquet(scene), 160))
    return layers


def _lone_tree(subject: bool, *, bare: bool) -> Layer:
    def paint(canvas: Canvas, scene: Scene) -> None:
        autumn = "autumn" in scene.brief.figures
        codes = "#6a2a18 #a8441f #d97a2b #f2b04a" if autumn else "#33521f #4c7430 #6a9a45 #93c05c"
        leaves = [] if bare else [lit(scene, rgb(code)) for code in codes.split()]
        place = (0.66, 0.34) if subject else (0.76, 0.24)
        x, foot = place[scene.sun[0] > 0.5] * scene.width, scene.horizon + (0.2 if subject else 0.09)
        height = (0.5 if subject else 0.24) * scene.unit
        trees.tree(scene, canvas, scene.dice("tree"), x, foot * scene.height, height, leaves)

    return Layer("tree", 0.6, paint)


def _bouquet(scene: Scene) -> list[tuple[Array, Array]]:
    sets = {
        "red": "#d8352f #20181a",
        "pink": "#ef8fb5 #f6d365",
        "purple": "#8f6fd0 #f0d070",
        "golden": "#f6c433 #6a3d14",
        "blue": "#5f86dc #f6e27a",
        "orange": "#f08a3c #5a2f14",
        "teal": "#6cc5c0 #f6e27a",
        "green": "#e9eccf #d8b93a",
        "brown": "#c98a52 #4a2c18",
    }
    names = list(scene.brief.blooms or scene.brief.colours) or [
        str(name) for name in scene.dice("bouquet").permutation(["red", "pink", "purple", "golden", "blue"])[:3]
    ]
    pairs = [tuple(lit(scene, rgb(code)) for code in sets[name].split()) for name in names]
    return [*((petal, heart) for petal, heart in pairs), (lit(scene, rgb("#fbf7ee")), lit(scene, rgb("#f2c744")))]


def _blossom(scene: Scene) -> list[Layer]:
    layers = land.ridges(3, scene.horizon - 0.08, scene.horizon + 0.02, snow=True, reach=0.8)
    layers.append(weather.mist("spring mist", scene.horizon - 0.02, 0.08, 0.6, 0.3))
    if "pagoda" in scene.brief.figures:
        layers.append(Layer("pagoda", 0.5, things.pagoda))
    layers += [Layer("lake", 0.5, water.lake)]

    def paint(canvas: Canvas, scene: Scene) -> None:
        rng = scene.dice("cherry")
        tints = [lit(scene, rgb(code)) for code in ("#b5678a", "#e08cab", "#f5b5cb", "#ffdfe9")]
        left = scene.sun[0] > 0.5
        trees.tree(
            scene, canvas, rng, (0.2 if left else 0.8) * scene.width, 1.02 * scene.height, 0.86 * scene.unit, tints
        )

    return [*layers, figures.knoll(0.9), Layer("cherry tree", 0.9, paint), Layer("petals", 1.0, weather.petals)]


def _village(scene: Scene) -> list[Layer]:
    winter = scene.brief.weather == "snow"
    ground = rgb("#eef3fb") if winter else rgb("#86a95a")
    layers = land.ridges(3, scene.horizon - 0.1, scene.horizon, snow=True, reach=0.75)
    layers.append(trees.pine_row("ridge pines", scene.horizon + 0.04, 0.06, 30, 0.45))
    layers += land.hills(2, scene.horizon + 0.06, scene.horizon + 0.2, ground)
    layers.append(buildings.houses("far houses", scene.horizon + 0.17, 0.07, 6, snow=winter))
    layers += [Layer("slope", 0.7, land.hills(4, scene.horizon + 0.1, 0.92, ground)[2].paint)]
    layers.append(buildings.houses("houses", 0.83, 0.125, 4, snow=winter))
    layers += [Layer("foreground", 0.85, land.hills(5, 0.6, 1.05, ground)[4].paint)]
    layers.append(trees.pine_row("near pines", 1.04, 0.26, 4, 1.0))
    return layers


def _harbour(scene: Scene) -> list[Layer]:
    layers = land.ridges(2, scene.horizon - 0.04, scene.horizon + 0.02, snow=False, reach=0.55)
    layers.append(buildings.houses("upper houses", scene.horizon - 0.055, 0.085, int(9 * scene.ratio) + 1, snow=False))
    layers.append(buildings.houses("quay houses", scene.horizon + 0.005, 0.11, int(8 * scene.ratio) + 1, snow=False))
    layers += [
        Layer("harbour", 0.6, water.lake),
        Layer("glitter", 0.6, water.glitter),
        Layer("boat", 0.8, things.boat),
    ]
    return layers


def _rooftop(scene: Scene) -> list[Layer]:
    layers = [city.skyline(number, 3, scene.horizon + 0.12 + 0.05 * number) for number in range(2)]
    layers.append(weather.mist("smoke", scene.horizon + 0.04, 0.1, 0.4, 0.4))
    return [*layers, Layer("roof", 0.9, buildings.roof)]


def lit(scene: Scene, local: Array) -> Array:
    """A local colour in this hour's full light."""
    strength = 0.42 if scene.palette.dark else 0.85
    return np.asarray(
        mix(local, np.clip(local * (0.3 + 0.9 * scene.palette.light), 0, 1) * np.float32(strength + 0.12), 0.8),
        dtype=np.float32,
    )


LANDS = {
    "mountains": _mountains,
    "sea": _sea,
    "forest": _forest,
    "desert": _desert,
    "city": _city,
    "meadow": _meadow,
    "blossom": _blossom,
    "village": _village,
    "harbour": _harbour,
    "rooftop": _rooftop,
}
