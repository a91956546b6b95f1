"""The composer's pictures of the styles: one motif, painted once in each style by the built-in painter.

    python -m tests.support.style_samples

writes static/styles/; `tests/messages/test_style_samples.py` holds that they are what the painter paints.
"""

import io
import re
from pathlib import Path

import msgspec
from PIL import Image

from chatserver.providers.recipe import Recipe
from chatserver.providers.sketch.painting import painter
from chatserver.providers.sketch.protocol import PaintEvent, PaintFinished, PaintRequest
from chatserver.runtime import paths

FOLDER = paths.STATIC / "styles"
[MIGRATION] = (paths.SQL / "migrations").glob("*_styles.sql")
PROMPT = "a harbour with sailing boats and a lighthouse at sunset"
SEED = 11
# Painted larger than shown, because a style's grain is part of the composition's size.
PAINTED_SIDE = 256
# Twice the 88 CSS pixels of a choice.
SIDE = 176
QUALITY = 66
# Without a style first; its file needs a name too.
# Those that come with the product: name, words before, words after.
ROWS = re.findall(r"^  \('([^']*)', '([^']*)', '([^']*)', '[^']*', \d+\)", MIGRATION.read_text(), re.M)
NAMES = {"": "none", **{style: style for style, _, _ in ROWS}}
WORDS = {style: (before, after) for style, before, after in ROWS}


def paint(style: str) -> Image.Image:
    """The motif in one style, as the composer shows it."""
    before, after = WORDS.get(style, ("", ""))
    settings = {"style": style, "style_before": before, "style_after": after}
    recipe = Recipe(prompt=PROMPT, **settings, seed=SEED, width=PAINTED_SIDE, height=PAINTED_SIDE)
    request = PaintRequest(kind="image", recipe=recipe, source=None, pace_seconds=0, should_fail=False)
    events = (msgspec.msgpack.decode(each, type=PaintEvent) for each in painter.work(msgspec.msgpack.encode(request)))
    picture = next(event.data for event in events if isinstance(event, PaintFinished))
    return Image.open(io.BytesIO(picture)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def path(style: str) -> Path:
    """Where the picture of a style is."""
    return FOLDER / f"{NAMES[style]}.webp"


def write() -> None:
    """Paints all of them anew."""
    FOLDER.mkdir(exist_ok=True)
    for style in NAMES:
        paint(style).save(path(style), "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    write()
