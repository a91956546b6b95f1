"""What every storage promises, on a folder and on a real S3 server, with one bucket and with two."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest

from chatserver import ids, storage
from chatserver.errors import StorageError
from chatserver.storage import s3
from chatserver.storage.base import Storage
from chatserver.storage.keys import check_key

ATTEMPT = "0198c0de-0000-7000-8000-000000000001/0198c0de-0000-7000-8000-000000000002"


@pytest.fixture(scope="module", params=["folder", "bucket with a prefix", "two buckets"])
async def store(request, tmp_path_factory, swift):
    if request.param == "folder":
        url = f"file:{tmp_path_factory.mktemp('files')}"
    else:
        url = swift.url("" if request.param == "two buckets" else "contract/inner/folder")
    opened = await storage.open_url(url)
    await opened.create()
    yield opened
    await opened.close()


@pytest.fixture
def folder():
    """A key prefix that no other test uses."""
    return ids.new()


async def keys(store: Storage, prefix: str = "") -> list[str]:
    return [each.key async for each in store.walk(prefix)]


async def collected(store: Storage, key: str, start: int, length: int) -> bytes:
    return b"".join([piece async for piece in store.read(key, start, length)])


async def test_what_was_put_is_there_whole(store, folder):
    for size in (0, 1, 255, 256 * 1024, 256 * 1024 + 1, 3_000_000):
        data = os.urandom(size)
        await store.put(f"{folder}/{size}.png", data, "image/png")
        assert await store.get(f"{folder}/{size}.png") == data
        found = await store.stat(f"{folder}/{size}.png")
        assert (found.key, found.size) == (f"{folder}/{size}.png", size)
        assert abs(found.modified - datetime.now(UTC)) < timedelta(seconds=60)


async def test_a_large_clip_is_there_whole(store, folder):
    data = os.urandom(17 * 1024 * 1024 + 5)
    await store.put(f"{folder}/1.webm", data, "video/webm")
    assert await store.get(f"{folder}/1.webm") == data
    assert (await store.stat(f"{folder}/1.webm")).size == len(data)
    assert await collected(store, f"{folder}/1.webm", 8 * 1024 * 1024 - 10, 20) == data[8 * 1024 * 1024 - 10 :][:20]


async def test_putting_again_replaces(store, folder):
    await store.put(f"{folder}/1.png", b"first, and longer", "image/png")
    await store.put(f"{folder}/1.png", b"second", "image/png")
    assert await store.get(f"{folder}/1.png") == b"second"


async def test_parts_are_read_in_pieces(store, folder):
    data = os.urandom(1_000_000)
    await store.put(f"{folder}/1.png", data, "image/png")
    for start, length in ((0, len(data)), (0, 1), (999_999, 1), (300_000, 600_000), (0, 0), (10, 0)):
        assert await collected(store, f"{folder}/1.png", start, length) == data[start : start + length]
    pieces = [len(piece) async for piece in store.read(f"{folder}/1.png", 0, len(data))]
    assert max(pieces) <= 256 * 1024


async def test_reading_beyond_the_end_gives_what_there_is(store, folder):
    await store.put(f"{folder}/1.png", b"0123456789", "image/png")
    assert await collected(store, f"{folder}/1.png", 5, 100) == b"56789"
    assert await collected(store, f"{folder}/1.png", 10, 5) == b""
    assert await collected(store, f"{folder}/1.png", 500, 5) == b""


async def test_a_read_may_be_left_in_the_middle(store, folder):
    await store.put(f"{folder}/1.png", os.urandom(2_000_000), "image/png")
    for _ in range(35):
        pieces = store.read(f"{folder}/1.png", 0, 2_000_000)
        await anext(pieces)
        await pieces.aclose()
    assert await collected(store, f"{folder}/1.png", 0, 2_000_000)


async def test_what_is_not_there_is_a_key_error(store, folder):
    with pytest.raises(KeyError):
        await store.get(f"{folder}/none.png")
    with pytest.raises(KeyError):
        await collected(store, f"{folder}/none.png", 0, 10)
    assert await store.stat(f"{folder}/none.png") is None
    assert await store.stat(folder) is None


async def test_deleting_removes_and_may_be_repeated(store, folder):
    await store.put(f"{folder}/a/1.png", b"x", "image/png")
    await store.put(f"{folder}/a/2.webm", b"x", "video/webm")
    await store.delete(f"{folder}/a/1.png")
    await store.delete(f"{folder}/a/1.png")
    assert await keys(store, folder) == [f"{folder}/a/2.webm"]
    await store.delete(f"{folder}/a/2.webm")
    assert await keys(store, folder) == []


async def test_walking_gives_every_object_in_the_order_of_keys(store, folder):
    names = ["a/1.png", "a/1.thumbnail.webp", "a/1.webm", "a-b/1.png", "a.b/1.webm", "a0/1.png", "b/1.mp4", "b.png"]
    for name in names:
        await store.put(f"{folder}/{name}", b"12", "image/png")
    found = [each async for each in store.walk(folder)]
    assert [each.key for each in found] == sorted(f"{folder}/{name}" for name in names)
    assert {each.size for each in found} == {2}
    assert [each.key for each in found] == [key for key in await keys(store) if key.startswith(folder)]
    assert await keys(store, f"{folder}/a") == await keys(store, f"{folder}/a/")
    assert len(await keys(store, f"{folder}/a")) == 3


async def test_walking_reads_page_after_page(store, folder, monkeypatch):
    monkeypatch.setattr(s3, "PAGE_OBJECTS", 5)
    names = [f"{folder}/{index:02}.{'webm' if index % 3 else 'png'}" for index in range(23)]
    await asyncio.gather(*(store.put(name, b"", "image/png") for name in names))
    assert await keys(store, folder) == names


@pytest.mark.parametrize(
    "key",
    [
        "", ".", "..", "/", "//", "a/", "/a", "a//b", "../a", "a/../b", "a/..", "./a", "a/./b", "/etc/passwd",
        ".incoming/x", "a/.b", "a\\b", "..\\a", "a\x00b", "a\nb", "a b", "a%2e%2e/b", "~/a", "a:b", "C:/a", "ä/b",
        "a\u202eb", "\ud800", "a" * 201, "/".join("a" * 17), "a/" * 300 + "a", "a\n", "%2e%2e/%2e%2e/etc/passwd",
        "....//a", "a?b", "a#b", "a*", "$HOME", "-\r\nX: y",
    ],
)  # fmt: skip
async def test_a_key_that_could_leave_the_store_is_refused(store, key):
    for call in (store.put(key, b"x", "image/png"), store.get(key), store.stat(key), store.delete(key)):
        with pytest.raises(ValueError, match="not a storage key"):
            await call
    with pytest.raises(ValueError, match="not a storage key"):
        await collected(store, key, 0, 1)
    with pytest.raises(ValueError, match="not a storage key"):
        await store.presign(key, content_type="image/png", disposition="inline", seconds=60)
    if key and not key.endswith("/"):
        with pytest.raises(ValueError, match="not a storage key"):
            await keys(store, key)


async def test_our_own_keys_are_taken():
    for name in ("1.png", "12.thumbnail.webp", "1.download.jpg", "3.webm"):
        assert check_key(f"{ATTEMPT}/{name}")


async def test_many_at_once_do_not_disturb_each_other(store, folder):
    async def one(index: int) -> None:
        data = bytes([index]) * 50_000
        await store.put(f"{folder}/{index % 4}/{index}.png", data, "image/png")
        assert await store.get(f"{folder}/{index % 4}/{index}.png") == data
        await store.delete(f"{folder}/{index % 4}/{index}.png")

    await asyncio.gather(*(one(index) for index in range(24)))
    assert await keys(store, folder) == []


async def test_the_same_key_put_many_times_at_once_is_one_of_them(store, folder):
    versions = [bytes([index]) * 100_000 for index in range(6)]
    await asyncio.gather(*(store.put(f"{folder}/1.png", version, "image/png") for version in versions))
    assert await store.get(f"{folder}/1.png") in versions
    assert await keys(store, folder) == [f"{folder}/1.png"]


# A busy Swift lists what was deleted for a while.
@pytest.mark.alone
async def test_the_check_passes_and_leaves_nothing(store):
    # The product's own buckets are those of the other modules' products, too: one that was killed, or slow, in the middle
    # of a check has left its probe.
    before = await keys(store, "probe")
    await store.check()
    assert await keys(store, "probe") == before


async def test_creating_again_changes_nothing(store, folder):
    await store.put(f"{folder}/1.png", b"kept", "image/png")
    assert await store.create() == await store.create()
    assert await store.get(f"{folder}/1.png") == b"kept"


async def test_tidying_a_tidy_store_removes_nothing(store, folder):
    await store.put(f"{folder}/1.png", b"kept", "image/png")
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 0
    assert await store.get(f"{folder}/1.png") == b"kept"


async def test_storage_errors_carry_no_address_and_no_key():
    message = StorageError().message
    assert "http" not in message and "/" not in message
