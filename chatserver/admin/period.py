"""The period and the time zone of the operator's figures: chosen on the page, kept in its address."""

from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from starlette.requests import Request

from chatserver.runtime import clock
from chatserver.statistics.figures import Span

HOURS = {"24h": 24}
DAYS = {"7d": 7, "30d": 30, "90d": 90}
CHOICES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
DEFAULT = "24h"
LONGEST_ZONE = 64
# What the page offers; any other name of the IANA database may stand in the address.
ZONES = (
    "UTC", "Pacific/Auckland", "Australia/Sydney", "Asia/Tokyo", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore",
    "Asia/Jakarta", "Asia/Dhaka", "Asia/Kolkata", "Asia/Karachi", "Asia/Dubai", "Europe/Moscow", "Africa/Nairobi",
    "Europe/Istanbul", "Europe/Athens", "Africa/Johannesburg", "Africa/Cairo", "Europe/Berlin", "Europe/Paris",
    "Africa/Lagos", "Europe/London", "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles",
)  # fmt: skip


class Period(Struct, frozen=True, kw_only=True):
    """From `start` to `end`, and the equally long period before it, which begins at `before`; all three are aware.

    24 hours end now. Days are those of the time zone: the last one is today, up to now, and it is compared with a period
    that ends at the same time of its last day.
    """

    key: str
    zone: str
    start: datetime
    end: datetime
    before_start: datetime
    before_end: datetime

    @classmethod
    def of(cls, request: Request) -> "Period":
        """The period of an address (`?period=7d&zone=Europe/Berlin`); what it does not know counts as not given."""
        return cls.at(clock.now(), request.query_params.get("period", ""), request.query_params.get("zone", ""))

    @classmethod
    def at(cls, now: datetime, key: str = DEFAULT, zone: str = "UTC") -> "Period":
        """The period with this key that ends at `now`, in this zone."""
        key, here = key if key in CHOICES else DEFAULT, zone_of(zone)
        if key in HOURS:
            hours = timedelta(hours=HOURS[key])
            start, before_start, before_end = now - hours, now - 2 * hours, now - hours
        else:
            start = _midnight(now, here, DAYS[key] - 1)
            before_start = _midnight(now, here, 2 * DAYS[key] - 1)
            before_end = now.astimezone(here) - timedelta(days=DAYS[key])
        return cls(
            key=key,
            zone=here.key,
            start=start.astimezone(here),
            end=now.astimezone(here),
            before_start=before_start.astimezone(here),
            before_end=before_end.astimezone(here),
        )

    @property
    def span(self) -> Span:
        """All of it, as figures are asked for."""
        return Span(start=self.start, end=self.end, zone=self.zone)

    @property
    def words(self) -> str:
        """How long it is: "7 days"."""
        return CHOICES[self.key]

    @property
    def query(self) -> str:
        """The query of links that keep it: "period=7d&zone=Europe%2FBerlin"; without what is the default."""
        return self.with_key(self.key)

    @property
    def zone_choices(self) -> tuple[str, ...]:
        """The names of the zones that the page offers, its own included."""
        return ZONES if self.zone in ZONES else (self.zone, *ZONES)

    def with_key(self, key: str) -> str:
        """The query of a link to another length in the same zone."""
        given = {"period": key if key != DEFAULT else "", "zone": self.zone if self.zone != "UTC" else ""}
        return urlencode({name: value for name, value in given.items() if value})


def _midnight(now: datetime, zone: ZoneInfo, days_ago: int) -> datetime:
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name, as IANA has it; UTC where this machine knows none."""
    try:
        return ZoneInfo(name if len(name) <= LONGEST_ZONE else "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
