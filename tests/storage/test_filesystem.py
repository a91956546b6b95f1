"""What only a folder can do wrong: halves, full disks, hung disks, links, left-overs of a kill."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from chatserver.errors import ConfigurationError, StorageError
from chatserver.storage import filesystem
from chatserver.storage.filesystem import INCOMING, FolderStorage


@pytest.fixture
async def store(tmp_path):
    folder = FolderStorage(tmp_path / "files")
    await folder.create()
    yield folder
    await folder.close()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_files_are_for_the_server_alone(store):
    await store.put("a/1.png", b"x", "image/png")
    assert (store.root / "a" / "1.png").stat().st_mode & 0o777 == 0o600
    assert (store.root / "a").stat().st_mode & 0o777 == 0o700


async def test_a_full_disk_leaves_the_old_file_and_no_half(store, monkeypatch):
    await store.put("a/1.png", b"old", "image/png")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(StorageError, match="full"):
        await store.put("a/1.png", b"new", "image/png")
    with pytest.raises(StorageError, match="full"):
        await store.put("b/2.png", b"new", "image/png")
    monkeypatch.undo()
    assert await store.get("a/1.png") == b"old"
    assert files_in(store.root) == [store.root / "a" / "1.png"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
async def test_a_really_full_disk_is_said_and_heals(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount")
    store = FolderStorage(disk / "files")
    try:
        await store.create()
        await store.put("a/1.png", b"x" * 600_000, "image/png")
        with pytest.raises(StorageError, match="full"):
            await store.put("a/2.png", b"x" * 600_000, "image/png")
        assert files_in(disk) == [disk / "files" / "a" / "1.png"]
        await store.delete("a/1.png")
        await store.put("a/2.png", b"y" * 600_000, "image/png")
    finally:
        await store.close()
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_file_is_on_the_disk_before_its_name_and_the_name_before_the_answer(store, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        steps.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).relative_to(store.root).as_posix())
        fsync(descriptor)

    def note_replace(source, target):
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    await store.put("a/b/1.png", b"x", "image/png")
    assert steps[0].startswith(INCOMING + "/")
    assert steps[1:] == [".", "a", "rename", "a/b"]


WRITER = """
import asyncio, sys
from pathlib import Path
from chatserver.storage.filesystem import FolderStorage

async def main():
    store = FolderStorage(Path(sys.argv[1]))
    for round in range(10_000):
        await store.put("a/1.png", bytes([round % 256]) * 4_000_000, "image/png")
        print(round, flush=True)

asyncio.run(main())
"""


async def test_kill_9_in_the_middle_leaves_a_whole_file_and_its_rest_is_tidied(store):
    for _ in range(3):
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(store.root), stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3):
            await writer.stdout.readline()
        await asyncio.sleep(0.011)  # somewhere inside the next write
        writer.send_signal(signal.SIGKILL)
        await writer.wait()
        data = await store.get("a/1.png")
        assert len(data) == 4_000_000 and len(set(data)) == 1
        assert [each.key async for each in store.walk()] == ["a/1.png"]
    left = len(files_in(store.root / INCOMING))
    assert await store.remove_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(seconds=5)) == left
    assert files_in(store.root) == [store.root / "a" / "1.png"]


async def test_a_hung_disk_is_given_up_and_the_loop_goes_on(tmp_path, monkeypatch):
    store, begun, heals = FolderStorage(tmp_path, deadline=0.2), threading.Event(), threading.Event()

    def hang(*_):
        begun.set()
        assert heals.wait(60)

    monkeypatch.setattr(filesystem, "_write", hang)
    putting = asyncio.create_task(store.put("a/1.png", b"x", "image/png"))
    try:
        while not (begun.is_set() or putting.done()):
            await asyncio.sleep(0.01)
        # The loop came here, and to its deadline, although the disk still hangs.
        with pytest.raises(StorageError, match="in time"):
            await putting
    finally:
        heals.set()
    await store.close()


async def test_a_link_in_the_store_leads_nowhere(store, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (store.root / "a").mkdir()
    (store.root / "a" / "1.png").symlink_to(secret)
    with pytest.raises(StorageError):
        await store.get("a/1.png")


async def test_deleting_takes_empty_folders_along_but_no_others(store):
    await store.put("a/b/1.png", b"x", "image/png")
    await store.put("a/c/1.png", b"x", "image/png")
    await store.delete("a/b/1.png")
    assert sorted(path.name for path in (store.root / "a").iterdir()) == ["c"]
    await store.delete("a/c/1.png")
    assert sorted(path.name for path in store.root.iterdir()) == [INCOMING]


async def test_a_folder_that_cannot_be_written_stops_the_start_with_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    why = r"The folder .*file/files cannot be written: (Not a directory|File exists)\.$"
    with pytest.raises(ConfigurationError, match=why):
        await FolderStorage(tmp_path / "file" / "files").create()


async def test_a_file_that_is_opened_after_its_reader_has_left_is_closed(tmp_path, monkeypatch):
    store, begun, goes_on = FolderStorage(tmp_path), threading.Event(), threading.Event()
    await store.put("a/1.png", b"x", "image/png")
    open_at_once = os.open

    def open_late(path, flags, *mode):
        if str(path).endswith("1.png"):
            begun.set()
            assert goes_on.wait(60)
        return open_at_once(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_late)
    pieces = store.read("a/1.png", 0, 1)
    reading = asyncio.create_task(anext(pieces))
    await asyncio.to_thread(begun.wait, 60)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    goes_on.set()
    await asyncio.to_thread(store._threads.shutdown)
    assert str(tmp_path / "a" / "1.png") not in [each.path for each in psutil.Process().open_files()]
