"""The verbs of the gallery, run as its viewer. Ids are found by functions of the database, and the files read by them under
row-level security; ids rise with time, so that pages, days and months are ranges of ids."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chatserver import ids
from chatserver.assets import favorites
from chatserver.assets.models import StoredFile
from chatserver.database import Row, Transaction, time_bounds
from chatserver.errors import NotFound
from chatserver.gallery.filters import GalleryFilters
from chatserver.gallery.models import (
    Choice,
    Choices,
    GalleryPicture,
    GalleryState,
    ListedPicture,
    MonthCount,
    OpenSession,
    PictureDetails,
    PictureList,
    PicturesChunk,
)
from chatserver.generations.models import Generation

# Pictures that are fetched at once: more than a screen shows.
CHUNK = 32
# Those of which a page that is open asks whether they have changed: more than it keeps.
STATE = 240
# Pictures of one selection.
MOST_SELECTED = 5_000
# Sessions and albums offered by a filter.
MOST_CHOICES = 40
# Sessions offered to use a picture's settings in.
MOST_OPEN = 5
BEFORE_ALL = "00000000-0000-0000-0000-000000000000"
AFTER_ALL = "ffffffff-ffff-ffff-ffff-ffffffffffff"


async def chunk(
    tx: Transaction, filters: GalleryFilters, zone: ZoneInfo, *, before: str | None = None, newer: str | None = None
) -> PicturesChunk:
    """The pictures that fit before one, or after one; the newest without either."""
    wanted = filters.conditions(zone)
    found = await _ids(tx, wanted, older=before, newer=newer, limit=CHUNK + 1)
    shown = found[:CHUNK]
    pictures = await _pictures(tx, shown, zone)
    more = len(found) > CHUNK
    days = await _days(tx, wanted, {picture.day for picture in pictures}, zone)
    if newer is not None:
        return PicturesChunk(pictures=pictures, newer=more, older=True, days=days)
    beyond = bool(before and shown) and bool(await _ids(tx, wanted, newer=shown[0], limit=1))
    return PicturesChunk(pictures=pictures, newer=beyond, older=more, days=days)


async def _ids(
    tx: Transaction, wanted: dict[str, Any], *, older: str | None = None, newer: str | None = None, limit: int
) -> list[str]:
    rows = await tx.fetch_all("gallery.ids", filters=wanted, older=older, newer=newer, limit=limit)
    return [row["id"] for row in rows]


async def _pictures(tx: Transaction, asset_ids: Sequence[str], zone: ZoneInfo) -> list[GalleryPicture]:
    rows = await tx.fetch_all("gallery.pictures", asset_ids=list(asset_ids))
    return [GalleryPicture.from_row(row, _day_of(row["id"], zone)) for row in rows]


def _day_of(id_: str, zone: ZoneInfo) -> date:
    return time_bounds.moment_of(id_).astimezone(zone).date()


async def _days(tx: Transaction, wanted: dict[str, Any], shown: set[date], zone: ZoneInfo) -> dict[date, int]:
    days = sorted(shown)
    if not days:
        return {}
    # From midnight to midnight: every other place between the bounds is a day that is shown.
    bounds = [_first_id_of(day + timedelta(days=later), zone) for day in days for later in (0, 1)]
    counted = await _counts(tx, wanted, bounds)
    return {day: counted[2 * index + 1] for index, day in enumerate(days)}


async def _counts(tx: Transaction, wanted: dict[str, Any], bounds: list[str]) -> Counter[int]:
    rows = await tx.fetch_all("gallery.counts", filters=wanted, bounds=bounds)
    return Counter({row["place"]: row["number"] for row in rows})


def _first_id_of(day: date, zone: ZoneInfo) -> str:
    return time_bounds.first_id(datetime(day.year, day.month, day.day, tzinfo=zone))


async def months(tx: Transaction, filters: GalleryFilters, zone: ZoneInfo, today: date) -> list[MonthCount]:
    """The months with pictures that fit, the newest first, with how many. Pictures of later days, made while the clock was
    ahead, count as this month's."""
    wanted = filters.conditions(zone)
    oldest = await _ids(tx, wanted, newer=BEFORE_ALL, limit=1)
    if not oldest:
        return []
    firsts = _months_between(min(_day_of(oldest[0], zone), today), today)
    counted = await _counts(tx, wanted, [*(_first_id_of(first, zone) for first in firsts), AFTER_ALL])
    found = [MonthCount(first, counted[place]) for place, first in enumerate(firsts, start=1) if counted[place]]
    return found[::-1]


