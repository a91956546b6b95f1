"""The delivery of a stored file over HTTP: its versions, made once and kept; conditional and range requests; streams.

Who may have a file is decided by the entrances (`assets.pages` for members, `sharing.pages` for holders of a link).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

import structlog
from msgspec import Struct
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from chatserver.assets import service as assets
from chatserver.assets.disposition import content_disposition
from chatserver.assets.keys import FORMATS, PREVIEW_SIDES, content_type_of, download_key, preview_key, shared_key
from chatserver.assets.models import StoredFile
from chatserver.assets.ranges import Part, matches, part_of
from chatserver.assets.streams import WhileOpen
from chatserver.database import Database
from chatserver.errors import StorageError
from chatserver.identity.addresses import subnet_of
from chatserver.identity.viewer import current_viewer
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Provenance
from chatserver.provenance.sealer import Sealer
from chatserver.storage.base import Storage

# Seconds that a presigned address is valid, in which a browser has to begin: a bucket does not know what an operator has
# hidden, which is gone within five seconds.
PRESIGN_SECONDS = 4
# Files of so many bytes are sent in one go; during larger ones it is looked so often whether they may be sent on.
_WATCHED_BYTES = 262_144
_CHECK_SECONDS = 2.0
# The value of PICTURE_MARK that names every plan.
ALL_PLANS = "all"
# Types that a browser may show; all others are only downloaded.
SHOWN = {"image/png", "image/jpeg", "image/webp", "video/webm", "video/mp4"}
PREVIEWS = {f"{side}.webp": side for side in PREVIEW_SIDES}
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


# Makes a derived file of the bytes of a stored one, and what is to be said of it. Two processes may do so at once: both
# results have the same size, so that either may be read with the size of the other.
Conversion = Callable[[ImageProcessor, bytes, Provenance | None], Awaitable[bytes]]


@dataclass(frozen=True)
class FileParts:
    """What delivering a file takes: its row's database, its bytes' storage, and the child processes that derive others.

    These serve each `asker` in turn (`asker_of`).
    """

    database: Database
    storage: Storage
    pictures: ImageProcessor
    sealer: Sealer
    asker: str


def asker_of(request: Request) -> str:
    """Who sends a request, for `FileParts`: the user's id, or the network of a visitor."""
    viewer = current_viewer(request)
    return viewer.id if viewer else subnet_of(request.client.host if request.client else "")


class Version(Struct, frozen=True, kw_only=True):
    """What is served: the file itself, its thumbnail, or the file in another form, which `make` makes at its first
    request; with its prompt and seed in it only where `with_prompt`."""

    key: str
    etag: str
    content_type: str
    filename: str
    size: int | None = None
    make: Conversion | None = None
    with_prompt: bool = True


def original(file: StoredFile) -> Version:
    """The file as it is stored."""
    return Version(
        key=file.storage_key,
        etag=f'"{file.sha256}"',
        content_type=file.content_type,
        filename=file.filename,
        size=file.bytes,
    )


def saved(file: StoredFile, extension: str, *, marked: bool) -> Version:
    """The copy that somebody saves: the file itself, or a picture in another of FORMATS or with the visible mark."""
    stem, _, own = file.filename.rpartition(".")
    if extension == f".{own}" and not marked:
        return original(file)
    return converted(file, stem + extension, extension, marked=marked)


def thumbnail(file: StoredFile, stem: str) -> Version:
    """Its thumbnail, in which there is neither prompt nor seed."""
    return derived(file, file.thumbnail_key, f"{stem}-small.webp", "thumbnail")


def converted(file: StoredFile, filename: str, extension: str, *, marked: bool) -> Version:
    """A picture in one of FORMATS, `marked` with the visible mark."""
    wanted = FORMATS[extension]
    return derived(
        file,
        download_key(file.storage_key, extension, marked=marked),
        filename,
        f"{'marked' if marked else 'sealed'}-{wanted}",
        lambda pictures, png, provenance: pictures.convert_picture(png, wanted, provenance, marked=marked),
    )


def shared(file: StoredFile, filename: str, extension: str, *, marked: bool) -> Version:
    """The file without prompt and seed, for share links: a picture in one of FORMATS, or a clip as it is."""
    key = shared_key(file.storage_key, extension, marked=marked)
    what = f"shared-{'marked-' if marked else ''}{extension[1:]}"
    if file.kind == "video":
        return derived(
            file,
            key,
            filename,
            what,
            _copied_clip,
            with_prompt=False,
        )
    wanted = FORMATS[extension]
    return derived(
        file,
        key,
        filename,
        what,
        lambda pictures, png, provenance: pictures.convert_picture(png, wanted, provenance, marked=marked),
        with_prompt=False,
    )


async def _copied_clip(pictures: ImageProcessor, clip: bytes, provenance: Provenance | None) -> bytes:
    return clip if provenance is None else await pictures.copy_clip(clip, provenance)


def preview(file: StoredFile, stem: str, side: int) -> Version:
    """A picture of at most `side` pixels a side, for pages: without prompt and seed."""
    return derived(
        file,
        preview_key(file.storage_key, side),
        f"{stem}-{side}.webp",
        str(side),
        lambda pictures, png, provenance: pictures.shrink_picture(png, side, provenance),
    )


def derived(
    file: StoredFile, key: str, filename: str, what: str, make: Conversion | None = None, *, with_prompt: bool = True
) -> Version:
    """A form of a file under a key of its own; `what` tells its forms apart."""
    # Derived files change only with the file, so that its hash serves for both.
    etag, content_type = f'"{file.sha256}-{what}"', content_type_of(key)
    return Version(key=key, etag=etag, content_type=content_type, filename=filename, make=make, with_prompt=with_prompt)


