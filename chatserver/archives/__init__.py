"""Zip archives of stored files, made while they are sent: `archives.open_archive(storage, files)` and its `chunks`."""

from chatserver.archives.models import ArchiveFile
from chatserver.archives.zip_stream import MOST_FILES, Archive, open_archive

__all__ = ["MOST_FILES", "Archive", "ArchiveFile", "open_archive"]
