"""The twelve colours of users (static/css/avatars.css), derived from their ids, so that a user has the same everywhere."""

import zlib
from collections.abc import Collection

HUES = 12
# Two steps of thirty degrees: closer colours look alike at a glance.
_WELL_APART = 2


def hue_of(user_id: str) -> int:
    """The colour of a user where no other member has it: 0–11."""
    return zlib.crc32(user_id.encode()) % HUES


def free_hue(user_id: str, taken: Collection[int]) -> int:
    """The user's colour, or where it is taken the nearest one that differs enough from the taken ones; 0–11."""
    own = hue_of(user_id)

    def distance(hue: int) -> int:
        return min((_WELL_APART, *(_steps(hue, other) for other in taken)))

    return max(sorted(range(HUES), key=lambda hue: _steps(hue, own)), key=distance)


def _steps(one: int, other: int) -> int:
    apart = abs(one - other) % HUES
    return min(apart, HUES - apart)
