"""Histograms of seconds, as the database keeps them: one number, of which each eight digits are the calls of a bin."""

from bisect import bisect_right
from itertools import accumulate

# As in `histogram_of` (sql/migrations): the first bin ends at FIRST seconds, each other is WIDTH times as long as wide.
FIRST, RATIO, DIGITS = 0.01, 1.02, 8


def percentile(histogram: str, share: float) -> float:
    """The seconds below which this share of the calls stayed, to within 1 %, and below FIRST as 0.

    `histogram` are the digits; between two calls it is interpolated, as `percentile_cont` does.
    """
    counts = _counts(histogram)
    totals = list(accumulate(counts))
    place = share * (totals[-1] - 1)
    below = _middle(bisect_right(totals, int(place)))
    above = _middle(bisect_right(totals, min(int(place) + 1, totals[-1] - 1)))
    return below + (above - below) * (place - int(place))


def _counts(histogram: str) -> list[int]:
    digits = histogram.zfill(-(-len(histogram) // DIGITS) * DIGITS)
    return [int(digits[end - DIGITS : end]) for end in range(len(digits), 0, -DIGITS)]


def _middle(number: int) -> float:
    """What a bin is taken for: no value in it is more than 1 % away."""
    return 0.0 if number == 0 else FIRST * RATIO ** (number - 0.5)
