"""How a period is read: cut into buckets that are summed up, as large as possible, and rows for the rest. Pure functions."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

# The buckets' lengths in seconds; each is a multiple of the one before. Zones differ from UTC by multiples of the first.
GRAINS = (900, 3_600, 21_600, 86_400, 864_000)
QUARTER = GRAINS[0]
ROWS = 0

# A period with what it is called: a day of a zone, an hour, or nothing.
Labelled = tuple[str, datetime, datetime]

UTC_ZONE = ZoneInfo("UTC")
_EPOCH, _DAY = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=1)


class Piece(Struct, frozen=True):
    """Buckets of `grain` seconds from `start` to before `stop`, or the rows themselves where it is ROWS.

    `label` says what it belongs to.
    """

    grain: int
    start: datetime
    stop: datetime
    label: str = ""


def cut(
    start: datetime, stop: datetime, changed: Sequence[datetime], label: str = "", grains: Sequence[int] = GRAINS
) -> list[Piece]:
    """The pieces of a period, in order. `changed` are quarters whose rows have changed since they were summed up, sorted."""
    pieces: list[Piece] = []
    at, stop = start.astimezone(UTC), stop.astimezone(UTC)
    while at < stop:
        grain, until = _next(at, stop, changed, grains)
        if pieces and pieces[-1].grain == grain:
            pieces[-1] = Piece(grain, pieces[-1].start, until, label)
        else:
            pieces.append(Piece(grain, at, until, label))
        at = until
    return pieces


def _next(at: datetime, stop: datetime, changed: Sequence[datetime], grains: Sequence[int]) -> tuple[int, datetime]:
    for grain in reversed(grains):
        until = at + timedelta(seconds=grain)
        if bucket_of(at, grain) == at and until <= stop and not _any_within(changed, at, until):
            return grain, until
    return ROWS, min(bucket_of(at, grains[0]) + timedelta(seconds=grains[0]), stop)


def _any_within(changed: Sequence[datetime], start: datetime, stop: datetime) -> bool:
    place = bisect_left(changed, start)
    return place < len(changed) and changed[place] < stop


def bucket_of(at: datetime, grain: int) -> datetime:
    """The beginning of the bucket of `grain` seconds that a time is in, in UTC."""
    return _EPOCH + (at - _EPOCH) // timedelta(seconds=grain) * timedelta(seconds=grain)


def days(start: datetime, stop: datetime, zone: ZoneInfo) -> list[Labelled]:
    """The days of a time zone that a period touches, with the part of each that is in it."""
    # In UTC, since times of one zone are compared by what its clocks show.
    start, stop = start.astimezone(UTC), stop.astimezone(UTC)
    found, day = [], start.astimezone(zone).date()
    while day <= stop.astimezone(zone).date():
        found.append((day.isoformat(), max(_midnight(day, zone), start), min(_midnight(day + _DAY, zone), stop)))
        day += _DAY
    return found


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def hours(start: datetime, stop: datetime) -> list[Labelled]:
    """The hours by the clock of UTC that a period touches, with the part of each that is in it."""
    found, hour = [], bucket_of(start, 3_600)
    while hour < stop:
        following = hour + timedelta(hours=1)
        found.append((hour.isoformat(), max(hour, start), min(following, stop)))
        hour = following
    return found
