"""How many links one person may have, and how many of those that have ended are kept."""

import pytest

from chatserver.errors import Conflict
from chatserver.sharing import service as sharing
from chatserver.sharing.requests import CreateShare
from chatserver.storage.filesystem import FolderStorage
from tests.assets.session_files import SECRET_KEY, SessionFiles, picture


@pytest.fixture
async def here(database, tmp_path):
    storage = FolderStorage(tmp_path)
    await storage.create()
    yield await SessionFiles.fill(database, storage)
    await storage.close()


async def test_who_makes_and_revokes_links_without_end_is_told_to_wait(database, here, monkeypatch):
    monkeypatch.setattr(sharing, "MOST_SHARES", 2)
    monkeypatch.setattr(sharing, "MOST_KEPT", 4)
    wanted = CreateShare(kind="picture", asset_ids=[(await here.create_file(picture())).id])

    async def make():
        return await database.run_as(here.ada, sharing.create, SECRET_KEY, wanted, None)

    for _ in range(2):
        await database.run_as(here.ada, sharing.revoke, (await make()).id)
    open_ = [await make(), await make()]
    with pytest.raises(Conflict, match="2 open links"):
        await make()
    await database.run_as(here.ada, sharing.revoke, open_[0].id)
    with pytest.raises(Conflict, match="4 links, with those that ended"):
        await make()
