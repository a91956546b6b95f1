"""The visible mark: a line in the lower right corner that says that a machine made the picture."""

from PIL import Image, ImageDraw, ImageFont

from chatserver.imaging.protocol import DigitalSource

TEXTS: dict[DigitalSource, str] = {
    "trainedAlgorithmicMedia": "AI-generated",
    "algorithmicMedia": "Computer-generated",
    "compositeWithTrainedAlgorithmicMedia": "AI-generated",
    "compositeSynthetic": "Computer-generated",
}
# The height of its letters, as a share of the picture's shorter side, and in pixels at least: readable on a phone.
_SHARE, _SMALLEST = 0.03, 10
# White on black at 70 % is legible on every picture (a contrast of 8:1 on white).
_GROUND, _INK = (0, 0, 0, 178), (255, 255, 255, 255)


def marked(image: Image.Image, source: DigitalSource) -> Image.Image:
    """A copy of the picture with the mark, in the picture's own mode (RGB or RGBA)."""
    size = max(_SMALLEST, round(min(image.size) * _SHARE))
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(TEXTS[source])
    padding = size // 2
    label = Image.new("RGBA", (round(right - left) + 2 * padding, round(bottom - top) + 2 * padding), _GROUND)
    ImageDraw.Draw(label).text((padding - left, padding - top), TEXTS[source], fill=_INK, font=font)
    canvas = image.convert("RGBA")
    corner = (max(0, image.width - label.width - padding), max(0, image.height - label.height - padding))
    canvas.alpha_composite(label.crop((0, 0, *_room(canvas, corner))), corner)
    return canvas.convert(image.mode)


def _room(canvas: Image.Image, corner: tuple[int, int]) -> tuple[int, int]:
    """What a picture smaller than the mark has room for (pixels)."""
    return canvas.width - corner[0], canvas.height - corner[1]
