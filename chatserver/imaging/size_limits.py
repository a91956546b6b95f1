"""Limits on the width and height of pictures and clips: absolute ones, and relative to the size that was requested.

Services round sizes to a multiple (8, 16, 64), offer a few fixed sizes, or enlarge: all of that is accepted. A result is
refused only where it is far from the request: tiny, huge, or of another shape.
"""

Size = tuple[int, int]

# The longer side of a thumbnail, in pixels.
THUMBNAIL_SIDE = 512

# Larger than anything that can be requested, small enough to decode in 256 MB.
MAX_PIXELS = 25_000_000
# A few pixels can still be a strip that no browser draws: WebP ends at 16,383 a side, canvases of phones much earlier.
MAX_SIDE, MIN_SIDE = 10_000, 8
# The longest strip that can be requested: 4,096 × 64.
MAX_ASPECT_RATIO = 64
# Of a picture with a few frames the first is used; with more it is an animation and is refused.
MAX_FRAMES = 100

# Clips: two and a half minutes at 24 frames a second; a service's may be twenty seconds at full HD.
MAX_CLIP_PIXELS = 1920 * 1920
MAX_CLIP_SIDE = 4096
MAX_CLIP_FRAMES, MIN_CLIP_FRAMES = 3600, 2
MAX_CLIP_SECONDS = 180.0

# How many times smaller or larger than requested a side may be (services have fixed sizes of up to FIXED_SIZE_SIDE pixels),
# and by what factor the aspect ratio may differ.
MAX_SHRINKING, MAX_ENLARGEMENT, FIXED_SIZE_SIDE, MAX_ASPECT_CHANGE = 8, 4, 4096, 4


def too_many(max_pixels: int) -> str:
    """That a size has more pixels than are taken, in a sentence."""
    return f"It has more than {max_pixels / 1_000_000:.0f} million pixels."


def problem(size: Size, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> str | None:
    """Why a size (width, height in pixels) is refused whatever was requested, in a sentence; None where it is accepted."""
    width, height = size
    if width * height > max_pixels:
        return too_many(max_pixels)
    if max(size) > max_side or min(size) < MIN_SIDE:
        return f"It is {width} × {height} pixels: a side is {MIN_SIDE} to {max_side}."
    if max(size) > MAX_ASPECT_RATIO * min(size):
        return f"It is {width} × {height} pixels, which is a strip and no picture."
    return None


def matches(size: Size, requested: Size) -> bool:
    """Whether the size of a result is within what services make of the requested one."""
    if any(side * MAX_SHRINKING < wanted for side, wanted in zip(size, requested, strict=True)):
        return False
    if max(size) > max(MAX_ENLARGEMENT * max(requested), FIXED_SIZE_SIDE):
        return False
    aspect_change = (size[0] * requested[1]) / (size[1] * requested[0])
    return 1 / MAX_ASPECT_CHANGE <= aspect_change <= MAX_ASPECT_CHANGE
