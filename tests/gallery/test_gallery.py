"""The gallery's verbs: what fits filters and words, page by page, by day and month, for its owner and nobody else."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chatserver import ids
from chatserver.assets import favorites
from chatserver.errors import NotFound
from chatserver.gallery import service as gallery
from chatserver.gallery.filters import UTC_ZONE, GalleryFilters
from tests.gallery.pictures import MADE, Pictures
from tests.support.people import make_session, make_user, run_sql

INDIA = ZoneInfo("Asia/Kolkata")


async def found(database, viewer, **filters) -> list[str]:
    chosen = GalleryFilters.read(filters)
    assert chosen.chosen == {name: value for name, value in filters.items() if name != "grid"}
    return await database.run_as(viewer, gallery.select_ids, chosen, UTC_ZONE)


async def test_each_filter_finds_what_fits_and_they_combine(database):
    ada = await make_user(database, "Ada")
    pictures = Pictures(database, await make_session(database, ada))
    boat = await pictures.make(ada, "a red boat", style="oil", seed=77)
    clip = await pictures.make(ada, "a red kite", kind="video", width=128, model="Motion")
    tall = await pictures.make(ada, "Лодка у 富士山", height=128, moment=MADE - timedelta(days=40))
    upload = await pictures.upload(ada, "holiday-snap.png")
    everything = {boat, clip, tall, upload}
    assert set(await found(database, ada)) == everything
    wanted = {
        ("kind", "video"): {clip},
        ("style", "oil"): {boat},
        ("model", "Motion"): {clip},
        ("shape", "square"): {boat},
        ("shape", "landscape"): {clip, upload},
        ("shape", "portrait"): {tall},
        ("side", "128"): {clip, tall},
        ("seed", "77"): {boat},
        ("session", pictures.session_id): everything,
        ("session", ids.new()): set(),
        ("show", "uploads"): {upload},
        ("since", "2026-10-15"): everything - {tall},
        ("until", "2026-10-14"): {tall},
        ("q", "red"): {boat, clip},
        ("q", "RE bo"): {boat},
        ("q", "лод"): {tall},
        ("q", "山"): {tall},
        ("q", "snap"): {upload},
        ("q", "!'|:*"): set(),
        ("q", "owner:" + ada): set(),
        ("album", ids.new()): set(),
    }
    for (name, value), fitting in wanted.items():
        assert set(await found(database, ada, **{name: value})) == fitting, (name, value)
    assert await found(database, ada, q="red", kind="video", side="128", since="2026-10-15", until="2026-10-15") == [
        clip
    ]
    assert await found(database, ada, q="red", style="oil", kind="video") == []


async def test_an_album_is_a_filter_for_its_owner_alone(database, ada, bob, pictures):
    chosen, album = await pictures.make(ada, "for the album"), ids.new()
    await run_sql(database, "INSERT INTO albums (id, user_id, name) VALUES ($1, $2, 'Best')", album, ada)
    await run_sql(database, "INSERT INTO album_assets VALUES ($1, $2, 1)", album, chosen)
    assert await found(database, ada, album=album) == [chosen]
    assert await found(database, bob, album=album) == []


async def test_nobody_finds_what_is_anothers_and_only_favourites_may_be(database, pictures, ada, bob):
    others, own = await pictures.make(ada, "a guarded garden"), await pictures.make(bob, "a guarded gate")
    assert await found(database, bob, q="guarded") == [own]
    await database.run_as(bob, favorites.mark, [others, own], True)
    assert set(await found(database, bob, favorite="yes")) == {others, own}
    assert await found(database, bob, favorite="yes", q="garden") == [others]
    assert await found(database, ada, favorite="yes", q="guarded") == []
    await run_sql(database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", bob)
    assert await found(database, bob, favorite="yes") == [own]
    assert [
        each.is_mine for each in (await database.run_as(bob, gallery.chunk, GalleryFilters(), UTC_ZONE)).pictures
    ] == [True]
    with pytest.raises(NotFound):
        await database.run_as(bob, gallery.find, others, UTC_ZONE)
    await run_sql(database, "UPDATE session_members SET left_at = NULL WHERE user_id = $1", bob)
    stranger = await make_user(database, "Mallory")
    assert await found(database, stranger) == []
    assert (await database.run_as(stranger, gallery.choices, GalleryFilters(session=pictures.session_id))).models == []


async def test_what_is_deleted_is_found_no_more(database, ada, pictures):
    gone = await pictures.make(ada, "soon forgotten")
    await run_sql(database, "UPDATE assets SET status = 'deleted' WHERE id = $1", gone)
    assert await found(database, ada, q="forgotten") == []
    assert await run_sql(database, "SELECT FROM pictures WHERE asset_id = $1", gone) == []


async def test_pages_follow_each_other_both_ways_without_a_gap_or_a_repetition(database):
    grace = await make_user(database, "Grace")
    pictures = Pictures(database, await make_session(database, grace))
    many = 2 * gallery.CHUNK + 5
    made = [await pictures.make(grace, "a cloud", moment=MADE + timedelta(minutes=number)) for number in range(many)]
    newest_first = made[::-1]
    for filters in (GalleryFilters(), GalleryFilters(q="clou"), GalleryFilters(kind="image", model="Sketch")):
        down, before = [], None
        while True:
            chunk = await database.run_as(grace, gallery.chunk, filters, UTC_ZONE, before=before)
            assert chunk.newer is bool(down)
            down += [each.id for each in chunk.pictures]
            before = down[-1]
            if not chunk.older:
                break
        assert down == newest_first
        up, newer = [down[-1]], down[-1]
        while True:
            chunk = await database.run_as(grace, gallery.chunk, filters, UTC_ZONE, newer=newer)
            up = [each.id for each in chunk.pictures] + up
            newer = up[0]
            if not chunk.newer:
                break
        assert up == newest_first
    today = date(2026, 12, 24)
    state = await database.run_as(grace, gallery.state, GalleryFilters(), UTC_ZONE, newest_first[10], today)
    assert state.asset_ids == newest_first[:11][::-1]
    assert sum(month.number for month in state.months) == len(newest_first)
    shown = (await database.run_as(grace, gallery.chunk, GalleryFilters(), UTC_ZONE)).days
    assert state.days.items() <= shown.items()
    page = await database.run_as(grace, gallery.listed, GalleryFilters(), UTC_ZONE, None, 3)
    rest = await database.run_as(grace, gallery.listed, GalleryFilters(), UTC_ZONE, page.next, 3)
    assert [each.asset.id for each in (*page.pictures, *rest.pictures)] == newest_first[:6]


async def test_days_and_months_are_the_readers_own(database):
    grace = await make_user(database, "Grace")
    pictures = Pictures(database, await make_session(database, grace))
    evening = datetime(2026, 10, 31, 20, tzinfo=UTC)  # in India it is November
    late, early = (
        await pictures.make(grace, moment=evening),
        await pictures.make(grace, moment=evening - timedelta(days=1)),
    )
    october, november = date(2026, 10, 1), date(2026, 11, 1)
    for zone, counted in ((UTC_ZONE, {october: 2}), (INDIA, {november: 1, october: 1})):
        months = await database.run_as(grace, gallery.months, GalleryFilters(), zone, date(2026, 12, 24))
        assert {month.first: month.number for month in months} == counted
        assert [month.first for month in months] == sorted(counted, reverse=True)
        chunk = await database.run_as(grace, gallery.chunk, GalleryFilters(), zone)
        assert chunk.days == {each.day: 1 for each in chunk.pictures}
    place = gallery.end_of_month("2026-10", INDIA)
    chunk = await database.run_as(grace, gallery.chunk, GalleryFilters(), INDIA, before=place)
    assert [each.id for each in chunk.pictures] == [early] and chunk.newer
    assert late not in {each.id for each in chunk.pictures}
    assert await database.run_as(grace, gallery.months, GalleryFilters(q="none"), UTC_ZONE, date(2026, 12, 24)) == []


async def test_pictures_of_a_clock_that_was_ahead_are_counted_with_the_newest(database):
    grace = await make_user(database, "Grace")
    pictures = Pictures(database, await make_session(database, grace))
    today, this_month = date(2026, 12, 24), date(2026, 12, 1)
    for moment, counted in (
        (datetime(2039, 2, 28, tzinfo=UTC), {this_month: 1}),
        (datetime(2026, 12, 2, tzinfo=UTC), {this_month: 2}),
        (datetime(2026, 10, 2, tzinfo=UTC), {this_month: 2, date(2026, 10, 1): 1}),
    ):
        await pictures.make(grace, moment=moment)
        months = await database.run_as(grace, gallery.months, GalleryFilters(), UTC_ZONE, today)
        assert {month.first: month.number for month in months} == counted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "audio"), ("seed", "9" * 30), ("seed", "-1"), ("side", "1e3"), ("session", "x"), ("since", "2026-13-01"),
        ("until", "9999-12-31"), ("since", "0001-01-01"), ("q", "x" * 201), ("shape", "' OR 1=1"), ("seed", "²"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_no_filter(name, value):
    assert GalleryFilters.read({name: value}).chosen == {}
