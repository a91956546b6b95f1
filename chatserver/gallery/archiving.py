"""Zip archives of chosen pictures, in the form in which they are downloaded one by one."""

from collections.abc import Sequence

from starlette.responses import StreamingResponse

from chatserver import archives
from chatserver.archives import ArchiveFile
from chatserver.assets import delivery
from chatserver.assets.delivery import FileParts
from chatserver.assets.disposition import content_disposition
from chatserver.assets.models import StoredFile


async def respond(parts: FileParts, marks: Sequence[str], files: Sequence[StoredFile], name: str) -> StreamingResponse:
    """The archive as a download with its length, so that browsers show progress. Raises StorageError.

    Where PICTURE_MARK (`marks`) asks for it, pictures carry the visible mark; such copies are made now, once.
    """
    packed = [await _file(parts, marks, file) for file in files]
    archive = await archives.open_archive(parts.storage, packed)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": content_disposition("attachment", name),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(archive.chunks(), headers=headers, media_type="application/zip")


async def _file(parts: FileParts, marks: Sequence[str], file: StoredFile) -> ArchiveFile:
    extension = file.filename[file.filename.rfind(".") :]
    if file.kind != "image" or not await delivery.asks_for_mark(parts.database, marks, file):
        return ArchiveFile(file.filename, file.storage_key, file.bytes)
    version = delivery.converted(file, file.filename, extension, marked=True)
    return ArchiveFile(file.filename, version.key, await delivery.size_of(parts, file, version))