async def asks_for_mark(database: Database, plans: Sequence[str], file: StoredFile) -> bool:
    """Whether PICTURE_MARK (`plans`) names the plan of the file's session."""
    if not plans:
        return False
    return ALL_PLANS in plans or (await database.run_system(assets.origin, file.id)).plan_id in plans


async def deliver(
    request: Request,
    parts: FileParts,
    file: StoredFile,
    version: Version,
    *,
    headers: Mapping[str, str] = HEADERS,
    presign: bool = False,
    watched: bool = True,
) -> Response:
    """The answer to GET or HEAD: a version of the file, or the requested part of it.

    `presign`: by a redirect to the bucket, where the storage can. `watched`: cut when the file is hidden. Raises
    StorageError and Busy.
    """
    sent = {**headers, "ETag": version.etag, "Content-Disposition": _disposition(request, version)}
    if matches(request.headers.getlist("if-none-match"), version.etag):
        return Response(status_code=304, headers=sent)
    size = await size_of(parts, file, version)
    if request.method == "HEAD":
        return _empty(200, version, sent | {"Content-Length": str(size)})
    # Players ask the address to which they were led once more when somebody jumps ahead, and that is valid no longer.
    is_watched = file.kind == "video" and "download" not in request.query_params
    redirect = await _redirect(parts.storage, version, sent) if presign and not is_watched else None
    if redirect is not None:
        return redirect
    response = await _send(request, parts.storage, version, size, sent)
    return _while_stored(response, parts.database, file, size) if watched else response


async def size_of(parts: FileParts, file: StoredFile, version: Version) -> int:
    """The bytes of a version, which is made now where it was never asked for. Raises StorageError and Busy."""
    if version.size is not None:
        return version.size
    stored = await parts.storage.stat(version.key)
    if stored is not None:
        return stored.size
    if version.make is None:
        raise bytes_missing(version.key)
    async with parts.pictures.turn(parts.asker, version.key):
        # Whoever had the turn before may have made it.
        stored = await parts.storage.stat(version.key)
        return await _make(parts, file, version, version.make) if stored is None else stored.size


async def read(parts: FileParts, file: StoredFile, version: Version) -> bytes:
    """All bytes of a version, which is made now where it was never asked for. Raises StorageError and Busy."""
    await size_of(parts, file, version)
    return await _bytes_of(parts.storage, version.key)


async def _make(parts: FileParts, file: StoredFile, version: Version, make: Conversion) -> int:
    """Makes a version and stores it; its bytes."""
    provenance = (await parts.database.run_system(assets.origin, file.id)).provenance
    if provenance is not None and not version.with_prompt:
        provenance = replace(provenance, prompt=None, seed=None)
    made = await make(parts.pictures, await _bytes_of(parts.storage, file.storage_key), provenance)
    if provenance is not None:
        made = await parts.sealer.seal(made, version.content_type, provenance)
    await parts.storage.put(version.key, made, version.content_type)
    return len(made)


def bytes_missing(key: str) -> StorageError:
    """The error of a file whose row is there and whose bytes are not, which is logged."""
    log.error("asset.bytes_missing", key=key)
    return StorageError("This file's bytes are missing from the file store.")


def _while_stored(response: Response, database: Database, file: StoredFile, size: int) -> Response:
    """The response, cut when the file is hidden or deleted while it is sent."""
    if size <= _WATCHED_BYTES:
        return response
    return WhileOpen(response, lambda: database.run_system(assets.is_stored, file.id), _CHECK_SECONDS)


def _disposition(request: Request, version: Version) -> str:
    shown = version.content_type in SHOWN and "download" not in request.query_params
    kind: Literal["inline", "attachment"] = "inline" if shown else "attachment"
    return content_disposition(kind, version.filename)


async def _bytes_of(storage: Storage, key: str) -> bytes:
    try:
        return await storage.get(key)
    except KeyError:
        raise bytes_missing(key) from None


async def _redirect(storage: Storage, version: Version, headers: Mapping[str, str]) -> Response | None:
    """A redirect to the bucket, where the storage supports it."""
    address = await storage.presign(
        version.key,
        content_type=version.content_type,
        disposition=headers["Content-Disposition"],
        seconds=PRESIGN_SECONDS,
    )
    return RedirectResponse(address, 307, headers={"Cache-Control": "no-store"}) if address else None


async def _send(request: Request, storage: Storage, version: Version, size: int, headers: dict[str, str]) -> Response:
    part = part_of(size, version.etag, request.headers.get("range"), request.headers.get("if-range"))
    if part is None:
        return _empty(416, version, headers | {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
    headers |= {"Content-Length": str(part.length)}
    if part.partial:
        headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    pieces = storage.read(version.key, part.start, part.length)
    body = _following(await _first(pieces, version, part), pieces)
    return StreamingResponse(body, 206 if part.partial else 200, headers, media_type=version.content_type)


async def _first(pieces: AsyncGenerator[bytes, None], version: Version, part: Part) -> bytes:
    """The first piece, read before the status is sent, so that missing bytes are an error and not a truncated answer."""
    try:
        piece = await anext(pieces, b"")
    except KeyError:
        raise bytes_missing(version.key) from None
    if part.length and not piece:
        raise bytes_missing(version.key)
    return piece


async def _following(first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    # Closed at once when the client disconnects, so that nothing stays open.
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def _empty(status: int, version: Version, headers: Mapping[str, str]) -> Response:
    return Response(None, status, headers, media_type=version.content_type)
