"""Validates numbers that services report: NaN, negative numbers, strings and 1e308 all occur.

Each function takes any JSON value and returns a number that database, events and pages can hold, or None.
"""

import json
import math
from typing import Any

# No model reads or writes more in one answer.
MAX_TOKENS = 10_000_000
# A longer queue, or more steps, is a broken counter.
MAX_STEPS = 1_000_000
# No picture takes a day.
MAX_SECONDS = 86_400.0
# Seeds are stored as signed 64-bit integers.
MAX_SEED = 2**63 - 1


def count(value: Any, maximum: int) -> int | None:
    """A whole number from 0 to `maximum`, also given as 7.0 or "7"."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else _real(value)
    if number is None or not 0 <= number <= maximum or number != int(number):
        return None
    return int(number)


def seconds(value: Any, maximum: float = MAX_SECONDS) -> float | None:
    """A duration from 0 to `maximum` seconds."""
    number = _real(value)
    return number if number is not None and 0 <= number <= maximum else None


def fraction(value: Any) -> float | None:
    """A share from 0 to 1; up to 0.01 beyond is a rounding error."""
    number = _real(value)
    return min(max(number, 0.0), 1.0) if number is not None and -0.01 <= number <= 1.01 else None


def read_json(data: str | bytes) -> Any:
    """A JSON document, also with NaN, as services written in Python send it, and with numbers of any length.

    Raises ValueError where it is not JSON.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig", "replace")
        return json.loads(text.removeprefix("\ufeff"), parse_int=_whole)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(digits: str) -> int | float:
    # int() refuses thousands of digits, which would make the whole document invalid.
    return int(digits) if len(digits) < 30 else float(digits)


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
