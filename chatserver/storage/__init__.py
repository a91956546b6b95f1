"""Storage of the bytes of pictures and clips. The backend is chosen here, by the scheme of STORAGE_URL."""

from pathlib import Path
from urllib.parse import urlsplit

from chatserver.config import Config
from chatserver.errors import NotFound
from chatserver.storage.address import folder_of, s3_address
from chatserver.storage.base import Storage, StoredObject
from chatserver.storage.filesystem import INCOMING, FolderStorage

__all__ = ["Storage", "StoredObject", "create_storage", "is_made", "open_source", "open_storage", "open_url"]


async def open_storage(config: Config) -> Storage:
    """The storage of the configuration; the caller closes it. ConfigurationError where STORAGE_URL cannot be used."""
    if config.storage_url:
        return await open_url(config.storage_url)
    return await _open_folder(config.data_dir / "files")


async def open_url(url: str) -> Storage:
    """The storage at a URL like STORAGE_URL. A folder is created; buckets only by `create`."""
    if _is_s3(url):
        # Its library takes half a second and 20 MB to import, which a folder does not need.
        from chatserver.storage.s3 import S3Storage

        return await S3Storage.open(s3_address(url))
    return await _open_folder(folder_of(url))


async def open_source(url: str) -> Storage:
    """The storage at a URL, to be copied from. NotFound where it names a folder that is not there: it was mistyped.

    Nothing is made in a folder: it may be a backup that is mounted to be read only.
    """
    if _is_s3(url):
        return await open_url(url)
    folder = folder_of(url)
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder} to copy from.")
    return FolderStorage(folder)


def is_made(url: str) -> bool:
    """Whether the folder at a URL was made as a store by this program, though it may be empty. A bucket does not tell."""
    return not _is_s3(url) and (folder_of(url) / INCOMING).is_dir()


def _is_s3(url: str) -> bool:
    return urlsplit(url).scheme == "s3"


async def _open_folder(path: Path) -> FolderStorage:
    folder = FolderStorage(path)
    await folder.create()
    return folder


async def create_storage(config: Config) -> list[str]:
    """Creates the folder or the buckets of the configuration; returns their names."""
    storage = await open_storage(config)
    try:
        return await storage.create()
    finally:
        await storage.close()