def _months_between(first: date, last: date) -> list[date]:
    """The first days of the months of both and of those between them."""
    numbers = range(12 * first.year + first.month - 1, 12 * last.year + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def end_of_month(month: str, zone: ZoneInfo) -> str | None:
    """The id before which the pictures of a month (2026-11) and of those before it are; None where it is no month."""
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        return None
    return _first_id_of((first + timedelta(days=32)).replace(day=1), zone) if 1971 <= first.year <= 9000 else None


async def choices(tx: Transaction, filters: GalleryFilters) -> Choices:
    """The models, styles, sizes, sessions and albums to choose from; what is chosen is among them."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for row in await tx.fetch_all("gallery.choices"):
        for name, value in (("model", row["model"]), ("style", row["style"]), ("side", row["side"])):
            counted[name][str(value)] += row["number"]
        counted["session"][row["session_id"]] += row["number"]
    sessions = [value for value, _ in counted["session"].most_common(MOST_CHOICES)]
    if filters.session and filters.session not in sessions:
        sessions.append(filters.session)
    titles = {row["id"]: row["title"] for row in await tx.fetch_all("gallery.titles", session_ids=sessions)}
    return Choices(
        models=_choices(counted["model"]),
        styles=_choices(counted["style"], capitalized=True),
        sides=[Choice(value, f"{value} px", number) for value, number in sorted(counted["side"].items(), key=_by_side)],
        sessions=[
            Choice(value, titles.get(value, "A session that you have left"), counted["session"][value])
            for value in sessions
        ],
        albums=[
            Choice(row["id"], row["name"], row["number"])
            for row in await tx.fetch_all("gallery.albums", limit=MOST_CHOICES)
        ],
    )


def _choices(counted: Counter[str], *, capitalized: bool = False) -> list[Choice]:
    return [
        Choice(value, value.capitalize() if capitalized else value, number)
        for value, number in counted.most_common(MOST_CHOICES)
        if value
    ]


def _by_side(item: tuple[str, int]) -> int:
    return int(item[0])


async def find(tx: Transaction, asset_id: str, zone: ZoneInfo) -> tuple[GalleryPicture, Generation | None]:
    """One picture with the generation that made it, None for an upload; NotFound where the viewer may not see it."""
    found = await _pictures(tx, [asset_id], zone)
    if not found:
        raise NotFound
    rows = await tx.fetch_all("gallery.generations_of", asset_ids=[asset_id])
    return found[0], _generation(rows[0], found[0]) if rows else None


def _generation(row: Row, picture: GalleryPicture) -> Generation:
    return Generation.from_row(row, [picture.asset])


async def details(tx: Transaction, asset_id: str, zone: ZoneInfo) -> PictureDetails:
    """One picture as the lightbox shows it; NotFound where the viewer may not see it."""
    picture, generation = await find(tx, asset_id, zone)
    rows = await tx.fetch_all("gallery.open_sessions", limit=MOST_OPEN)
    sessions = [OpenSession(row["id"], row["title"]) for row in rows]
    return PictureDetails(picture=picture, generation=generation, sessions=sessions)


async def state(tx: Transaction, filters: GalleryFilters, zone: ZoneInfo, first: str, today: date) -> GalleryState:
    """The ids from `first` on that fit now, the oldest first and at most STATE, the favourites of them, and the counts."""
    wanted = filters.conditions(zone)
    found = await _ids(tx, wanted, newer=time_bounds.preceding(first), limit=STATE + 1)
    shown = found[:STATE]
    return GalleryState(
        shown,
        sorted(await favorites.marked(tx, shown)),
        complete=len(found) <= STATE,
        days=await _days(tx, wanted, {_day_of(each, zone) for each in shown}, zone),
        months=await months(tx, filters, zone, today),
    )


async def select_ids(tx: Transaction, filters: GalleryFilters, zone: ZoneInfo) -> list[str]:
    """The ids of all pictures that fit, the newest first, at most MOST_SELECTED."""
    return await _ids(tx, filters.conditions(zone), limit=MOST_SELECTED)


async def listed(
    tx: Transaction, filters: GalleryFilters, zone: ZoneInfo, before: str | None, limit: int
) -> PictureList:
    """A page of the pictures that fit, for the API."""
    found = await _ids(tx, filters.conditions(zone), older=before and ids.parse(before, "before"), limit=limit + 1)
    pictures = await _pictures(tx, found[:limit], zone)
    shown = [
        ListedPicture(
            asset=each.asset, generation_id=each.generation_id, session_id=each.session_id, prompt=each.prompt
        )
        for each in pictures
    ]
    return PictureList(shown, found[limit - 1] if len(found) > limit else None)


async def files(tx: Transaction, asset_ids: Sequence[str]) -> list[StoredFile]:
    """Those of the files that the viewer may see, the newest first, to be packed."""
    return [StoredFile.from_row(row) for row in await tx.fetch_all("gallery.files", asset_ids=list(asset_ids))]


async def files_of_message(tx: Transaction, message_id: str) -> tuple[str, list[StoredFile]]:
    """The prompt and the files of a message that the viewer may see, in its order; NotFound where there are none."""
    rows = await tx.fetch_all("gallery.files_of_message", message_id=message_id)
    if not rows:
        raise NotFound
    return rows[0]["prompt"], [StoredFile.from_row(row) for row in rows]
