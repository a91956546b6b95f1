"""Announcements: how long they are shown, what they may say, and that pages and sockets learn of them and of their end."""

from datetime import UTC, datetime, timedelta

import pytest

from chatserver import announcements
from chatserver.announcements.board import AnnouncementBoard
from chatserver.announcements.models import SiteAnnouncement
from chatserver.announcements.service import parse_until
from chatserver.audit import COMMAND_LINE
from chatserver.errors import Conflict, Invalid, NotFound
from tests.support.people import run_sql

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _nothing_announced(database):
    yield
    await run_sql(database, "UPDATE announcements SET until = now()")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("90m", NOW + timedelta(minutes=90)),
        (" 6h ", NOW + timedelta(hours=6)),
        ("31d", NOW + timedelta(days=31)),
        ("2026-11-30T18:00Z", datetime(2026, 11, 30, 18, 0, tzinfo=UTC)),
        ("2026-11-30 18:00", datetime(2026, 11, 30, 18, 0, tzinfo=UTC)),
        ("2026-11-30T18:00+05:30", datetime(2026, 11, 30, 12, 30, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_duration_or_a_time(text, end):
    assert parse_until(text, NOW) == end


@pytest.mark.parametrize(
    "text",
    ["", "soon", "0m", "-1h", "32d", "99999d", "\u0661h", "1w", "2026-11-29T12:00Z", "2027-01-30", "0001-01-01T00:00+14:00",
     "9999-12-31T23:59-14:00", "1\0d"],
)  # fmt: skip
def test_no_other_end_is_taken(text):
    with pytest.raises(Invalid) as refused:
        parse_until(text, NOW)
    assert refused.value.details["field"] == "until"


def test_a_moment_within_the_text_is_the_readers():
    line = SiteAnnouncement(id="a", text="Down from 2026-11-30T18:00+05:30 on, back at 2026-13-45T99:00Z", until=NOW)
    assert line.parts[1] == datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
    assert "".join(part for part in line.parts if isinstance(part, str)) == "Down from  on, back at 2026-13-45T99:00Z"


async def test_what_is_announced_is_shown_until_it_is_withdrawn_and_both_are_logged(database):
    older = await database.run_system(announcements.newest)
    made = await database.run_system(announcements.add, COMMAND_LINE, " Maintenance\nat six ", "6h")
    assert await database.run_system(announcements.current) == (made,)
    assert made.text == "Maintenance at six"
    await database.run_system(announcements.withdraw, COMMAND_LINE, made.id)
    assert await database.run_system(announcements.current) == ()
    newest = await database.run_system(announcements.newest)
    assert [each.id for each in newest] == [made.id, *(each.id for each in older)]
    with pytest.raises(NotFound):
        await database.run_system(announcements.withdraw, COMMAND_LINE, made.id)
    rows = await run_sql(
        database, "SELECT action, actor, details::text FROM audit_entries WHERE target_id = $1 ORDER BY id", made.id
    )
    assert [(row["action"], row["actor"]) for row in rows] == [
        ("announcement.made", "command line"),
        ("announcement.withdrawn", "command line"),
    ]
    assert "Maintenance" not in rows[0]["details"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 301, "a\0b", "a\ud800b", "a\u202eb", "a\x1bb"])
async def test_a_line_that_cannot_be_shown_is_refused(database, text):
    with pytest.raises(Invalid) as refused:
        await database.run_system(announcements.add, COMMAND_LINE, text, "1h")
    assert refused.value.details["field"] == "text"


async def test_no_more_are_shown_than_fit(database):
    for number in range(3):
        await database.run_system(announcements.add, COMMAND_LINE, f"number {number}", "1h")
    with pytest.raises(Conflict, match="Withdraw one first"):
        await database.run_system(announcements.add, COMMAND_LINE, "number 3", "1h")


def test_a_page_shows_what_has_not_expired_without_asking_the_database():
    board, now = AnnouncementBoard(), datetime.now(UTC)
    over = SiteAnnouncement(id="a", text="over", until=now - timedelta(seconds=1))
    shown = SiteAnnouncement(id="b", text="shown", until=now + timedelta(hours=1))
    board.show((over, shown))
    assert board.current() == [shown]
