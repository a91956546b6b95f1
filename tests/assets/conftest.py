import pytest

from chatserver.storage.filesystem import FolderStorage
from tests.assets.shelf import Shelf


@pytest.fixture(scope="module")
async def shelf(database, tmp_path_factory):
    """People, a session and an empty folder for files."""
    storage = FolderStorage(tmp_path_factory.mktemp("files"))
    await storage.create()
    yield await Shelf.fill(database, storage)
    await storage.close()
