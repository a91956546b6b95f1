"""Numbers that a service reports, believed only within bounds: NaN, negatives, words and 1e308 are all on the wire.

Each function takes any JSON value and gives a number that our database, our wire and our pages can hold, or None.
"""

import json
import math
from typing import Any

# No model reads or writes as much in one answer.
MAX_TOKENS = 10_000_000
# A queue, or a sampler's steps, beyond this is a broken counter.
MAX_STEPS = 1_000_000
# Nobody waits a day for one picture.
MAX_SECONDS = 86_400.0
# Seeds are stored as 64 bits with a sign.
MAX_SEED = 2**63 - 1


def count(value: Any, most: int) -> int | None:
    """A whole number from 0 to `most`, also where it came as 7.0 or "7"."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else _real(value)
    if number is None or not 0 <= number <= most or number != int(number):
        return None
    return int(number)


def seconds(value: Any, most: float = MAX_SECONDS) -> float | None:
    """A duration from 0 to `most`."""
    number = _real(value)
    return number if number is not None and 0 <= number <= most else None


def fraction(value: Any) -> float | None:
    """A share from 0 to 1; a little beyond is a rounding error."""
    number = _real(value)
    return min(max(number, 0.0), 1.0) if number is not None and -0.01 <= number <= 1.01 else None


def read_json(data: str | bytes) -> Any:
    """The document, whatever numbers it holds: NaN as services written in Python say it, and digits without end.

    Raises ValueError where it is none.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
        return json.loads(text.removeprefix("\ufeff"), parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(digits: str) -> int | float:
    # int() refuses thousands of digits, and with them the whole document.
    return int(digits) if len(digits) < 30 else float(digits)


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
