"""What the words of a prompt stand for. Each table maps a meaning to the words that call for it."""

SCENES: dict[str, str] = {
    "space": "space galaxy nebula planet planets saturn jupiter mars cosmos cosmic universe asteroid orbit interstellar",
    "abstract": "abstract fractal geometric pattern marble fluid kandinsky bauhaus mandala",
    "harbour": "harbour harbor port marina fishing quay pier dock venice canal",
    "city": "city skyline skyscraper skyscrapers downtown street streets town urban tokyo york cyberpunk metropolis "
    "building buildings neon-lit london paris manhattan",
    "village": "village cottage cottages hamlet cabin chalet",
    "sea": "sea ocean waves beach coast coastal shore seaside lighthouse sailboat ship island wave surf whale bay lagoon",
    "desert": "desert dunes dune sahara sand cactus camel oasis canyon egypt pyramid pyramids",
    "blossom": "cherry blossom blossoms sakura orchard japanese japan kyoto pagoda",
    "meadow": "meadow meadows flower flowers field fields grass wildflowers poppy poppies lavender tulips sunflowers "
    "garden spring prairie farm sunflower rose roses daisy daisies tulip butterfly butterflies bees",
    "forest": "forest forests woods wood trees pine pines jungle woodland redwood birch birches fern rainforest",
    "rooftop": "roof rooftop roofs rooftops chimney chimneys",
    "mountains": "mountain mountains peak peaks alps alpine valley hills hill cliff cliffs himalaya lake river "
    "waterfall landscape volcano fjord glacier canoe castle",
}

# What has no form of its own: abstract, where no scene is named beside it.
FORMLESS = (
    "waves swirl swirls shapes gradient texture wallpaper vaporwave music energy dream dreams mind emotion chaos joy "
    "love sadness silence time memory infinity thought jazz rhythm sound"
)

HOURS: dict[str, str] = {
    "sunset": "sunset sundown evening dusk golden-hour afterglow",
    "dawn": "dawn sunrise morning daybreak",
    "night": "night midnight moon moonlit moonlight stars starry nocturnal dark fireflies aurora northern-lights",
    "day": "day daylight daytime noon midday sunny afternoon bright summer blue-sky",
}

WEATHERS: dict[str, str] = {
    "storm": "storm stormy thunder lightning tempest thunderstorm hurricane raging",
    "rain": "rain rainy raining drizzle monsoon wet",
    "snow": "snow snowy winter blizzard frozen ice icy snowfall christmas snowing",
    "fog": "fog foggy mist misty haze hazy ethereal mystical",
    "clear": "clear cloudless",
}

SEASONS: dict[str, str] = {
    "winter": "winter wintry snow snowy snowing snow-covered snowfall blizzard frozen icy christmas",
    "autumn": "autumn autumnal fall october november maple",
    "spring": "spring springtime blossom blossoms blooming april may",
}

FIGURES: dict[str, str] = {
    "cat": "cat cats kitten kitty",
    "dog": "dog dogs puppy wolf",
    "deer": "deer stag elk reindeer doe",
    "horse": "horse horses stallion pony unicorn",
    "rabbit": "rabbit bunny hare",
    "owl": "owl owls",
    "fox": "fox foxes",
    "birds": "bird birds gulls gull seagull seagulls swallows crane cranes geese eagle crow ravens raven swans",
    "boat": "boat boats sailboat sailboats sailing ship ships yacht canoe",
    "lighthouse": "lighthouse",
    "house": "house home cottage cabin barn farm hut",
    "castle": "castle palace fortress tower",
    "balloon": "balloon balloons hot-air",
    "person": "person man woman girl boy traveler traveller wanderer hiker astronaut samurai wizard monk people "
    "couple lovers figure warrior knight robot",
    "portrait": "portrait face head profile queen king princess",
    "whale": "whale whales dolphin",
    "tree": "tree oak lone-tree",
    "cactus": "cactus cacti saguaro",
    "camel": "camel camels caravan",
    "pagoda": "pagoda temple shrine",
    "waterfall": "waterfall waterfalls",
    "river": "river stream creek",
    "lake": "lake reflection reflections pond fjord",
    "moon": "moon moonlight moonlit full-moon",
    "rings": "rings ring ringed saturn",
    "aurora": "aurora borealis northern-lights",
    "rainbow": "rainbow",
    "fireworks": "firework fireworks",
    "galaxy": "milky galaxy stars starry",
    "autumn": "autumn fall october maple",
    "clouds": "cloud clouds cloudy",
    "lightning": "lightning thunder thunderstorm",
    "sun": "sun",
}

COLOURS: dict[str, str] = {
    "golden": "golden gold amber honey yellow",
    "orange": "orange copper tangerine",
    "red": "red crimson scarlet ruby blood",
    "pink": "pink rosy magenta fuchsia blush",
    "purple": "purple violet lilac indigo",
    "blue": "blue azure cobalt sapphire navy",
    "teal": "teal turquoise cyan aqua",
    "green": "green emerald jade lime mint",
    "brown": "sepia brown vintage",
}

# The colour of flowers that are called by their names.
BLOOMS: dict[str, str] = {
    "red": "poppy poppies rose roses",
    "purple": "lavender crocus iris irises",
    "golden": "sunflower sunflowers daffodil daffodils buttercups dandelions",
    "pink": "tulip tulips peony peonies lotus heather",
    "blue": "cornflowers bluebells hydrangea forget-me-nots",
}

# How the whole picture is toned, whatever its colours are.
TONES: dict[str, str] = {
    "pastel": "pastel soft gentle delicate",
    "neon": "neon cyberpunk synthwave vaporwave glowing electric fluorescent",
    "vivid": "vivid vibrant colourful colorful saturated rainbow",
    "dark": "dark moody gothic gloomy",
    "monochrome": "monochrome black-and-white grayscale greyscale noir",
    "sepia": "sepia vintage",
}

STYLES: dict[str, str] = {
    "watercolour": "watercolour watercolor aquarelle gouache",
    "oil": "oil impasto impressionist impressionism monet gogh painterly canvas acrylic painting",
    "ink": "ink sumi sumi-e calligraphy brush-pen",
    "pencil": "pencil charcoal sketch drawing graphite",
    "pixel": "pixel pixelart 8-bit 16-bit pixel-art",
    "poster": "poster flat vector minimal minimalist ukiyo-e woodblock screenprint linocut travel-poster",
    "photo": "photo photograph photography photorealistic realistic cinematic dslr film",
}
# A style that is chosen, not described: in a prompt "neon" is about lights, as in "night city in neon".
CHOSEN_STYLES: dict[str, str] = {**STYLES, "neon": "neon synthwave", "comic": "comic comics cartoon manga"}
# Words of a style that the operator describes: those of "neon" may only be about colours there.
MANNERS: dict[str, str] = {**STYLES, "comic": "comic comics cartoon manga"}
