"""Files over HTTP, at stable addresses: the viewer's permission is checked on every request.

    /files/<asset>/<name>.png            shows; `?download` saves under the readable name
    /files/<asset>/<name>.jpg, .webp     a picture in another format, made once and kept; `?download` may add the mark
    /files/<asset>/thumbnail.webp        small
    /files/<asset>/1024.webp, 2048.webp  a picture for the page, at most so many pixels a side, made once and kept

Users without permission get the same 404 as for a file that does not exist.
"""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids
from chatserver.assets import delivery
from chatserver.assets import service as assets
from chatserver.assets.delivery import FileParts, Version
from chatserver.assets.keys import FORMATS
from chatserver.assets.models import StoredFile
from chatserver.assets.signatures import signer_of
from chatserver.errors import NotFound
from chatserver.identity.viewer import current_viewer
from chatserver.state import State, state_of

log = structlog.get_logger(__name__)


async def serve_file(request: Request) -> Response:
    """GET and HEAD /files/{asset_id}/{filename}."""
    state = state_of(request)
    file = await _permitted(request, state)
    version = _version(file, request.path_params["filename"], marked=await _is_marked(request, state, file))
    parts = FileParts(state.database, state.storage, state.pictures, state.sealer, delivery.asker_of(request))
    return await delivery.deliver(request, parts, file, version, presign=state.config.storage_presign)


async def _permitted(request: Request, state: State) -> StoredFile:
    asset_id = ids.parse(request.path_params["asset_id"])
    signer = signer_of(state.secret_key, asset_id, request.query_params)
    if signer is not None:
        try:
            return await state.database.run_as(signer.user_id, assets.find_signed_file, asset_id, signer.credential_id)
        except NotFound:
            log.info("asset.signature_refused", asset=asset_id, signer=signer.user_id)
    viewer = current_viewer(request)
    if viewer is None:
        raise NotFound
    return await state.database.run_as(viewer.id, assets.find_file, asset_id)


async def _is_marked(request: Request, state: State, file: StoredFile) -> bool:
    """Whether PICTURE_MARK asks for the visible mark: in copies that are saved, not in what the page shows."""
    if file.kind != "image" or "download" not in request.query_params:
        return False
    return await delivery.asks_for_mark(state.database, state.config.picture_mark, file)


def _version(file: StoredFile, filename: str, *, marked: bool) -> Version:
    if filename == file.filename and not marked:
        return delivery.original(file)
    stem, extension = file.filename.rpartition(".")[0], filename[filename.rfind(".") :]
    if filename == "thumbnail.webp":
        return delivery.thumbnail(file, stem)
    if file.kind == "image" and extension in FORMATS and filename == stem + extension:
        return delivery.converted(file, filename, extension, marked=marked)
    if file.kind == "image" and filename in delivery.PREVIEWS:
        return delivery.preview(file, stem, delivery.PREVIEWS[filename])
    raise NotFound


ROUTES = [Route("/files/{asset_id}/{filename}", serve_file, methods=["GET"], name="files")]
