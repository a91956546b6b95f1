"""What only an S3 server can do wrong: keys, buckets, signatures. What can happen to it: test_s3_faults.py."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
import pytest

from chatserver import storage
from chatserver.errors import StorageError
from chatserver.storage import s3

BUCKET = "the-bucket"


async def fetch(address: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with aiohttp.ClientSession() as client, client.request(method, address, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.read()


async def presigned(store, key="a/1.png", seconds=60):
    return await store.presign(
        key, content_type="image/png", disposition='attachment; filename="sunset-7f3a.png"', seconds=seconds
    )


async def test_a_signed_address_serves_the_file_under_its_name(store):
    status, headers, body = await fetch(await presigned(store))
    assert (status, body) == (200, b"0123456789")
    assert headers["Content-Disposition"] == 'attachment; filename="sunset-7f3a.png"'
    assert headers["Content-Type"] == "image/png"
    status, _, body = await fetch(await presigned(store), Range="bytes=2-4")
    assert (status, body) == (206, b"234")


async def test_a_signed_address_expires(store):
    address = await presigned(store, seconds=1)
    until = time.monotonic() + 10
    while (await fetch(address))[0] == 200:
        assert time.monotonic() < until
        await asyncio.sleep(0.2)
    assert (await fetch(address))[0] == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda parts, query: (parts._replace(path=parts.path.replace("1.png", "2.png")), query),
        lambda parts, query: (parts, query | {"X-Amz-Expires": "600000"}),
        lambda parts, query: (parts, query | {"response-content-disposition": "inline"}),
        lambda parts, query: (parts, query | {"X-Amz-Signature": query["X-Amz-Signature"][::-1]}),
        lambda parts, query: (parts, {k: v for k, v in query.items() if not k.startswith("X-Amz")}),
    ],
    ids=["another key", "longer", "another disposition", "another signature", "no signature"],
)
async def test_a_tampered_address_is_refused(store, change):
    await store.put("a/2.png", b"somebody else's", "image/png")
    parts = urlsplit(await presigned(store))
    parts, query = change(parts, dict(parse_qsl(parts.query)))
    status, _, body = await fetch(urlunsplit(parts._replace(query=urlencode(query))))
    assert status in {400, 401, 403} and b"somebody" not in body and b"0123456789" not in body


async def test_a_signed_address_does_not_write(store):
    assert (await fetch(await presigned(store), "PUT"))[0] == 403
    assert (await fetch(await presigned(store), "DELETE"))[0] == 403
    assert await store.get("a/1.png") == b"0123456789"


async def test_addresses_for_readers_lead_to_the_public_endpoint(swift):
    url = swift.url(BUCKET) + "&public_endpoint=https://pictures.example.org"
    store = await storage.open_url(url)
    assert (await presigned(store)).startswith(f"https://pictures.example.org/{BUCKET}/a/1.png?")
    await store.close()


@pytest.mark.parametrize(
    "keys", [{"AWS_SECRET_ACCESS_KEY": "wrong"}, {"AWS_ACCESS_KEY_ID": "test:nobody"}], ids=["secret", "id"]
)
async def test_a_wrong_key_is_said_plainly(store, swift, monkeypatch, keys):
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    wrong = await storage.open_url(swift.url(BUCKET))
    data = os.urandom(9_000_000)
    for call in (
        wrong.put("a/1.png", b"x", "image/png"),
        wrong.put("a/1.webm", data, "video/webm"),
        wrong.get("a/1.png"),
        wrong.stat("a/1.png"),
        wrong.delete("a/1.png"),
        wrong.create(),
        wrong.check(),
        anext(wrong.walk()),
    ):
        with pytest.raises(StorageError, match="refused this server's key"):
            await call
    await wrong.close()
    assert await store.get("a/1.png") == b"0123456789"


async def test_without_keys_the_operator_is_told_which(swift, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = await storage.open_url(swift.url(BUCKET))
    with pytest.raises(StorageError) as refusal:
        await store.get("a/1.png")
    assert "AWS_ACCESS_KEY_ID" in refusal.value.mend
    await store.close()


async def test_a_missing_bucket_is_said_plainly_everywhere(swift):
    store = await storage.open_url(swift.url("nobody-made-this"))
    for call in (
        store.put("a/1.png", b"x", "image/png"),
        store.get("a/1.png"),
        store.stat("a/1.png"),
        store.delete("a/1.png"),
        store.check(),
        store.remove_unfinished(datetime.now(UTC)),
        anext(store.walk()),
        anext(store.read("a/1.png", 0, 1)),
    ):
        with pytest.raises(StorageError, match="chatserver storage create"):
            await call
    await store.close()


async def test_without_a_bucket_pictures_and_clips_go_to_their_own(swift):
    store = await storage.open_url(swift.url())
    assert await store.create() == ["generated-images", "generated-videos"]
    await store.put("b/1.webm", b"clip", "video/webm")
    await store.put("b/1.thumbnail.webp", b"poster", "image/webp")
    videos = await storage.open_url(swift.url("generated-videos"))
    images = await storage.open_url(swift.url("generated-images"))
    assert [each.key async for each in videos.walk("b")] == ["b/1.webm"]
    assert [each.key async for each in images.walk("b")] == ["b/1.thumbnail.webp"]
    for each in (store, videos, images):
        await each.close()


async def test_an_upload_that_nobody_finished_is_tidied(store):
    place = {"Bucket": BUCKET, "Key": "a/9.webm"}
    begun = await store._client.create_multipart_upload(**place)
    await store._client.upload_part(**place, UploadId=begun["UploadId"], PartNumber=1, Body=b"x" * 5_300_000)
    assert await store.remove_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(minutes=1)) == 0
    assert await store.stat("a/9.webm") is None


async def test_a_clip_that_breaks_off_leaves_nothing(store, monkeypatch):
    async def fail(*_: object) -> None:
        raise StorageError

    monkeypatch.setattr(store, "_put_part", fail)
    with pytest.raises(StorageError):
        await store.put("a/8.webm", b"x" * 9_000_000, "video/webm")
    assert await store.stat("a/8.webm") is None
    assert await store.remove_unfinished(datetime.now(UTC) + timedelta(minutes=1)) == 0


async def test_the_connections_are_shared_by_many_calls(store, monkeypatch):
    await asyncio.gather(*(store.get("a/1.png") for _ in range(s3.CONNECTIONS * 2)))
