"""The pages of the gallery, and the fragments of which its script makes it longer."""

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chatserver import ids
from chatserver.api.endpoint import json_response
from chatserver.assets import delivery
from chatserver.assets.delivery import FileParts
from chatserver.assets.filenames import readable_name
from chatserver.database import Transaction, time_bounds
from chatserver.errors import Invalid, NotFound
from chatserver.gallery import archiving
from chatserver.gallery import service as gallery
from chatserver.gallery.filters import GalleryFilters
from chatserver.gallery.models import ChosenPictures, GalleryChanges, MonthCount, PicturesChunk
from chatserver.generations import sources
from chatserver.generations.models import Generation
from chatserver.identity.viewer import require_viewer
from chatserver.runtime import clock
from chatserver.state import state_of
from chatserver.web import cookies, forms, templating
from chatserver.web.site import site_of

# The reader's time zone, by name: a page says it of itself, as `theme`.
ZONE_COOKIE = "timezone"
# A form of ids: 5,000 of 36 characters with commas.
MOST_FORM_BYTES = 256 * 1024


class GalleryPage(msgspec.Struct, frozen=True):
    """What the gallery shows at first."""

    chunk: PicturesChunk
    months: list[MonthCount]


async def show_gallery(request: Request) -> Response:
    """One's own pictures and clips from the newest on, or from another place (`_place`)."""
    viewer, state, zone = require_viewer(request), state_of(request), _zone(request)
    filters = GalleryFilters.read(dict(request.query_params))
    page = await state.database.run_as(viewer.id, _read_page, filters, zone, _place(request, zone))
    context = {
        "filters": filters,
        "chunk": page.chunk,
        "months": page.months,
        "year": page.chunk.pictures[0].day.year if page.chunk.pictures else None,
        "total": sum(month.number for month in page.months),
        "anything": bool(page.months) or not filters.chosen,
        "zone": zone.key,
        "today": clock.now().astimezone(zone).date(),
    }
    return templating.render(request, "gallery/index.html", context)


async def _read_page(
    tx: Transaction, filters: GalleryFilters, zone: ZoneInfo, place: dict[str, str | None]
) -> GalleryPage:
    today = clock.now().astimezone(zone).date()
    return GalleryPage(await gallery.chunk(tx, filters, zone, **place), await gallery.months(tx, filters, zone, today))


def _place(request: Request, zone: ZoneInfo) -> dict[str, str | None]:
    """Where to begin: `at` with that picture, `before` after it, `newer` above it, `month` at its end."""
    given = request.query_params
    if given.get("newer"):
        return {"newer": _id(given["newer"])}
    if given.get("at"):
        at = _id(given["at"])
        return {"before": at and time_bounds.following(at)}
    if given.get("before"):
        return {"before": _id(given["before"])}
    return {"before": gallery.end_of_month(given["month"], zone) if given.get("month") else None}


def _id(text: str) -> str | None:
    try:
        return ids.parse(text)
    except NotFound:
        return None


async def show_pictures(request: Request) -> Response:
    """More pictures, as fragments for the list."""
    viewer, state, zone = require_viewer(request), state_of(request), _zone(request)
    filters = GalleryFilters.read(dict(request.query_params))
    chunk = await state.database.run_as(viewer.id, gallery.chunk, filters, zone, **_place(request, zone))
    today = clock.now().astimezone(zone).date()
    return _fragment(request, "gallery/_chunk.html", chunk=chunk, today=today)


async def show_choices(request: Request) -> Response:
    """The form of all filters, with what there is to choose from."""
    viewer, state = require_viewer(request), state_of(request)
    filters = GalleryFilters.read(dict(request.query_params))
    found = await state.database.run_as(viewer.id, gallery.choices, filters)
    return _fragment(request, "gallery/_filters.html", filters=filters, choices=found)


async def show_details(request: Request) -> Response:
    """The settings and the downloads of one picture, for the lightbox."""
    viewer, state = require_viewer(request), state_of(request)
    asset_id = ids.parse(request.path_params["asset_id"])
    found = await state.database.run_as(viewer.id, gallery.details, asset_id, _zone(request))
    refusals = sources.refusals(state.providers)
    return _fragment(request, "gallery/_details.html", details=found, refusals=refusals)


async def compare(request: Request) -> Response:
    """Two pictures, one beside or over the other, with the settings in which they differ."""
    viewer, state, zone = require_viewer(request), state_of(request), _zone(request)
    chosen = [ids.parse(request.query_params.get(name, "")) for name in ("first", "second")]
    pairs = [await state.database.run_as(viewer.id, gallery.find, asset_id, zone) for asset_id in chosen]
    if any(picture.asset.kind != "image" for picture, _ in pairs):
        raise Invalid.field("first", "and second must be pictures; clips cannot be compared")
    rows = _settings([generation for _, generation in pairs])
    context = {"pictures": [picture for picture, _ in pairs], "rows": rows}
    return templating.render(request, "gallery/compare.html", context)


