"""The period of the figures: its length, its zone, and what it is compared with."""

from datetime import UTC, datetime, timedelta

import pytest

from chatserver.admin.period import Period

NOW = datetime(2026, 11, 29, 6, 30, tzinfo=UTC)


def test_a_day_is_the_last_24_hours_and_is_compared_with_those_before():
    period = Period.at(NOW)
    assert (period.start, period.end) == (NOW - timedelta(hours=24), NOW)
    assert (period.before_start, period.before_end) == (NOW - timedelta(hours=48), NOW - timedelta(hours=24))
    assert period.query == ""


def test_days_are_those_of_the_zone_and_today_is_one_of_them():
    period = Period.at(NOW, "7d", "Asia/Kolkata")
    assert period.start.isoformat() == "2026-11-23T00:00:00+05:30"
    assert period.before_start.isoformat() == "2026-11-16T00:00:00+05:30"
    assert period.before_end.isoformat() == "2026-11-22T12:00:00+05:30"
    assert period.query == "period=7d&zone=Asia%2FKolkata"


def test_a_week_with_a_change_of_the_clocks_still_begins_at_midnight():
    period = Period.at(datetime(2026, 10, 27, 12, tzinfo=UTC), "7d", "Europe/Berlin")
    assert period.start.isoformat() == "2026-10-21T00:00:00+02:00"
    assert period.end.isoformat() == "2026-10-27T13:00:00+01:00"
    assert period.before_end.isoformat() == "2026-10-20T13:00:00+02:00"


@pytest.mark.parametrize(
    "zone", ["", "Nowhere/Land", "../../etc/passwd", "\x00", "\ud800", "Europe", "x" * 5000, "/etc/localtime", "a b"]
)
def test_a_zone_that_nobody_knows_is_utc(zone):
    assert Period.at(NOW, "30d", zone).zone == "UTC"


@pytest.mark.parametrize("key", ["", "1000d", "\ud800", "7D"])
def test_a_length_that_is_not_offered_is_a_day(key):
    assert Period.at(NOW, key).key == "24h"
