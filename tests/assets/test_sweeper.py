"""What a crash leaves between row and bytes is swept, what is in use stays, and the audit reports every difference."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from chatserver import ids, storage
from chatserver.assets import service as assets
from chatserver.assets import sweeper
from chatserver.assets.audit import audit_store
from chatserver.assets.keys import all_keys, base_of, is_ours
from chatserver.assets.migration import migrate
from chatserver.assets.sweeper import sweep, sweep_rows
from chatserver.errors import Conflict, NotFound, StorageError
from tests.assets.session_files import SessionFiles, clip, picture
from tests.support.locks import until_somebody_waits
from tests.support.people import run_sql

on_both = pytest.mark.parametrize("fresh", ["folder", "s3"], indirect=True)


@pytest.fixture
async def fresh(request, database, swift, tmp_path):
    """A session_files whose store nobody else uses."""
    url = (
        f"file:{tmp_path}/files" if getattr(request, "param", "folder") == "folder" else swift.url(f"sweep-{ids.new()}")
    )
    store = await storage.open_url(url)
    await store.create()
    await run_sql(database, "DELETE FROM assets")
    yield await SessionFiles.fill(database, store)
    await store.close()


async def test_a_file_waits_for_its_generation_before_it_locks_the_session(fresh, database):
    """As everything does: who deletes the generation locks the session next."""
    generation = await fresh.create_generation()

    async def delete_slowly(tx):
        await tx.connection.execute("SELECT FROM generations WHERE id = $1 FOR UPDATE", generation)
        staging = asyncio.create_task(database.run_system(assets.stage, generation, 1, picture()))
        await until_somebody_waits(tx)
        await tx.connection.execute("SELECT FROM user_sessions WHERE id = $1 FOR UPDATE NOWAIT", fresh.session_id)
        return staging

    assert (await (await database.run_system(delete_slowly))).id


async def keys(session_files: SessionFiles) -> list[str]:
    return [each.key async for each in session_files.storage.walk()]


async def ages_bytes(session_files: SessionFiles, hours: float) -> None:
    """Makes every object look old; only a folder can."""
    for path in session_files.storage.root.rglob("*"):
        os.utime(path, (path.stat().st_mtime - hours * 3600,) * 2)


@on_both
async def test_a_sound_store_loses_nothing(fresh):
    await fresh.create_file(picture(1))
    await fresh.create_file(clip())
    before = await keys(fresh)
    swept = await sweep(fresh.database, fresh.storage, grace=0)
    assert (swept.rows, swept.objects, swept.unfinished) == (0, 0, 0)
    assert await keys(fresh) == before and len(before) == 4
    report = await audit_store(fresh.database, fresh.storage)
    assert report.is_consistent and (report.rows, report.objects) == (2, 4)


@on_both
async def test_deleted_files_go_with_everything_made_from_them(fresh):
    asset = await fresh.create_file(picture(2))
    kept = await fresh.create_file(picture(3))
    file = await fresh.database.run_as(fresh.ada, assets.find_file, asset.id)
    for key in all_keys(file.storage_key, file.thumbnail_key):
        await fresh.storage.put(key, b"x", "image/webp")
    await fresh.mark_deleted(asset.id)
    assert await sweep_rows(fresh.database, fresh.storage) == 1
    assert {base_of(key) for key in await keys(fresh)} == {
        base_of((await fresh.database.run_as(fresh.ada, assets.find_file, kept.id)).storage_key)
    }
    assert await run_sql(fresh.database, "SELECT id FROM assets WHERE id = $1", asset.id) == []


async def test_a_file_that_cannot_be_deleted_holds_up_no_other(fresh, monkeypatch):
    stuck, other = await fresh.create_file(picture(2)), await fresh.create_file(picture(3))
    key = (await fresh.database.run_as(fresh.ada, assets.find_file, stuck.id)).storage_key
    for asset in (stuck, other):
        await fresh.mark_deleted(asset.id)
    delete = fresh.storage.delete

    async def refuse(name):
        if name == key:
            raise StorageError(cause="Access denied.")
        await delete(name)

    monkeypatch.setattr(fresh.storage, "delete", refuse)
    assert await sweep_rows(fresh.database, fresh.storage) == 1
    assert await run_sql(fresh.database, "SELECT id::text FROM assets") == [(stuck.id,)]
    monkeypatch.setattr(fresh.storage, "delete", delete)
    assert await sweep_rows(fresh.database, fresh.storage) == 1


async def test_a_row_whose_key_is_none_holds_up_no_other(fresh):
    written, other = await fresh.create_file(picture(2)), await fresh.create_file(picture(3))
    await run_sql(fresh.database, "UPDATE assets SET storage_key = '../outside' WHERE id = $1", written.id)
    for asset in (written, other):
        await fresh.mark_deleted(asset.id)
    assert await sweep_rows(fresh.database, fresh.storage) == 2


async def test_what_was_staged_lately_is_left_alone_and_later_given_up(fresh):
    file = picture(4)
    staged = await fresh.stage(await fresh.create_generation(), file)
    await fresh.put_bytes(staged, file)
    assert (await sweep(fresh.database, fresh.storage)).rows == 0
    assert len(await keys(fresh)) == 2
    await fresh.make_older(staged.id, 1.1)
    assert (await sweep(fresh.database, fresh.storage)).rows == 1
    assert await keys(fresh) == []
    with pytest.raises(Conflict):
        await fresh.database.run_system(assets.store, staged.id)


async def test_what_the_sweeper_gave_up_is_not_shown_any_more(fresh):
    staged = await fresh.stage(await fresh.create_generation(), picture(4))
    await fresh.mark_deleted(staged.id)  # marked, and its bytes are about to go
    with pytest.raises(Conflict):
        await fresh.database.run_system(assets.store, staged.id)


@on_both
async def test_bytes_without_a_row_go_when_no_row_can_be_on_its_way(fresh):
    asset = await fresh.create_file(picture(5))
    await run_sql(fresh.database, "DELETE FROM assets WHERE id = $1", asset.id)
    assert (await sweep(fresh.database, fresh.storage)).objects == 0
    assert not (await audit_store(fresh.database, fresh.storage)).is_consistent
    assert (await sweep(fresh.database, fresh.storage, grace=-2)).objects == 2
    assert await keys(fresh) == []


@on_both
async def test_a_store_of_another_database_loses_nothing_until_the_operator_says_so(fresh):
    for index in range(12):
        await fresh.create_file(picture(20 + index))
    await run_sql(fresh.database, "DELETE FROM assets")
    before = await keys(fresh)
    swept = await sweep(fresh.database, fresh.storage, grace=-2)
    assert (swept.objects, swept.kept) == (0, 24)
    assert await keys(fresh) == before
    swept = await sweep(fresh.database, fresh.storage, grace=-2, however_many=True)
    assert (swept.objects, swept.kept) == (24, 0)
    assert await keys(fresh) == []


async def test_what_crashes_left_in_a_large_store_goes_however_much_it_is(fresh, monkeypatch):
    monkeypatch.setattr(sweeper, "FEW_ORPHANS", 1)
    for index in range(12):
        asset = await fresh.create_file(picture(40 + index))
    await run_sql(fresh.database, "DELETE FROM assets WHERE id = $1", asset.id)
    swept = await sweep(fresh.database, fresh.storage, grace=-2)
    assert (swept.objects, swept.kept, len(await keys(fresh))) == (2, 0, 22)


async def test_what_interrupted_checks_left_goes_however_much_it_is(fresh):
    for _ in range(9):
        await fresh.storage.put(f"probe/{ids.new()}", b"probe", "text/plain")
    swept = await sweep(fresh.database, fresh.storage, grace=-2)
    assert (swept.objects, swept.kept) == (9, 0)


async def test_a_long_list_of_what_crashes_left_is_removed_in_parts(fresh, monkeypatch):
    monkeypatch.setattr(sweeper, "MOST_REMOVED", 3)
    for index in range(2):
        await fresh.create_file(picture(60 + index))
    await run_sql(fresh.database, "DELETE FROM assets")
    assert [(await sweep(fresh.database, fresh.storage, grace=-2)).objects for _ in range(3)] == [3, 1, 0]


async def test_what_somebody_else_put_there_is_never_touched(fresh):
    await fresh.create_file(picture(6))
    for key in ("README.txt", "backup/2026.tar.gz", f"{fresh.ada}/notes.txt", "probe/mine.png"):
        await fresh.storage.put(key, b"x", "text/plain")
    before = await keys(fresh)
    assert (await sweep(fresh.database, fresh.storage, grace=-2)).objects == 0
    assert await keys(fresh) == before
    report = await audit_store(fresh.database, fresh.storage)
    assert report.is_consistent and len(report.foreign) == 4


@on_both
async def test_p8_the_compare_finds_every_kind_of_harm(fresh):
    missing, cut, thumbless, orphan, sound = [await fresh.create_file(picture(10 + index)) for index in range(5)]
    files = {
        each.id: await fresh.database.run_as(fresh.ada, assets.find_file, each.id)
        for each in (missing, cut, thumbless, orphan, sound)
    }
    await fresh.storage.delete(files[missing.id].storage_key)
    await fresh.storage.put(files[cut.id].storage_key, b"cut", "image/png")
    await fresh.storage.delete(files[thumbless.id].thumbnail_key)
    await run_sql(fresh.database, "DELETE FROM assets WHERE id = $1", orphan.id)
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1

    report = await audit_store(fresh.database, fresh.storage, count)
    assert not report.is_consistent
    assert sorted(report.missing) == sorted([files[missing.id].storage_key, files[thumbless.id].thumbnail_key])
    assert report.wrong_sizes == [files[cut.id].storage_key]
    assert sorted(report.orphans) == sorted([files[orphan.id].storage_key, files[orphan.id].thumbnail_key])
    assert seen == report.objects == 8


@on_both
async def test_a_probe_under_way_is_no_harm(fresh):
    await fresh.storage.put(f"probe/{ids.new()}.png", b"probe", "application/octet-stream")
    assert (await audit_store(fresh.database, fresh.storage)).is_consistent


async def test_an_owner_whose_bytes_are_all_gone_is_found(fresh):
    asset = await fresh.create_file(picture(20))
    file = await fresh.database.run_as(fresh.ada, assets.find_file, asset.id)
    for key in (file.storage_key, file.thumbnail_key):
        await fresh.storage.delete(key)
    assert sorted((await audit_store(fresh.database, fresh.storage)).missing) == sorted(
        [file.storage_key, file.thumbnail_key]
    )


WORKER = """
import asyncio, os, signal, sys
from chatserver import storage
from chatserver.assets import service as assets
from chatserver.database import Database, load_queries
from chatserver.runtime import paths
from tests.assets.session_files import picture

