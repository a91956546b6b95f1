"""Files over HTTP, at stable addresses: the viewer's permission is checked on every request.

    /files/<asset>/<name>.png            shows; `?download` saves under the readable name
    /files/<asset>/<name>.jpg, .webp     a picture in another format, made once and kept; `?download` may add the mark
    /files/<asset>/thumbnail.webp        small
    /files/<asset>/1024.webp, 2048.webp  a picture for the page, at most so many pixels a side, made once and kept

Users without permission get the same 404 as for a file that does not exist.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Literal

import structlog
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from chatserver import ids
from chatserver.assets import service as assets
from chatserver.assets.disposition import content_disposition
from chatserver.assets.keys import FORMATS, PREVIEW_SIDES, content_type_of, download_key, preview_key
from chatserver.assets.models import StoredFile
from chatserver.assets.ranges import Part, matches, part_of
from chatserver.assets.signatures import signer_of
from chatserver.errors import NotFound, StorageError
from chatserver.identity.viewer import current_viewer
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Provenance
from chatserver.state import State

# Seconds that a presigned address is valid: long enough for a slow client to begin.
PRESIGN_SECONDS = 300
# The value of PICTURE_MARK that names every plan.
ALL_PLANS = "all"
# Types that a browser may show; all others are only downloaded.
SHOWN = {"image/png", "image/jpeg", "image/webp", "video/webm", "video/mp4"}
_PREVIEWS = {f"{side}.webp": side for side in PREVIEW_SIDES}
HEADERS = {
    # Cached by the browser and revalidated each time: after signing out on a shared computer the answer is 404,
    # and while signed in it is a 304 of a few bytes.
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
    "X-Content-Type-Options": "nosniff",
    # A file opened directly is shown by the browser's viewer, which lays it out with styles of its own and loads a clip
    # as from its own site, and cannot run anything.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox allow-same-origin"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = structlog.get_logger(__name__)


# Makes a derived file of the bytes of a stored PNG, and what is to be said of it. Two processes may do so at once: both
# results have the same size, so that either may be read with the size of the other.
Conversion = Callable[[ImageProcessor, bytes, Provenance], Awaitable[bytes]]


class Version(Struct, frozen=True, kw_only=True):
    """What is served: the file itself, its thumbnail, or the picture in another format or size, which `make` makes at
    its first request."""

    key: str
    etag: str
    content_type: str
    filename: str
    size: int | None = None
    make: Conversion | None = None


async def serve_file(request: Request) -> Response:
    """GET and HEAD /files/{asset_id}/{filename}."""
    state: State = request.app.state.chatserver
    file = await _permitted(request, state)
    version = _version(file, request.path_params["filename"], marked=await _is_marked(request, state, file))
    headers = HEADERS | {"ETag": version.etag, "Content-Disposition": _disposition(request, version)}
    if matches(request.headers.get("if-none-match"), version.etag):
        return Response(status_code=304, headers=headers)
    size = version.size if version.size is not None else await _size_of_derived(state, file, version)
    if request.method == "HEAD":
        return _empty(200, version, headers | {"Content-Length": str(size)})
    return await _redirect(state, version, headers) or await _send(request, state, version, size, headers)


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
    plans = state.config.picture_mark
    if not plans or file.kind != "image" or "download" not in request.query_params:
        return False
    return ALL_PLANS in plans or (await state.database.run_system(assets.origin, file.id)).plan_id in plans


def _version(file: StoredFile, filename: str, *, marked: bool) -> Version:
    if filename == file.filename and not marked:
        return Version(
            key=file.storage_key,
            etag=f'"{file.sha256}"',
            content_type=file.content_type,
            filename=filename,
            size=file.bytes,
        )
    stem, extension = file.filename.rpartition(".")[0], filename[filename.rfind(".") :]
    if filename == "thumbnail.webp":
        return _derived(file, file.thumbnail_key, f"{stem}-small.webp", "thumbnail")
    if file.kind == "image" and extension in FORMATS and filename == stem + extension:
        return _converted(file, filename, extension, marked=marked)
    if file.kind == "image" and filename in _PREVIEWS:
        return _preview(file, stem, _PREVIEWS[filename])
    raise NotFound


def _converted(file: StoredFile, filename: str, extension: str, *, marked: bool) -> Version:
    wanted, key = FORMATS[extension], download_key(file.storage_key, extension, marked=marked)
    what = f"{'marked' if marked else 'sealed'}-{wanted}"
    return _derived(
        file,
        key,
        filename,
        what,
        lambda pictures, png, provenance: pictures.convert_picture(png, wanted, provenance, marked=marked),
    )


def _preview(file: StoredFile, stem: str, side: int) -> Version:
    key = preview_key(file.storage_key, side)
    return _derived(
        file,
        key,
        f"{stem}-{side}.webp",
        str(side),
        lambda pictures, png, provenance: pictures.shrink_picture(png, side, provenance),
    )


def _derived(file: StoredFile, key: str, filename: str, what: str, make: Conversion | None = None) -> Version:
    # Derived files change only with the file, so that its hash serves for both.
    etag, content_type = f'"{file.sha256}-{what}"', content_type_of(key)
    return Version(key=key, etag=etag, content_type=content_type, filename=filename, make=make)


def _disposition(request: Request, version: Version) -> str:
    shown = version.content_type in SHOWN and "download" not in request.query_params
    kind: Literal["inline", "attachment"] = "inline" if shown else "attachment"
    return content_disposition(kind, version.filename)


async def _size_of_derived(state: State, file: StoredFile, version: Version) -> int:
    """The size of a thumbnail, or of another format or size, which is made at its first request."""
    stored = await state.storage.stat(version.key)
    if stored is not None:
        return stored.size
    if version.make is None:
        raise _bytes_missing(version.key)
    provenance = (await state.database.run_system(assets.origin, file.id)).provenance
    made = await version.make(state.pictures, await _original(state, file), provenance)
    made = await state.sealer.seal(made, version.content_type, provenance)
    await state.storage.put(version.key, made, version.content_type)
    return len(made)


async def _original(state: State, file: StoredFile) -> bytes:
    try:
        return await state.storage.get(file.storage_key)
    except KeyError:
        raise _bytes_missing(file.storage_key) from None


async def _redirect(state: State, version: Version, headers: dict[str, str]) -> Response | None:
    """A redirect to the bucket, where the operator has configured it and the storage supports it."""
    if not state.config.storage_presign:
        return None
    address = await state.storage.presign(
        version.key,
        content_type=version.content_type,
        disposition=headers["Content-Disposition"],
        seconds=PRESIGN_SECONDS,
    )
    return RedirectResponse(address, 307, headers={"Cache-Control": "no-store"}) if address else None


async def _send(request: Request, state: State, version: Version, size: int, headers: dict[str, str]) -> Response:
    part = part_of(size, version.etag, request.headers.get("range"), request.headers.get("if-range"))
    if part is None:
        return _empty(416, version, headers | {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
    headers |= {"Content-Length": str(part.length)}
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    pieces = state.storage.read(version.key, part.start, part.length)
    body = _following(await _first(pieces, version, part), pieces)
    return StreamingResponse(body, 206 if part.partial else 200, headers, media_type=version.content_type)


async def _first(pieces: AsyncGenerator[bytes, None], version: Version, part: Part) -> bytes:
    """The first piece, read before the status is sent, so that missing bytes are an error and not a truncated answer."""
    try:
        piece = await anext(pieces, b"")
    except KeyError:
        raise _bytes_missing(version.key) from None
    if part.length and not piece:
        raise _bytes_missing(version.key)
    return piece


async def _following(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    # Closed at once when the client disconnects, so that nothing stays open.
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def _bytes_missing(key: str) -> StorageError:
    log.error("asset.bytes_missing", key=key)
    return StorageError("This file's bytes are missing from the file store.")


def _empty(status: int, version: Version, headers: dict[str, str]) -> Response:
    return Response(None, status, headers, media_type=version.content_type)


ROUTES = [Route("/files/{asset_id}/{filename}", serve_file, methods=["GET"], name="files")]
