"""The history of everything that somebody has had made, and the way from a picture to its place in a session."""

import contextlib
import itertools
from collections.abc import Sequence
from typing import Literal
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatserver import ids, messages
from chatserver.errors import NotFound
from chatserver.generations import history, sources
from chatserver.generations import service as generations
from chatserver.generations.models import Generation
from chatserver.identity.viewer import require_viewer
from chatserver.state import state_of
from chatserver.web import templating

PAGE = 30


class Filters(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of the history is shown; a value that does not fit is no filter."""

    kind: Literal["", "image", "video"] = ""
    status: Literal["", "done", "failed", "cancelled"] = ""
    favorite: Literal["", "true"] = ""
    q: str = ""

    def link(self, **changed: str) -> str:
        """The history's address with some filters changed, at its newest page."""
        chosen = {name: value for name, value in (msgspec.structs.asdict(self) | changed).items() if value}
        return f"/history?{urlencode(chosen)}" if chosen else "/history"


async def show_history(request: Request) -> Response:
    """One's own generations, newest first, by kind, status, favourites and words."""
    viewer = require_viewer(request)
    filters = _filters(request)
    query = history.HistoryQuery(
        kind=filters.kind or None,
        status=filters.status or None,
        favorite=True if filters.favorite else None,
        q=filters.q or None,
        before=request.query_params.get("before"),
        limit=PAGE,
    )
    page = await state_of(request).database.run_as(viewer.id, history.read, query)
    context = {
        "filters": filters,
        "batches": _batches(page.generations),
        "next": page.next,
        "first": query.before is None,
    }
    return templating.render(request, "generations/history.html", context)


def _batches(made: Sequence[Generation]) -> list[list[Generation]]:
    """The generations of each message together, in their order: what was asked for at once, and its versions."""
    return [list(batch) for _, batch in itertools.groupby(made, lambda generation: generation.message_id)]


async def locate(request: Request) -> Response:
    """Redirects to a generation in its session: the page opens a picture that is done, and shows the message otherwise.

    What somebody had made in a session that they have left is in their gallery.
    """
    database, viewer = state_of(request).database, require_viewer(request)
    generation_id = ids.parse(request.path_params["generation_id"])
    try:
        generation = await database.run_as(viewer.id, generations.find, generation_id)
    except NotFound:
        asset_id = await database.run_as(viewer.id, generations.own_file, generation_id)
        return RedirectResponse(f"/gallery?at={asset_id}", status_code=303)
    message = await database.run_as(viewer.id, messages.find, generation.message_id)
    place = templating.dom_id(generation if generation.status == "done" else message)
    return RedirectResponse(f"/sessions/{message.session_id}#{place}", status_code=303)


async def locate_asset(request: Request) -> Response:
    """Redirects to a picture or clip in its session, or, where there is no such place, to the file itself."""
    database, viewer = state_of(request).database, require_viewer(request)
    found = await database.run_as(viewer.id, sources.details, ids.parse(request.path_params["asset_id"]))
    if found.generation is not None:
        with contextlib.suppress(NotFound):  # it is theirs, in a session that they have left
            message = await database.run_as(viewer.id, messages.find, found.generation.message_id)
            place = f"/sessions/{message.session_id}#{templating.dom_id(found.generation)}"
            return RedirectResponse(place, status_code=303)
    return RedirectResponse(found.asset.url, status_code=303)


def _filters(request: Request) -> Filters:
    given = {name: request.query_params.get(name, "") for name in Filters.__struct_fields__}
    try:
        return msgspec.convert(given, Filters)
    except msgspec.ValidationError:
        return Filters(q=given["q"])


PAGES = [
    Route("/history", show_history),
    Route("/generations/{generation_id}", locate),
    Route("/assets/{asset_id}", locate_asset),
]
