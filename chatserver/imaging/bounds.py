"""Which sizes a picture or a clip may have: in itself, judged before a pixel is decoded, and beside what was ordered.

Services round to their own grain (8, 16, 64), offer a few fixed sizes, or enlarge: all of that is taken. What is refused
is what nobody would call the picture that was ordered: a stamp, a wall, a strip.
"""

Size = tuple[int, int]

# Larger than anything we make, small enough to decode in a quarter of a gigabyte.
PIXELS = 25_000_000
# Few pixels can be a strip that no browser draws: WebP ends at 16,383 a side, and canvases of phones long before.
LONGEST_SIDE, SHORTEST_SIDE = 10_000, 8
# The longest strip that can be ordered: 4,096 × 64.
NARROWEST = 64
# An animation is no picture; one with a few frames is taken for its first.
FRAMES = 100

# Clips: the longest is a minute or two at the usual rates; a service's may be twenty seconds at full HD.
PIXELS_A_FRAME = 1920 * 1920
LONGEST_CLIP_SIDE = 4096
CLIP_FRAMES, FEWEST_CLIP_FRAMES = 3600, 2
CLIP_SECONDS = 180.0

# How much smaller a side may be than ordered, how much larger (services have sizes of their own below 4,096), and how far
# the shape may be from the one ordered: a square where four by one was asked for.
SMALLER, LARGER, OWN_SIZES, SHAPE = 8, 4, 4096, 4


def fault_of(size: Size, *, pixels: int = PIXELS, longest: int = LONGEST_SIDE) -> str | None:
    """What is wrong with a size in itself, in a sentence; None where it is well."""
    width, height = size
    if width * height > pixels:
        return f"It has more than {pixels / 1_000_000:.0f} million pixels."
    if max(size) > longest or min(size) < SHORTEST_SIDE:
        return f"It is {width} × {height} pixels: a side is {SHORTEST_SIDE} to {longest}."
    if max(size) > NARROWEST * min(size):
        return f"It is {width} × {height} pixels, which is a strip and no picture."
    return None


def is_as_ordered(size: Size, ordered: Size) -> bool:
    """Whether what came is, within what services do, what was ordered."""
    if any(side * SMALLER < wanted for side, wanted in zip(size, ordered, strict=True)):
        return False
    if max(size) > max(LARGER * max(ordered), OWN_SIZES):
        return False
    shape = (size[0] * ordered[1]) / (size[1] * ordered[0])
    return 1 / SHAPE <= shape <= SHAPE
