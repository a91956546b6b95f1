"""The example pictures of the landing page and of an empty session: their prompts, and the files in static/pictures.

The files are painted by the built-in painter from exactly these prompts and seeds (`make pictures`).
"""

from msgspec import Struct

FOLDER = "pictures"
# The sides of each file in pixels, and of each picture within the sheet of an empty session.
WIDTH, HEIGHT = 480, 320
SHEET_WIDTH, SHEET_HEIGHT = 216, 144
SHEET_COLUMNS = 3
SHEET = f"{FOLDER}/starters.webp"
# What is shown where a link to the landing page is shared: the size that such previews have.
SHARED = f"{FOLDER}/shared.jpg"
SHARED_WIDTH, SHARED_HEIGHT = 1200, 630


class Example(Struct, frozen=True, kw_only=True):
    """One picture: the name of its file, its prompt, and the seed it was painted with."""

    name: str
    prompt: str
    seed: int

    @property
    def file(self) -> str:
        """Its path among the static files."""
        return f"{FOLDER}/{self.name}.webp"


EXAMPLES = (
    Example(name="harbour", prompt="a quiet harbour at dusk, fishing boats", seed=21),
    Example(name="lighthouse", prompt="a lighthouse on a cliff, stormy sea, last light of dusk", seed=5),
    Example(name="aurora", prompt="northern lights over a frozen lake, snowy pines", seed=7),
    Example(name="poppies", prompt="a poppy field in the morning sun, oil painting", seed=3),
    Example(name="city", prompt="a neon city street at night, rain", seed=8),
    Example(name="fox", prompt="a fox in a misty autumn forest, watercolour", seed=4),
    Example(name="blossom", prompt="a pagoda under cherry blossoms, woodblock print", seed=6),
    Example(name="saturn", prompt="a ringed planet above a small moon, purple nebula", seed=9),
)
# What an empty session offers: the first so many, in the rows of the sheet.
STARTERS = EXAMPLES[:6]
SHEET_ROWS = len(STARTERS) // SHEET_COLUMNS
# What the box on the landing page holds at first.
FIRST = EXAMPLES[0]
