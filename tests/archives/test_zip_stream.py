"""Archives of stored files: sized beforehand, whole for every reader of zips, over a folder and over S3 alike."""

import io
import os
import zipfile

import pytest

from chatserver import storage as storages
from chatserver.archives import ArchiveFile, open_archive
from chatserver.errors import StorageError
from chatserver.storage.filesystem import FolderStorage

PIECE = 256 * 1024


@pytest.fixture(scope="module")
async def folder(tmp_path_factory):
    opened = FolderStorage(tmp_path_factory.mktemp("files"))
    await opened.create()
    yield opened
    await opened.close()


@pytest.fixture
def store(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
async def bucket(swift):
    opened = await storages.open_url(swift.url("archives"))
    await opened.create()
    yield opened
    await opened.close()


async def keep(store, name: str, size: int) -> ArchiveFile:
    """Random bytes, stored under a key made from the name."""
    key = f"archive/test/{name}"
    await store.put(key, os.urandom(size), "image/png")
    return ArchiveFile(name, key, size)


async def packed(archive, is_allowed=None) -> bytes:
    return b"".join([chunk async for chunk in archive.chunks(is_allowed)])


@pytest.mark.parametrize("store", ["folder", "bucket"], indirect=True)
async def test_every_file_is_in_it_whole_and_its_size_was_known(store):
    sizes = (0, 1, PIECE, 2 * PIECE + 7)
    files = [await keep(store, f"boat-{size}.png", size) for size in sizes]
    archive = await open_archive(store, [*files, ArchiveFile("gone.png", "archive/test/never", 5)])
    data = await packed(archive)
    assert archive.size == len(data)
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    assert opened.namelist() == [*(file.name for file in files), "missing.txt"]
    for file in files:
        assert opened.read(file.name) == (await store.get(file.key) if file.size else b"")
    assert "gone.png" in opened.read("missing.txt").decode()


async def test_no_two_names_are_alike_on_any_system(folder):
    file = await keep(folder, "boat.png", 3)
    names = ["boat.png", "BOAT.png", "boat.png", "boat", "boat", "missing.txt"]
    archive = await open_archive(folder, [ArchiveFile(name, file.key, 3) for name in names])
    found = zipfile.ZipFile(io.BytesIO(await packed(archive))).namelist()
    assert found == ["boat.png", "BOAT-2.png", "boat-3.png", "boat", "boat-2", "missing-2.txt"]


async def test_an_empty_archive_is_a_zip_too(folder):
    archive = await open_archive(folder, [])
    data = await packed(archive)
    assert archive.size == len(data)
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == []


async def test_a_file_that_is_forbidden_in_the_middle_of_it_ends_the_archive(folder):
    file, asked = await keep(folder, "long.png", 5 * PIECE), []

    async def twice(key: str) -> bool:
        asked.append(key)
        return len(asked) <= 2

    archive, received = await open_archive(folder, [file]), 0
    with pytest.raises(StorageError):
        async for _ in archive.chunks(twice):
            received += 1
    assert received == 3  # the header and two pieces
    assert set(asked) == {file.key}


async def test_a_file_that_is_forbidden_before_its_turn_is_named_in_its_place(folder):
    files = [await keep(folder, name, PIECE) for name in ("first.png", "hidden.png", "third.png")]

    async def is_allowed(key: str) -> bool:
        return key != files[1].key

    archive = await open_archive(folder, files)
    data = await packed(archive, is_allowed)
    assert archive.size == len(data)
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    assert opened.namelist() == ["first.png", "hidden.png.missing.txt", "third.png"]
    assert await folder.get(files[1].key) not in data


@pytest.mark.parametrize("store", ["folder", "bucket"], indirect=True)
async def test_a_file_that_is_lost_before_its_turn_is_named_in_its_place_and_nothing_is_short(store):
    first, second, third = [await keep(store, name, PIECE) for name in ("first.png", "gone.png", "third.png")]
    archive, data = await open_archive(store, [first, second, third]), b""
    async for chunk in archive.chunks():
        data += chunk
        await store.delete(second.key)
    assert len(data) == archive.size
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    assert opened.namelist() == ["first.png", "gone.png.missing.txt", "third.png"]
    assert opened.read("gone.png.missing.txt").decode().startswith("gone.png was removed while this archive")
    assert opened.read("third.png") == await store.get(third.key)


async def test_what_stands_for_a_large_file_that_is_lost_comes_in_pieces_too(folder):
    files = [await keep(folder, name, 3 * PIECE + 1) for name in ("here.png", "large.png")]
    archive, chunks = await open_archive(folder, files), []
    async for chunk in archive.chunks():
        chunks.append(chunk)
        await folder.delete(files[1].key)
    assert max(len(chunk) for chunk in chunks) <= PIECE
    data = b"".join(chunks)
    assert len(data) == archive.size
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert opened.testzip() is None
    text = opened.read("large.png.missing.txt")
    assert text.splitlines()[0] == b"large.png was removed while this archive was being made."
    assert set(text.splitlines()[1:]) == {b""}


async def test_a_file_that_is_removed_while_it_is_read_is_still_whole(folder):
    file = await keep(folder, "boat.png", 5 * PIECE)
    stored, archive, data = await folder.get(file.key), await open_archive(folder, [file]), b""
    async for chunk in archive.chunks():
        data += chunk
        await folder.delete(file.key)
    assert zipfile.ZipFile(io.BytesIO(data)).read("boat.png") == stored


async def test_a_file_that_was_cut_ends_the_archive_short_of_what_was_announced(folder):
    file = await keep(folder, "boat.png", 5 * PIECE)
    archive, received = await open_archive(folder, [file]), 0
    with pytest.raises(StorageError):
        async for chunk in archive.chunks():
            received += len(chunk)
            os.truncate(folder._path(file.key), PIECE)
    assert PIECE <= received < archive.size


class Stumbling(FolderStorage):
    """Fails in the middle of a file, once."""

    stumbled = False

    async def read(self, key, start, length):
        async for piece in super().read(key, start, length):
            if start == 0 and not self.stumbled:
                self.stumbled = True
                yield piece[:1000]
                raise StorageError
            yield piece


async def test_a_store_that_fails_in_the_middle_of_a_file_is_read_on_from_there(tmp_path):
    store = Stumbling(tmp_path)
    await store.create()
    file = await keep(store, "boat.png", 2 * PIECE)
    data = await packed(await open_archive(store, [file]))
    assert store.stumbled
    assert zipfile.ZipFile(io.BytesIO(data)).read("boat.png") == await store.get(file.key)
    await store.close()
