"""Zip archives of chosen pictures, in the form in which they are downloaded one by one."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from starlette.responses import StreamingResponse

from chatserver import archives
from chatserver.archives import ArchiveFile
from chatserver.assets import delivery
from chatserver.assets.delivery import FileParts
from chatserver.assets.disposition import content_disposition
from chatserver.assets.models import StoredFile
from chatserver.assets.streams import CHECK_SECONDS, until_answered
from chatserver.gallery import service as gallery


async def respond(
    parts: FileParts, marks: Sequence[str], viewer_id: str, files: Sequence[StoredFile], name: str
) -> StreamingResponse:
    """The archive as a download with its length, so that browsers show progress. Raises StorageError.

    Where PICTURE_MARK (`marks`) asks for it, pictures carry the visible mark; such copies are made now, once. What is hidden
    or deleted, or what the viewer may not see any more, is left out from then on, also in the middle of the download.
    """
    packed = [await _file(parts, marks, file) for file in files]
    shown = ShownFiles(parts, viewer_id, {each.key: file.id for each, file in zip(packed, files, strict=True)})
    archive = await archives.open_archive(parts.storage, packed)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": content_disposition("attachment", name),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(archive.chunks(shown.include), headers=headers, media_type="application/zip")


class ShownFiles:
    """Which files of an archive its receiver may still see, read again for each file and, for a long one, as it is sent.

    `asset_ids` is by storage key.
    """

    def __init__(self, parts: FileParts, viewer_id: str, asset_ids: Mapping[str, str]) -> None:
        self._database, self._viewer_id, self._asset_ids = parts.database, viewer_id, asset_ids
        self._key, self._read_at = "", 0.0

    async def include(self, key: str) -> bool:
        """Whether the file under `key` is among them; asked at most every CHECK_SECONDS for the same one."""
        now = time.monotonic()
        if key == self._key and now - self._read_at < CHECK_SECONDS:
            return True
        shown = await until_answered(partial(self._is_shown, self._asset_ids[key]))
        self._key, self._read_at = key, now
        return shown

    async def _is_shown(self, asset_id: str) -> bool:
        return bool(await self._database.run_as(self._viewer_id, gallery.files, [asset_id]))


async def _file(parts: FileParts, marks: Sequence[str], file: StoredFile) -> ArchiveFile:
    extension = file.filename[file.filename.rfind(".") :]
    if file.kind != "image" or not await delivery.asks_for_mark(parts.database, marks, file):
        return ArchiveFile(file.filename, file.storage_key, file.bytes)
    version = delivery.saved(file, extension, marked=True)
    return ArchiveFile(file.filename, version.key, await delivery.size_of(parts, file, version))
