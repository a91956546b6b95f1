"""What a share link gives, to whoever has it, without an account:

    /s/<token>                              the page of its pictures, or the form that asks for its password
    /s/<token>/<asset>                      one of them
    /s/<token>/<asset>/<name>               its files: previews, and copies without prompt and seed
    /s/<token>/part-<n>.zip                 the copies of a hundred of them

Each request looks the link up again; files are always sent by this server, and what is being sent ends with the link.
A wrong or ended link, a missing password and a file that is not shown have one answer.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from chatserver import archives, ids
from chatserver.archives import ArchiveFile
from chatserver.assets import delivery
from chatserver.assets.delivery import FileParts, Version
from chatserver.assets.disposition import content_disposition
from chatserver.assets.keys import FORMATS
from chatserver.assets.models import StoredFile
from chatserver.assets.streams import WhileOpen
from chatserver.errors import BadBytes, ChatserverError, Invalid, NotFound, StorageError
from chatserver.identity.viewer import current_viewer
from chatserver.sharing import tokens, visits
from chatserver.sharing.models import OpenShare
from chatserver.state import State, state_of
from chatserver.users import passwords
from chatserver.web import errors, form_pages, forms, templating
from chatserver.web.forms import Form
from chatserver.web.hosts import link_origin

# No search engine lists a link, nor what it shows.
_ROBOTS = "noindex, nofollow"
# Copies for one zip that are made at once: the child processes serve everybody.
_COPIES_AT_ONCE = 2
_PART = re.compile(r"[1-9][0-9]{0,2}")

log = structlog.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def visit(handler: Handler) -> Handler:
    """A handler whose every response is kept out of search engines, and that has one answer for what is not there."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await handler(request)
        except NotFound:
            response = _nothing(request)
        except ChatserverError as error:
            response = errors.respond(request, error)
        response.headers["X-Robots-Tag"] = _ROBOTS
        if response.media_type == "text/html":
            # Back leads to what is there now: a browser keeps no page of a link that may end meanwhile.
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return endpoint


def _nothing(request: Request) -> Response:
    if errors.wants_html(request):
        return templating.render(request, "sharing/gone.html", status=404)
    return errors.respond(request, NotFound("There is nothing here, or not any more."))


