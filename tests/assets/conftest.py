import pytest

from chatserver.storage.filesystem import FolderStorage
from tests.assets.session_files import SessionFiles


@pytest.fixture(scope="module")
async def session_files(database, tmp_path_factory):
    """People, a session and an empty folder for files."""
    storage = FolderStorage(tmp_path_factory.mktemp("files"))
    await storage.create()
    yield await SessionFiles.fill(database, storage)
    await storage.close()
