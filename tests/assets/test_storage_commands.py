"""`chatserver storage create | check | copy`, as the operator types them."""

import os

import pytest

from chatserver import storage
from tests.assets.session_files import SessionFiles, clip, picture
from tests.support import product as products
from tests.support.people import run_sql
from tests.support.swift import KEYS


@pytest.fixture
def operator(database_url, tmp_path):
    """Runs a command; (exit code, everything it printed)."""

    async def run(*arguments: str, **settings: str) -> tuple[int, str]:
        settings |= {"DATABASE_URL": database_url, "LOG_FORMAT": "auto"}
        command = await products.start(tmp_path, "storage", *arguments, wait=False, **settings)
        return await command.process.wait(), command.output()

    return run


async def test_the_operator_creates_compares_and_moves_the_store(operator, database, swift, tmp_path):
    folder, bucket = f"file:{tmp_path}/files", swift.url("moved")
    status, said = await operator("check", STORAGE_URL=bucket, **KEYS)
    assert (status, "chatserver storage create" in said) == (1, True), said

    status, said = await operator("create", STORAGE_URL=bucket, **KEYS)
    assert (status, "moved is there." in said) == (0, True), said

    store = await storage.open_url(folder)
    session_files = await SessionFiles.fill(database, store)
    kept = await session_files.create_file(picture(1))
    await session_files.create_file(clip())
    status, said = await operator("check", STORAGE_URL=folder)
    assert (status, "Files: 2, objects: 4." in said) == (0, True), said

    status, said = await operator("copy", folder, bucket, **KEYS)
    assert (status, "4 copied" in said) == (0, True), said
    status, said = await operator("copy", folder, bucket, **KEYS)
    assert (status, "0 copied" in said, "4 were there" in said) == (0, True, True), said
    status, said = await operator("check", STORAGE_URL=bucket, **KEYS)
    assert (status, "Rows and bytes agree." in said) == (0, True), said

    await run_sql(database, "UPDATE assets SET bytes = bytes + 1 WHERE id = $1", kept.id)
    status, said = await operator("check", STORAGE_URL=bucket, **KEYS)
    assert (status, "Of a wrong size: 1" in said) == (1, True), said
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in said
    await store.close()


async def test_a_database_that_knows_little_of_the_store_removes_nothing_unasked(operator, database, tmp_path):
    folder = f"file:{tmp_path}/files"
    store = await storage.open_url(folder)
    session_files = await SessionFiles.fill(database, store)
    for index in range(11):
        await session_files.create_file(picture(10 + index))
    await run_sql(database, "DELETE FROM assets")
    for path in store.root.rglob("*"):
        os.utime(path, (0, 0))
    status, said = await operator("check", "--remove", STORAGE_URL=folder)
    assert (status, "22 objects have no row" in said, "Bytes without a row: 22" in said) == (1, True, True), said
    status, said = await operator("check", "--remove-all", STORAGE_URL=folder)
    assert (status, "Files: 0, objects: 0." in said) == (0, True), said
    await store.close()


async def test_a_copy_of_what_is_not_there_is_refused_and_makes_nothing(operator, tmp_path):
    status, said = await operator("copy", f"file:{tmp_path}/fils", f"file:{tmp_path}/new")
    assert (status, said) == (1, f"chatserver: There is no folder {tmp_path}/fils to copy from.\n")
    assert not (tmp_path / "fils").exists()
    assert not (tmp_path / "new").exists()


async def test_a_wrong_address_is_one_line(operator):
    status, said = await operator("copy", "file:/x?y=z", "s3://b")
    assert status == 2 and "STORAGE_URL must name a folder of this machine, such as file:/srv/files;" in said
    status, said = await operator("create", STORAGE_URL="s3://b?endpoint=ftp://x")
    assert status == 2 and said.count("\n") == 1


async def test_a_copy_of_the_wrong_folder_says_so_makes_nothing_and_fails(operator, database, tmp_path):
    store = await storage.open_url(f"file:{tmp_path}/data/files")
    session_files = await SessionFiles.fill(database, store)
    await session_files.create_file(picture(1))
    target = f"file:{tmp_path}/copy"
    nothing = "chatserver: Nothing was copied: file:{} holds no files of chatserver; {}.\n"

    above = tmp_path / "data"
    status, said = await operator("copy", f"file:{above}", target)
    assert (status, said) == (1, nothing.format(above, "they are in its folder files. Name that one"))

    [owner] = (path for path in store.root.iterdir() if not path.name.startswith("."))
    status, said = await operator("copy", f"file:{owner}", target)
    assert (status, "the 2 objects there are of something else. Name the store" in said) == (1, True), said

    empty = tmp_path / "empty"
    empty.mkdir()
    status, said = await operator("copy", f"file:{empty}", target)
    assert (status, "it is empty. Name the store of STORAGE_URL" in said) == (1, True), said
    assert [*empty.iterdir(), *above.glob(".*"), *tmp_path.glob("copy")] == []
    await store.close()


async def test_a_store_that_is_empty_yet_is_copied_as_it_is(operator, tmp_path):
    await operator("create", STORAGE_URL=f"file:{tmp_path}/files")
    status, said = await operator("copy", f"file:{tmp_path}/files", f"file:{tmp_path}/copy")
    assert (status, "0 copied" in said) == (0, True), said


@pytest.mark.parametrize(("arguments", "name"), [(("files", "s3://b"), "SOURCE"), (("file:files", "b/c"), "TARGET")])
async def test_a_copy_takes_no_bare_word_for_a_folder(operator, tmp_path, arguments, name):
    (tmp_path / "files").mkdir()
    status, said = await operator("copy", *arguments)
    assert (status, said) == (2, f"chatserver: {name} must start with file: or s3:.\n")
    assert not (tmp_path / "b").exists()


async def test_a_copy_that_its_target_refuses_names_the_cause_and_goes_on_when_it_is_mended(
    operator, database, tmp_path
):
    store = await storage.open_url(f"file:{tmp_path}/files")
    session_files = await SessionFiles.fill(database, store)
    await session_files.create_file(picture(1))
    [owner] = (path.name for path in store.root.iterdir() if not path.name.startswith("."))
    in_the_way = tmp_path / "copy" / owner
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    status, said = await operator("copy", f"file:{tmp_path}/files", f"file:{tmp_path}/copy")
    assert (status, "The system says: File exists." in said.splitlines()[-1]) == (1, True), said
    in_the_way.unlink()
    status, said = await operator("copy", f"file:{tmp_path}/files", f"file:{tmp_path}/copy")
    assert (status, "2 copied" in said) == (0, True), said
    await store.close()