async def show(request: Request) -> Response:
    """GET /s/{token}: what the link shows, a page at a time."""
    state, share = state_of(request), await _find_open(request)
    if not _has_passed(request, share):
        return _password_page(request, Form())
    after = request.query_params.get("after")
    page = await state.database.run_system(visits.list_pictures, share, ids.parse(after, "after") if after else None)
    parts = range(1, -(-page.total // visits.ZIP_FILES) + 1)
    context = {
        **shown(request, share),
        "page": page,
        "first": not after,
        "parts": parts if share.downloads else (),
        "part_files": visits.ZIP_FILES,
    }
    return templating.render(request, "sharing/show.html", context)


async def give_password(request: Request) -> Response:
    """POST /s/{token}: the form with the password. Whatever is wrong with the link takes as long as a wrong password."""
    state, token = state_of(request), _token(request)
    form = await forms.read(request)
    address = request.client.host if request.client else ""
    refusal = await state.database.run_system(visits.count_guess, token, address)
    if refusal is not None:
        return _password_page(request, form.with_error(refusal), refusal)
    try:
        share = await _find_open(request)
    except NotFound:
        await passwords.matches(None, form.raw("password"))
        raise
    if not await passwords.matches(share.password_hash, form.raw("password")) and share.password_hash is not None:
        error = Invalid.field("password", "is not the right one")
        return _password_page(request, form_pages.refuse(form, error), error)
    await state.database.run_system(visits.forget_guess, token, address)
    response = RedirectResponse(request.url.path, 303)
    if share.password_hash is not None:
        tokens.remember(request, response, share.id, share.password_hash)
    return response


async def show_picture(request: Request) -> Response:
    """GET /s/{token}/{asset_id}: one picture or clip, with the ways to the next one, and to use its prompt."""
    state, share = state_of(request), await open_share(request)
    place = await state.database.run_system(visits.find_picture, share, asset_id_of(request))
    viewer = current_viewer(request)
    session = await state.database.run_as(viewer.id, visits.find_session_for_prompt) if viewer else None
    context = {
        **shown(request, share),
        "place": place,
        "picture": place.picture,
        "session": session,
        "start_id": str(uuid4()),
    }
    return templating.render(request, "sharing/picture.html", context)


async def serve_file(request: Request) -> Response:
    """GET and HEAD /s/{token}/{asset_id}/{filename}."""
    state, share = state_of(request), await open_share(request)
    file = await state.database.run_system(visits.find_file, share, asset_id_of(request))
    version = await _version(state, share, file, request.path_params["filename"], "download" in request.query_params)
    response = await delivery.deliver(request, _parts(request), file, version)
    download = version.content_type != "image/webp" and file.kind == "image"
    return _while_open(request, share, response, [file], download=download)


async def serve_zip(request: Request) -> Response:
    """GET and HEAD /s/{token}/part-{part}.zip."""
    state, share = state_of(request), await open_share(request)
    part = request.path_params["part"]
    if not (share.downloads and _PART.fullmatch(part)):
        raise NotFound
    files = await state.database.run_system(visits.find_files, share, int(part))
    copies = await _copies(state, _parts(request), files)
    archive = await archives.open_archive(state.storage, copies)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": content_disposition("attachment", f"{share.title or 'pictures'}-{part}.zip"),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(None, 200, headers, media_type="application/zip")
    # The copies took a while.
    share = await open_share(request)
    response = StreamingResponse(archive.chunks(), 200, headers, media_type="application/zip")
    return _while_open(request, share, response, files, download=True)


# The link ---------------------------------------------------------------------------------------------------------


async def _find_open(request: Request) -> OpenShare:
    state = state_of(request)
    share = await state.database.run_system(visits.find_open, _token(request))
    if share.stale:
        await state.database.run_system(visits.note_use, share)
    return share


async def open_share(request: Request) -> OpenShare:
    """The open link, whose password this browser has given, if it has one; NotFound otherwise."""
    share = await _find_open(request)
    if not _has_passed(request, share):
        raise NotFound
    return share


def _has_passed(request: Request, share: OpenShare) -> bool:
    return share.password_hash is None or tokens.has_passed(request, share.id, share.password_hash)


def _password_page(request: Request, form: Form, error: ChatserverError | None = None) -> Response:
    return form_pages.page(request, "sharing/password.html", {"form": form}, error)


def shown(request: Request, share: OpenShare) -> dict[str, object]:
    """What both pages of an open link know of it."""
    return {
        "share": share,
        "link": f"/s/{_token(request)}",
        "origin": link_origin(state_of(request).config, request.scope),
        "has_preview": share.preview and share.password_hash is None,
    }


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token


def asset_id_of(request: Request) -> str:
    return ids.parse(request.path_params["asset_id"])


# Its files --------------------------------------------------------------------------------------------------------


async def _version(state: State, share: OpenShare, file: StoredFile, filename: str, download: bool) -> Version:
    """The version that an address names; NotFound for others, and for downloads where the link allows none."""
    stem = _stem(file)
    if filename == "thumbnail.webp":
        return delivery.thumbnail(file, stem)
    if file.kind == "image" and filename in delivery.PREVIEWS:
        return delivery.preview(file, stem, delivery.PREVIEWS[filename])
    named, dot, extension = filename.rpartition(".")
    # A clip has to be sent to be watched.
    is_watched = file.kind == "video" and not download
    if named != stem or not (share.downloads or is_watched):
        raise NotFound
    return await _copy(state, file, dot + extension)


async def _copy(state: State, file: StoredFile, extension: str) -> Version:
    """A copy without prompt and seed, with the visible mark where PICTURE_MARK asks for it."""
    own, filename = file.filename[file.filename.rfind(".") :], f"{_stem(file)}{extension}"
    if extension != own and (file.kind == "video" or extension not in FORMATS):
        raise NotFound
    marked = file.kind == "image" and await delivery.asks_for_mark(state.database, state.config.picture_mark, file)
    return delivery.shared(file, filename, extension, marked=marked)


async def _copies(state: State, parts: FileParts, files: list[StoredFile]) -> list[ArchiveFile]:
    """The copies for a zip, made where they are not there yet; what cannot be made is named in it as missing."""
    semaphore = asyncio.Semaphore(_COPIES_AT_ONCE)

    async def copy(file: StoredFile) -> ArchiveFile:
        version = await _copy(state, file, file.filename[file.filename.rfind(".") :])
        size = 0
        async with semaphore:
            try:
                size = await delivery.size_of(parts, file, version)
            except (StorageError, BadBytes, NotFound) as error:
                log.warning("share.copy_failed", asset=file.id, error=error.code)
        return ArchiveFile(version.filename, version.key, size)

    return list(await asyncio.gather(*(copy(file) for file in files)))


def _stem(file: StoredFile) -> str:
    """The name of a file's copies, which tells nothing of how it was made."""
    return f"{'clip' if file.kind == 'video' else 'picture'}-{file.id[-8:]}"


def _while_open(
    request: Request, share: OpenShare, response: Response, files: list[StoredFile], *, download: bool
) -> Response:
    run, token, asset_ids = state_of(request).database.run_system, _token(request), [file.id for file in files]

    async def is_open() -> bool:
        return await run(visits.is_open, share, token, asset_ids, download=download)

    return WhileOpen(response, is_open)


def _parts(request: Request) -> FileParts:
    state = state_of(request)
    return FileParts(state.database, state.storage, state.pictures, state.sealer, delivery.asker_of(request))


PAGES = [
    Route("/s/{token}", visit(show), methods=["GET"]),
    Route("/s/{token}", visit(give_password), methods=["POST"]),
    Route("/s/{token}/part-{part}.zip", visit(serve_zip), methods=["GET"]),
    Route("/s/{token}/{asset_id}", visit(show_picture), methods=["GET"]),
    Route("/s/{token}/{asset_id}/{filename}", visit(serve_file), methods=["GET"]),
]