class Silence:
    def publish(self, announcements): ...

async def main(url, store_url, generation_id, step):
    database = Database(url, load_queries(paths.SQL / "queries"), Silence(), pool=2)
    await database.connect()
    store = await storage.open_url(store_url)
    file = picture(30)
    staged = await database.run_system(assets.stage, generation_id, 1, file)
    if step == "row":
        os.kill(os.getpid(), signal.SIGKILL)
    await store.put(staged.storage_key, file.data, file.content_type)
    if step == "bytes":
        os.kill(os.getpid(), signal.SIGKILL)
    await store.put(staged.thumbnail_key, file.thumbnail, "image/webp")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("step", ["row", "bytes", "thumbnail"])
async def test_p8_kill_9_between_row_and_bytes_leaves_nothing_after_the_sweep(database, database_url, tmp_path, step):
    store_url = f"file:{tmp_path}/files"
    store = await storage.open_url(store_url)
    await run_sql(database, "DELETE FROM assets")
    session_files = await SessionFiles.fill(database, store)
    generation_id = await session_files.create_generation()
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, database_url, store_url, generation_id, step, cwd=Path(__file__).parents[2]
    )
    assert await worker.wait() == -signal.SIGKILL
    [row] = await run_sql(database, "SELECT id, status FROM assets")
    assert row["status"] == "staged"
    with pytest.raises(NotFound):
        await database.run_as(session_files.ada, assets.find, row["id"])
    assert (await audit_store(database, store)).is_consistent  # a staged row is on its way: neither harm nor shown
    await session_files.make_older(row["id"], 2)
    await ages_bytes(session_files, 2)
    assert (await sweep(database, store)).rows == 1
    assert await keys(session_files) == [] and (await audit_store(database, store)).is_consistent
    # The next attempt takes another key, and the same prompt ends well.
    file = picture(30)
    staged = await session_files.stage(generation_id, file, attempt=2)
    await session_files.put_bytes(staged, file)
    await database.run_system(assets.store, staged.id)
    assert (await audit_store(database, store)).rows == 1
    await store.close()


