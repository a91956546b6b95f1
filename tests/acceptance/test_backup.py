"""Backup and restore of one machine, as docs/operations.md says it: stop, copy the folder, put it elsewhere, start."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support import product as products
from tests.support.story import sign_up


@pytest.fixture
def folder():
    """Outside private homes: as root, Postgres runs as somebody else, who must be able to get there."""
    with tempfile.TemporaryDirectory(prefix="chatserver-backup-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_copied_folder_is_the_whole_product_again(folder):
    product = await products.start(folder / "first")
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a safe place", width=64, height=64))
    asset = message["generations"][0]["assets"][0]
    await chat.leaves()
    assert await product.stop() == 0
    # What `tar` and `cp --archive` do: owners are kept, because Postgres insists on them.
    done = await asyncio.create_subprocess_exec("cp", "--archive", str(folder / "first"), str(folder / "second"))
    assert await done.wait() == 0
    shutil.rmtree(folder / "first")
    product = await products.start(folder / "second")
    try:
        ada.product = product
        stored = (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
        assert message in stored
        assert (await ada.fetch(asset["url"]))[0] == 200
        for arguments in (("credits", "check"), ("storage", "check")):
            check = await products.start(folder / "second", *arguments, wait=False)
            assert await check.process.wait() == 0, check.output()
        # Its files were left behind: that is told from a store that is empty by right.
        for store, told in ((folder / "forgotten", True), (folder / "second" / "files", False)):
            doctor = await products.start(folder / "second", "doctor", wait=False, STORAGE_URL=f"file:{store}")
            await doctor.process.wait()
            assert ("1 files of the database that were looked for, 1 are not in the store" in doctor.output()) == told
    finally:
        assert await product.stop() == 0
