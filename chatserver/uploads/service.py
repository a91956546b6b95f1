"""Uploads: received, verified in a child process, stored, and listed. `receive` is the way of one from its first byte on.

    answer = await receive(parts, viewer_id, session_id, CreateUpload(client_id, name), read)

A row is staged, its bytes are stored, then it is shown: as with what is made here, so that no row names missing bytes.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from msgspec import Struct

from chatserver import ids, sessions
from chatserver.assets import service as assets
from chatserver.assets.filenames import readable_name
from chatserver.assets.keys import EXTENSIONS, base_key, thumbnail_key
from chatserver.assets.models import Asset
from chatserver.database import Database, Row, Transaction
from chatserver.errors import BadBytes, Conflict, GuestsMayNot, Invalid, NotAllowed, NotFound, PlanTooSmall
from chatserver.imaging.processor import ImageProcessor
from chatserver.imaging.protocol import Picture
from chatserver.sessions.models import Membership
from chatserver.storage.base import Storage
from chatserver.uploads.models import UploadAnswer, UploadQuota, UploadsPage
from chatserver.uploads.requests import MOST_LISTED, CreateUpload, ListUploads
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id

# The file name where no word of the sender's can be spelled in ASCII.
_NAMELESS = "upload"


@dataclass(frozen=True)
class UploadParts:
    """What receiving an upload takes."""

    database: Database
    storage: Storage
    pictures: ImageProcessor


class VerifiedUpload(Struct, frozen=True, kw_only=True):
    """A picture that was sent and verified; `request_hash` is the SHA-256 of what was sent."""

    client_id: str
    name: str
    request_hash: bytes
    picture: Picture


async def receive(
    parts: UploadParts, viewer_id: str, session_id: str, request: CreateUpload, read: Callable[[], Awaitable[bytes]]
) -> UploadAnswer:
    """Takes a picture into a session; the same answer for the same client_id and bytes.

    What would refuse it is asked before `read` reads the body. Raises Invalid for what is no picture, PlanTooSmall where the
    quota is used up, NotAllowed for what the operator has hidden, Conflict for other bytes under the same client_id,
    NotFound where what was sent under it was deleted since, RateLimited, and Busy.
    """
    run = parts.database.run_as
    known = await run(viewer_id, admit, session_id, request.client_id)
    data = await read()
    request_hash = hashlib.sha256(data).digest()
    if known is not None:
        return await run(viewer_id, repeat, session_id, request.client_id, request_hash)
    picture = await verify(parts.pictures, data, viewer_id)
    upload = VerifiedUpload(client_id=request.client_id, name=request.name, request_hash=request_hash, picture=picture)
    asset_id = await store(parts, viewer_id, session_id, upload)
    return await run(viewer_id, show, session_id, asset_id)


async def admit(tx: Transaction, session_id: str, client_id: str) -> str | None:
    """The id of the stored upload that has this client_id already; otherwise counts this one, or refuses it.

    NotFound where that upload was deleted since.
    """
    check_client_id(client_id)
    await sessions.membership(tx, session_id)
    repeated = await _find_repeated(tx, session_id, client_id)
    if repeated is not None and repeated["status"] == "stored":
        known: str = repeated["id"]
        return known
    membership = await _uploader_membership(tx, session_id)
    if repeated is None:
        await _require_place(tx, membership)
    await rate_limits.consume(tx, rate_limits.UPLOADS)
    return None


async def _find_repeated(tx: Transaction, session_id: str, client_id: str) -> Row | None:
    """The upload that the user sent before with this client_id; NotFound where it was deleted since."""
    row = await tx.fetch_one("uploads.repeated", session_id=session_id, client_id=client_id)
    if row is not None and row["id"] is None:
        raise NotFound("This upload was deleted.")
    return row


async def repeat(tx: Transaction, session_id: str, client_id: str, request_hash: bytes) -> UploadAnswer:
    """The first answer again; Conflict where other bytes were sent this time, NotFound where it was deleted since."""
    membership = await sessions.membership(tx, session_id)
    row = await _find_repeated(tx, session_id, client_id)
    if row is None:
        raise NotFound
    _require_same(row, request_hash)
    return UploadAnswer(asset=Asset.from_row(row), quota=await _quota(tx, membership))


async def store(parts: UploadParts, viewer_id: str, session_id: str, upload: VerifiedUpload) -> str:
    """Stores an admitted upload and returns its id. Nobody sees it before `show`; without that it is swept after an hour."""
    row = await parts.database.run_as(viewer_id, stage, session_id, upload)
    if row["status"] == "staged":
        await parts.storage.put(row["storage_key"], upload.picture.data, upload.picture.content_type)
        await parts.storage.put(row["thumbnail_key"], upload.picture.thumbnail, "image/webp")
    asset_id: str = row["id"]
    return asset_id


async def stage(tx: Transaction, session_id: str, upload: VerifiedUpload) -> Row:
    """The row of an upload, whose bytes are to be stored next: its status is `stored` where a twin was faster."""
    membership = await _uploader_membership(tx, session_id)
    # Uploads of one session come one after the other, so that the quota is exact and a twin is seen.
    await sessions.lock(tx, session_id)
    repeated = await _find_repeated(tx, session_id, upload.client_id)
    if repeated is not None:
        _require_same(repeated, upload.request_hash)
        if repeated["status"] == "stored" or repeated["sha256"] == upload.picture.sha256:
            return repeated
        await give_up(tx, repeated["id"])
    await _require_shown(tx, session_id, upload)
    await _require_place(tx, membership)
    row = await tx.fetch_one("uploads.stage", **_columns(membership, upload))
    assert row is not None
    return row


async def _require_shown(tx: Transaction, session_id: str, upload: VerifiedUpload) -> None:
    """What was hidden does not come back by being sent again. Raises NotAllowed."""
    sent = {"client_id": upload.client_id, "request_hash": upload.request_hash, "sha256": upload.picture.sha256}
    if await tx.fetch_value("uploads.is_hidden", session_id=session_id, **sent):
        raise NotAllowed("The operator has hidden this picture. It cannot be sent again.")


def _columns(membership: Membership, upload: VerifiedUpload) -> dict[str, object]:
    picture, asset_id = upload.picture, ids.new()
    extension, base = EXTENSIONS[picture.content_type], base_key(membership.user_id, asset_id, 0)
    return {
        "id": asset_id,
        "session_id": membership.session_id,
        "content_type": picture.content_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(picture.data),
        "sha256": picture.sha256,
        "filename": readable_name(PurePosixPath(upload.name).stem, asset_id, extension, fallback=_NAMELESS),
        "storage_key": base + extension,
        "thumbnail_key": thumbnail_key(base),
        "placeholder": picture.placeholder,
        "hue": picture.hue,
        "client_id": upload.client_id,
        "request_hash": upload.request_hash,
    }


async def show(tx: Transaction, session_id: str, asset_id: str) -> UploadAnswer:
    """Shows an upload, whose bytes are stored by now, where a twin has not done so; Conflict where it was given up."""
    membership = await _uploader_membership(tx, session_id)
    await assets.store_if_staged(tx, asset_id)
    try:
        asset = await assets.find(tx, asset_id)
    except NotFound:
        raise Conflict("This upload was given up. Send it again.") from None
    return UploadAnswer(asset=asset, quota=await _quota(tx, membership))


async def give_up(tx: Transaction, asset_id: str) -> None:
    """Leaves an upload that was not shown to the sweeper; one that was stays."""
    await tx.execute("uploads.give_up", asset_id=asset_id)


async def find_same(tx: Transaction, session_id: str, request_hash: bytes) -> str | None:
    """The user's own newest upload in a session with these bytes."""
    found: str | None = await tx.fetch_value("uploads.same", session_id=session_id, request_hash=request_hash)
    return found