async def test_a_sweep_that_was_killed_goes_on_the_next_time(fresh, monkeypatch):
    for index in range(3):
        await fresh.mark_deleted((await fresh.create_file(picture(40 + index))).id)
    delete, calls = fresh.storage.delete, 0

    async def breaks(key: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise asyncio.CancelledError
        await delete(key)

    monkeypatch.setattr(fresh.storage, "delete", breaks)
    with pytest.raises(asyncio.CancelledError):
        await sweep_rows(fresh.database, fresh.storage)
    monkeypatch.undo()
    assert await sweep_rows(fresh.database, fresh.storage) == 3
    assert await keys(fresh) == []


async def test_two_sweeps_at_once_do_no_harm(fresh):
    kept = await fresh.create_file(picture(50))
    for index in range(6):
        await fresh.mark_deleted((await fresh.create_file(picture(51 + index))).id)
    await asyncio.gather(*(sweep(fresh.database, fresh.storage, grace=-2) for _ in range(3)))
    report = await audit_store(fresh.database, fresh.storage)
    assert report.is_consistent and report.rows == 1
    assert await fresh.storage.get((await fresh.database.run_as(fresh.ada, assets.find_file, kept.id)).storage_key)


async def test_staging_the_same_attempt_again_replaces_the_row_until_it_is_stored(fresh):
    generation_id, first, second = await fresh.create_generation(), picture(60), picture(61)
    one, two = await fresh.stage(generation_id, first), await fresh.stage(generation_id, second)
    assert one == two
    await fresh.put_bytes(two, second)
    await fresh.database.run_system(assets.store, two.id)
    assert (await fresh.database.run_as(fresh.ada, assets.find, two.id)).sha256 == second.sha256
    with pytest.raises(Conflict):
        await fresh.stage(generation_id, first)
    with pytest.raises(NotFound):
        await fresh.stage(ids.new(), first)


@on_both
async def test_a_store_is_copied_and_a_broken_copy_goes_on(fresh, tmp_path, monkeypatch):
    for index in range(5):
        await fresh.create_file(picture(70 + index))
    await fresh.create_file(clip())
    await fresh.storage.put("README.txt", b"not ours", "text/plain")
    target = await storage.open_url(f"file:{tmp_path}/copy")
    put, calls = target.put, 0

    async def breaks(key: str, data: bytes, content_type: str) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise StorageError
        await put(key, data, content_type)

    monkeypatch.setattr(target, "put", breaks)
    with pytest.raises(StorageError):
        await migrate(fresh.storage, target)
    monkeypatch.undo()
    there = len([each async for each in target.walk()])
    assert 0 < there < 12
    told = []
    copied = await migrate(fresh.storage, target, lambda each: told.append(each.copied))
    assert (copied.copied, copied.present, copied.foreign) == (12 - there, there, 1)
    assert told[-1] == 12 - there
    again = await migrate(fresh.storage, target)
    assert (again.copied, again.present) == (0, 12)
    back = [each async for each in target.walk()]
    assert [each.key for each in back] == [key for key in await keys(fresh) if is_ours(key)]
    for each in back:
        assert await target.get(each.key) == await fresh.storage.get(each.key)
    assert (await audit_store(fresh.database, target)).is_consistent
    await target.close()
