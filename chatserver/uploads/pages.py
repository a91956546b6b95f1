"""What the composer offers to start from: drawn when its chip is opened, as it is then."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chatserver import ids, sessions
from chatserver.assets import service as assets
from chatserver.assets.models import Asset
from chatserver.database import Transaction
from chatserver.generations import sources
from chatserver.identity.viewer import require_viewer
from chatserver.state import state_of
from chatserver.uploads import service as uploads
from chatserver.uploads.models import UploadsPage
from chatserver.uploads.requests import ListUploads
from chatserver.web import templating
from chatserver.web.body_limits import MAX_UPLOAD_BYTES
from chatserver.web.site import site_of

# Uploads that are shown to choose from; the gallery has all of them.
MOST_SHOWN = 12


class SourceChoices(Struct, frozen=True, kw_only=True):
    """The uploads of a session to choose from with their quota, and the picture that is chosen now."""

    page: UploadsPage
    chosen: Asset | None


async def show_choices(request: Request) -> Response:
    """GET /sessions/{id}/sources: the fragment, for the picture `asset_id` where one is chosen."""
    viewer, state = require_viewer(request), state_of(request)
    session_id = ids.parse(request.path_params["session_id"])
    asset_id = request.query_params.get("asset_id")
    asset_id = ids.parse(asset_id, "asset_id") if asset_id else None
    choices = await state.database.run_as(viewer.id, _read, session_id, asset_id)
    body = templating.draw(
        site_of(request),
        "uploads/_sources.html",
        choices=choices,
        refusals=sources.refusals(state.providers),
        most_megabytes=MAX_UPLOAD_BYTES // 1024**2,
    )
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


async def _read(tx: Transaction, session_id: str, asset_id: str | None) -> SourceChoices:
    await sessions.membership(tx, session_id)
    return SourceChoices(
        page=await uploads.list_own(tx, ListUploads(session_id=session_id, limit=MOST_SHOWN)),
        chosen=None if asset_id is None else await assets.find(tx, asset_id),
    )


PAGES = [Route("/sessions/{session_id}/sources", show_choices)]
