"""The twelve colours by which people are told apart (static/css/avatars.css); whom an id means has the same everywhere."""

import zlib
from collections.abc import Collection

HUES = 12
# Two steps of thirty degrees: less than that, and two names look alike at a glance.
_WELL_APART = 2


def hue_of(user_id: str) -> int:
    """The colour that somebody has wherever nobody else has it: 0–11."""
    return zlib.crc32(user_id.encode()) % HUES


def free_hue(user_id: str, taken: Collection[int]) -> int:
    """The same, or, where others have it, the nearest to it that can be told from theirs; in a full circle, its own."""
    own = hue_of(user_id)

    def room(hue: int) -> int:
        return min((_WELL_APART, *(_steps(hue, other) for other in taken)))

    return max(sorted(range(HUES), key=lambda hue: _steps(hue, own)), key=room)


def _steps(one: int, other: int) -> int:
    apart = abs(one - other) % HUES
    return min(apart, HUES - apart)
