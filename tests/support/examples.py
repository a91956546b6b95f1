"""Paints the example pictures of static/pictures anew: `make pictures`. Needs nothing but the built-in painter.

Each example is one WebP for the landing page; the sheet has the six of an empty session in one file; the picture for shared
links is a JPEG, which every service that shows previews reads.
"""

import io
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from chatserver.generations import examples
from chatserver.generations.examples import Example
from chatserver.providers.recipe import Recipe
from chatserver.providers.sketch.painting import painter
from chatserver.providers.sketch.protocol import PaintEvent, PaintFinished, PaintRequest
from chatserver.runtime import paths

# Painted larger than shown: the painter's brushes are made for such canvases.
_SCALE = 2
_MOST_BYTES = 30_000
# It is part of the first load of an empty session, whose budget is 100 kB.
_MOST_SHEET_BYTES = 18_500
_QUALITIES = range(80, 20, -4)


def paint(example: Example, width: int, height: int) -> Image.Image:
    """The picture that the product makes of this prompt and seed."""
    recipe = Recipe(prompt=example.prompt, width=width, height=height, seed=example.seed)
    task = msgspec.msgpack.encode(PaintRequest(kind="image", recipe=recipe, source=None))
    for event in painter.work(task):
        match msgspec.msgpack.decode(event, type=PaintEvent):
            case PaintFinished(data):
                return Image.open(io.BytesIO(data)).convert("RGB")
    raise AssertionError("the painter finished nothing")


def save(picture: Image.Image, path: Path, most_bytes: int, form: str = "WEBP") -> None:
    """Writes the file at the best quality within `most_bytes`."""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, form, quality=quality, method=6, optimize=True)
        if buffer.tell() <= most_bytes:
            path.write_bytes(buffer.getvalue())
            return
    raise AssertionError(f"{path.name} is larger than {most_bytes} bytes at every quality")


def main() -> None:
    folder = paths.STATIC / examples.FOLDER
    folder.mkdir(exist_ok=True)
    columns, size = examples.SHEET_COLUMNS, (examples.SHEET_WIDTH, examples.SHEET_HEIGHT)
    sheet = Image.new("RGB", (columns * size[0], examples.SHEET_ROWS * size[1]))
    for index, example in enumerate(examples.EXAMPLES):
        painted = paint(example, _SCALE * examples.WIDTH, _SCALE * examples.HEIGHT)
        shown = painted.resize((examples.WIDTH, examples.HEIGHT), Image.Resampling.LANCZOS)
        save(shown, paths.STATIC / example.file, _MOST_BYTES)
        if example in examples.STARTERS:
            place = (index % columns * size[0], index // columns * size[1])
            sheet.paste(ImageOps.fit(painted, size, Image.Resampling.LANCZOS), place)
        print(example.file)
    save(sheet, paths.STATIC / examples.SHEET, _MOST_SHEET_BYTES)
    first = paint(examples.FIRST, 1216, 640).resize((examples.SHARED_WIDTH, examples.SHARED_HEIGHT))
    save(first, paths.STATIC / examples.SHARED, 3 * _MOST_BYTES, "JPEG")


if __name__ == "__main__":
    main()