async def list_own(tx: Transaction, query: ListUploads) -> UploadsPage:
    """A page of the uploads of this transaction's user: of all sessions, or of one, with its quota."""
    if not 1 <= query.limit <= MOST_LISTED:
        raise Invalid.field("limit", f"must be 1 to {MOST_LISTED}")
    session_id = None if query.session_id is None else ids.parse(query.session_id, "session_id")
    before = None if query.before is None else ids.parse(query.before, "before")
    quota = None if session_id is None else await _quota(tx, await sessions.membership(tx, session_id))
    rows = await tx.fetch_all("uploads.list", session_id=session_id, before=before, limit=query.limit + 1)
    shown = rows[: query.limit]
    more = shown[-1]["id"] if len(rows) > query.limit else None
    return UploadsPage(uploads=tuple(Asset.from_row(row) for row in shown), next=more, quota=quota)


async def verify(pictures: ImageProcessor, data: bytes, viewer_id: str) -> Picture:
    """What was sent as a clean picture. Raises Invalid, with the reason, for what is none, and Busy."""
    if not data:
        raise Invalid("There is no picture in it.", details={"field": "file", "why": "is empty"})
    try:
        return await pictures.verify_upload(data, viewer_id)
    except BadBytes as error:
        why = error.details.get("why", "It could not be read.")
        raise Invalid(f"This picture cannot be taken. {why}", details={"field": "file", "why": why}) from None


async def _uploader_membership(tx: Transaction, session_id: str) -> Membership:
    membership = await sessions.active_membership(tx, session_id)
    if not membership.is_owner and not membership.guests_may_generate:
        raise GuestsMayNot
    return membership


async def _require_place(tx: Transaction, membership: Membership) -> None:
    quota = await _quota(tx, membership)
    if quota.used < quota.most:
        return
    if not quota.most:
        words = f"{membership.plan_name} takes no uploads."
    else:
        words = (
            f"{membership.plan_name} keeps {quota.most} uploads of one person in a session, and you have as many. "
            "Delete one to make room."
        )
    raise PlanTooSmall(words, details={"field": "uploads", "max": quota.most})


async def _quota(tx: Transaction, membership: Membership) -> UploadQuota:
    used = await tx.fetch_value("uploads.count", session_id=membership.session_id)
    return UploadQuota(used=used, most=membership.max_uploads)


def _require_same(row: Row, request_hash: bytes) -> None:
    if row["request_hash"] != request_hash:
        raise Conflict("This client_id was used for another picture.")


async def delete(tx: Transaction, viewer_id: str, asset_id: str) -> None:
    """Deletes an upload, by whoever uploaded it or the session's owner, at any time. What was made of it stays.

    NotFound for people outside the session, NotAllowed for its other members. Needs the worker role.
    """
    row = await tx.fetch_one("uploads.rights", viewer_id=viewer_id, asset_id=asset_id)
    if row is None:
        raise NotFound
    if not (row["uploaded"] or row["owns"]):
        raise NotAllowed("Only who uploaded it or the owner of the session may delete it.")
    assets.announce_files(tx, await tx.fetch_all("uploads.delete", asset_id=asset_id))