_SETTINGS = {
    "Prompt": "prompt",
    "Without": "negative_prompt",
    "Style": "style",
    "Seed": "seed",
    "Steps": "steps",
    "Guidance": "guidance",
    "Model": "model",
    "Made by": "provider",
}


def _settings(generations: list[Generation | None]) -> list[tuple[str, list[str], bool]]:
    """(name, the value of each, whether they differ) of every setting that one of them has."""
    rows = []
    for name, field in _SETTINGS.items():
        values = [_shown(getattr(each, field, None)) for each in generations]
        if any(values):
            rows.append((name, values, len(set(values)) > 1))
    sizes = [f"{each.width} × {each.height}" if each else "" for each in generations]
    return [*rows, ("Size", sizes, len(set(sizes)) > 1)]


def _shown(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


async def show_state(request: Request) -> Response:
    """Which pictures fit now, from one on, which of them are favourites, and how many there are of each day and month.

    `year`: the one that is looked at, of which the rail has months also where it is long ago.
    """
    viewer, state, zone = require_viewer(request), state_of(request), _zone(request)
    filters = GalleryFilters.read(dict(request.query_params))
    given = request.query_params.get("from")
    first = ids.parse(given, "from") if given else gallery.BEFORE_ALL
    today = clock.now().astimezone(zone).date()
    found = await state.database.run_as(viewer.id, gallery.state, filters, zone, first, today)
    year = _year_of(request.query_params.get("year", ""))
    rail = templating.draw(site_of(request), "gallery/_months.html", filters=filters, months=found.months, year=year)
    return json_response(GalleryChanges(found.asset_ids, found.favorites, found.complete, found.days, rail))


def _year_of(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{4}", text, re.ASCII) else None


async def show_ids(request: Request) -> Response:
    """The ids of all pictures that fit, the newest first, for a selection of all."""
    viewer, state, zone = require_viewer(request), state_of(request), _zone(request)
    filters = GalleryFilters.read(dict(request.query_params))
    found = await state.database.run_as(viewer.id, gallery.select_ids, filters, zone)
    return json_response(ChosenPictures(found))


async def download(request: Request) -> Response:
    """A zip of the files whose ids the form has."""
    viewer, state = require_viewer(request), state_of(request)
    form = await forms.read(request, most_bytes=MOST_FORM_BYTES)
    chosen = list(dict.fromkeys(ids.parse(each, "asset_ids") for each in form.text("asset_ids").split(",") if each))
    if not 1 <= len(chosen) <= gallery.MOST_SELECTED:
        raise Invalid.field("asset_ids", f"must be 1 to {gallery.MOST_SELECTED:,} pictures")
    files = await state.database.run_as(viewer.id, gallery.files, chosen)
    if not files:
        raise NotFound
    name = f"{state.config.site_name.lower()}-{len(files)}-{clock.now().astimezone(_zone(request)):%Y-%m-%d}.zip"
    return await archiving.respond(_parts(request), state.config.picture_mark, viewer.id, files, name)


async def download_message(request: Request) -> Response:
    """A zip of every file of a message."""
    viewer, state = require_viewer(request), state_of(request)
    message_id = ids.parse(request.path_params["message_id"])
    prompt, files = await state.database.run_as(viewer.id, gallery.files_of_message, message_id)
    name = readable_name(prompt, message_id, ".zip", fallback="pictures")
    return await archiving.respond(_parts(request), state.config.picture_mark, viewer.id, files, name)


def _parts(request: Request) -> FileParts:
    state = state_of(request)
    return FileParts(state.database, state.storage, state.pictures, state.sealer, delivery.asker_of(request))


def _fragment(request: Request, template: str, **objects: object) -> Response:
    return HTMLResponse(templating.draw(site_of(request), template, **objects), headers={"Cache-Control": "no-store"})


def _zone(request: Request) -> ZoneInfo:
    """The reader's time zone as their browser has told it, otherwise UTC."""
    return _zone_named((cookies.read_plain(request, ZONE_COOKIE) or "UTC")[:64])


@lru_cache(maxsize=500)
def _zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a path, a folder, an unknown name
        return ZoneInfo("UTC")


PAGES = [
    Route("/gallery", show_gallery),
    Route("/gallery/pictures", show_pictures),
    Route("/gallery/pictures/{asset_id}", show_details),
    Route("/gallery/filters", show_choices),
    Route("/gallery/state", show_state),
    Route("/gallery/ids", show_ids),
    Route("/gallery/compare", compare),
    Route("/gallery/archive", download, methods=["POST"]),
    Route("/messages/{message_id}/archive", download_message),
]
