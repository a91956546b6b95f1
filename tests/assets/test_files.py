"""Files over HTTP: who may, which part, in which format, under which name; on a real server with the real layers."""

import asyncio
import hashlib
import io
import json

import aiohttp
import msgspec
import pytest
import yarl
from PIL import Image

from chatserver import ids, storage
from chatserver.assets import service as assets
from chatserver.assets import signatures
from chatserver.assets.keys import preview_key
from chatserver.imaging.processor import DERIVED_AT_ONCE_FOR_ASKER, MAX_WAITING, ImageProcessor
from chatserver.runtime import clock
from chatserver.storage.filesystem import FolderStorage
from tests.assets.session_files import SECRET_KEY, SessionFiles, clip, picture, serving
from tests.provenance import readers
from tests.support.people import add_member, make_user, run_sql

PICTURE, CLIP = picture(), clip()


@pytest.fixture(scope="module")
async def client(session_files):
    async with serving(session_files.database, session_files.storage) as opened:
        yield opened


@pytest.fixture(scope="module")
async def asset(session_files):
    return await session_files.create_file(PICTURE)


@pytest.fixture(scope="module")
async def film(session_files):
    return await session_files.create_file(CLIP, "waves")


async def ask(
    client: aiohttp.ClientSession, path: str, who: str = "", method: str = "GET", follow=False, **headers: str
):
    """(status, headers, body); header names may be written with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if who:
        sent["Authorization"] = f"Bearer {who}"
    address = yarl.URL(path, encoded=True)
    async with client.request(method, address, headers=sent, allow_redirects=follow, auto_decompress=False) as answer:
        return answer.status, answer.headers, await answer.read()


# Who may -----------------------------------------------------------------------------------------------------------


async def test_the_owner_and_the_guest_see_the_file_and_nobody_else_learns_that_it_is_there(
    client, session_files, asset
):
    for address in every_form(asset):
        for who in (session_files.ada, session_files.grace):
            assert (await ask(client, address, who))[0] == 200
        missing = address.replace(asset.id, ids.new())
        for who in (session_files.mallory, ""):
            refused, absent = await ask(client, address, who), await ask(client, missing, who)
            assert refused[0] == absent[0] == 404
            assert without_id(refused[2]) == without_id(absent[2])
            assert "ETag" not in refused[1] and "Content-Disposition" not in refused[1]


def every_form(asset) -> list[str]:
    """The addresses of everything that is served of a picture."""
    folder = f"/files/{asset.id}"
    others = [asset.url.replace(".png", extension) for extension in (".jpg", ".webp")]
    return [asset.url, asset.download_url, asset.thumbnail_url, *others, f"{folder}/1024.webp", f"{folder}/2048.webp"]


def without_id(body: bytes) -> object:
    """An answer without what differs from request to request."""
    try:
        error = json.loads(body)["error"]
    except ValueError:
        return len(body)
    return error["code"], error["message"]


async def test_the_cookie_opens_too_and_a_tag_opens_nothing(client, session_files, asset):
    assert (await ask(client, asset.url, Cookie=f"who={session_files.ada}"))[0] == 200
    tag = f'"{PICTURE.sha256}"'
    assert (await ask(client, asset.url, session_files.mallory, If_None_Match=tag))[0] == 404
    assert (await ask(client, asset.url, If_None_Match=tag))[0] == 404


async def test_who_left_the_session_sees_nothing_more(client, session_files, asset):
    await run_sql(
        session_files.database,
        "INSERT INTO session_members (session_id, user_id, role) VALUES ($1, $2, 'guest')",
        session_files.session_id, session_files.mallory,
    )  # fmt: skip
    assert (await ask(client, asset.url, session_files.mallory))[0] == 200
    await run_sql(
        session_files.database, "UPDATE session_members SET left_at = now() WHERE user_id = $1", session_files.mallory
    )
    assert (await ask(client, asset.url, session_files.mallory))[0] == 404


async def test_what_is_staged_or_deleted_is_not_there(client, session_files):
    staged = await session_files.stage(await session_files.create_generation(), PICTURE)
    await session_files.put_bytes(staged, PICTURE)
    assert (await ask(client, f"/files/{staged.id}/thumbnail.webp", session_files.ada))[0] == 404
    gone = await session_files.create_file(PICTURE)
    await session_files.mark_deleted(gone.id)
    assert (await ask(client, gone.url, session_files.ada))[0] == 404


async def test_a_signature_opens_one_file_for_a_while(client, session_files, asset, film):
    query = signatures.sign_address(SECRET_KEY, asset.id, session_files.ada, 60)
    for address in every_form(asset):
        address = address.removesuffix("?download")
        assert (await ask(client, f"{address}?{query}"))[0] == 200
        assert (await ask(client, f"{address}?{query}", session_files.mallory))[0] == 200
    assert (await ask(client, f"{asset.download_url}&{query}"))[1]["Content-Disposition"].startswith("attachment")
    assert (await ask(client, f"{film.url}?{query}"))[0] == 404


async def test_a_wrong_signature_opens_nothing_but_takes_nothing_away(client, session_files, asset):
    query = signatures.sign_address(SECRET_KEY, asset.id, session_files.ada, 60)
    fields = dict(part.split("=") for part in query.split("&"))
    expires, by, signature = fields["expires"], fields["by"], fields["signature"]
    bound = signatures.sign_address(SECRET_KEY, asset.id, session_files.ada, 60, credential_id=ids.new())
    wrong = [
        signatures.sign_address(SECRET_KEY, asset.id, session_files.ada, -1),
        f"expires={int(expires) + 1}&by={by}&signature={signature}",
        f"expires={expires}&by={by}&signature={signature[:-1]}",
        f"expires={expires}&by={by}&signature={signature}=",
        f"expires={expires}&by={by}&signature={signature.swapcase()}",
        f"expires={expires}&by={by}&signature=",
        f"expires=&by={by}&signature={signature}",
        f"by={by}&signature={signature}",
        f"expires={expires}&signature={signature}",
        f"expires={expires}&by={session_files.grace}&signature={signature}",
        f"expires={expires}&by=&signature={signature}",
        f"expires={expires}&by=%ED%A0%80%00&signature={signature}",
        # The signature is genuine: what it names is the same text, cut elsewhere.
        bound.replace("&with=", "%20with%20"),
        f"expires=+{expires}&by={by}&signature={signature}",
        f"expires=%D9%A1{expires}&by={by}&signature={signature}",
        f"expires={'9' * 5000}&by={by}&signature={signature}",
        f"expires={expires}&by={by}&signature=%FF%00%F0%9F%8C%85",
        signatures.sign_address("another key", asset.id, session_files.ada, 60),
        # By a stranger to the session, with a key that somebody learnt.
        signatures.sign_address(SECRET_KEY, asset.id, session_files.mallory, 60),
    ]
    for query in wrong:
        assert (await ask(client, f"{asset.url}?{query}"))[0] == 404, query
        assert (await ask(client, f"{asset.url}?{query}", session_files.mallory))[0] == 404, query
        assert (await ask(client, f"{asset.url}?{query}", session_files.ada))[0] == 200, query


async def test_a_signature_ends_with_its_time(monkeypatch):
    asset_id, signer = ids.new(), ids.new()
    fields = dict(part.split("=") for part in signatures.sign_address("key", asset_id, signer, 10).split("&"))
    assert signatures.signer_of("key", asset_id, fields) == (signer, None)
    now = clock.seconds()
    monkeypatch.setattr(clock, "seconds", lambda: now + 11)
    assert signatures.signer_of("key", asset_id, fields) is None


ENDS = {
    "leaves": "UPDATE session_members SET left_at = now() WHERE user_id = $1",
    "is banned": "UPDATE users SET status = 'banned' WHERE id = $1",
    "deletes the account": "UPDATE users SET status = 'deleted' WHERE id = $1",
}


@pytest.mark.parametrize("how", ENDS)
async def test_a_signature_ends_when_its_signer(client, session_files, asset, how):
    heidi = await make_user(session_files.database, "Heidi")
    await add_member(session_files.database, session_files.session_id, heidi)
    query = signatures.sign_address(SECRET_KEY, asset.id, heidi, 3600)
    of_ada = signatures.sign_address(SECRET_KEY, asset.id, session_files.ada, 3600)
    addresses = (asset.url, asset.thumbnail_url, asset.url.replace(".png", ".webp"))
    for address in addresses:
        assert (await ask(client, f"{address}?{query}"))[0] == 200
    await run_sql(session_files.database, ENDS[how], heidi)
    for address in addresses:
        assert (await ask(client, f"{address}?{query}"))[0] == 404
        assert (await ask(client, f"{address}?{of_ada}"))[0] == 200


async def test_a_link_is_made_by_members_only_and_works_without_signing_in(client, session_files, asset):
    # `identify` takes the person's id for the token's.
    await run_sql(
        session_files.database,
        "INSERT INTO api_tokens (id, user_id, token_hash) VALUES ($1, $1, 'hash')",
        session_files.grace,
    )
    headers = {"Authorization": f"Bearer {session_files.grace}", "Host": "[::1]:8123"}
    async with client.post(f"/api/v1/assets/{asset.id}/links", json={"seconds": 60}, headers=headers) as answer:
        assert answer.status == 201
        link = await answer.json()
    for name in ("url", "download_url"):
        # Where the asker is, not where the server believes to be: from another machine `localhost` leads nowhere.
        assert link[name].startswith("http://[::1]:8123/files/")
        assert (await ask(client, "/" + link[name].split("/", 3)[3]))[0] == 200
    headers = {"Authorization": f"Bearer {session_files.mallory}"}
    async with client.post(f"/api/v1/assets/{asset.id}/links", json={}, headers=headers) as answer:
        assert answer.status == 404
    for seconds in (0, -5, 7 * 24 * 3600 + 1):
        headers = {"Authorization": f"Bearer {session_files.ada}"}
        async with client.post(
            f"/api/v1/assets/{asset.id}/links", json={"seconds": seconds}, headers=headers
        ) as answer:
            assert answer.status == 422


# Addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/files/{id}/", "/files/{id}", "/files/", "/files/{id}/other.png", "/files/{id}/{stem}.gif",
        "/files/{id}/{stem}.svg",
        "/files/{id}/{stem}", "/files/{id}/{stem}.PNG", "/files/{id}/{stem}.png%00", "/files/{id}/..%2f{stem}.png",
        "/files/{id}/../{id}/x.png", "/files/{id}/%2e%2e/secret-key", "/files/{id}/..", "/files/..%2f..%2fsecret-key/x",
        "/files/{id}/%2fetc%2fpasswd", "/files/{id}/....//", "/files/{id}/{stem}.png/x", "/files/not-an-id/{stem}.png",
        "/files/{id}%00/{stem}.png", "/files/%7B{id}%7D/x.png", "/files/{id}/%FF%FE", "/files/{id}/\\..\\x.png",
        "/files/{id}/.jpg", "/files/{id}/thumbnail.jpg", "/files/{id}/1.png", "/files/{id}/1025.webp",
        "/files/{id}/01024.webp", "/files/{id}/512.webp", "/files/{id}/1024.jpg", "/files/{id}/-1024.webp",
        "/files/{id}/{stem}.png%0d%0aX:%20y",
    ],
)  # fmt: skip
async def test_no_other_address_leads_anywhere(client, session_files, asset, address):
    path = address.format(id=asset.id, stem=asset.filename.removesuffix(".png"))
    assert (await ask(client, path, session_files.ada, follow=True))[0] in {400, 404}


async def test_only_reading_is_possible(client, session_files, asset):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await ask(client, asset.url, session_files.ada, method))[0] == 405


# What is sent ------------------------------------------------------------------------------------------------------


async def test_the_whole_file_with_every_header(client, session_files, asset):
    status, headers, body = await ask(client, asset.url, session_files.ada, Accept_Encoding="gzip")
    assert (status, body) == (200, PICTURE.data)
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(PICTURE.data)) == str(asset.bytes)
    assert headers["ETag"] == f'"{PICTURE.sha256}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Disposition"] == f'inline; filename="{asset.filename}"'
    assert "Content-Encoding" not in headers


async def test_head_is_get_without_the_body(client, session_files, asset, film):
    for address in (*every_form(asset), film.url):
        status, headers, body = await ask(client, address, session_files.ada)
        head_status, head_headers, nothing = await ask(client, address, session_files.ada, "HEAD")
        assert (head_status, nothing) == (status, b"") == (200, b"")
        volatile = {"Date", "X-Request-Id"}
        assert {k: v for k, v in head_headers.items() if k.title() not in volatile} == {
            k: v for k, v in headers.items() if k.title() not in volatile
        }
        assert head_headers["Content-Length"] == str(len(body))


async def test_a_download_carries_the_readable_name(client, session_files, asset, film):
    assert asset.filename.startswith("sunset-over-mountains-") and asset.filename.endswith(".png")
    _, headers, _ = await ask(client, asset.download_url, session_files.ada)
    assert headers["Content-Disposition"] == f'attachment; filename="{asset.filename}"'
    _, headers, body = await ask(client, film.download_url, session_files.ada)
    assert headers["Content-Disposition"] == f'attachment; filename="{film.filename}"'
    assert headers["Content-Type"] == "video/webm" and body == CLIP.data


@pytest.mark.parametrize(
    ("extension", "name", "kind"), [(".jpg", "JPEG", "image/jpeg"), (".webp", "WEBP", "image/webp")]
)
async def test_a_picture_is_there_in_other_formats_made_once(client, session_files, asset, extension, name, kind):
    address = asset.url.replace(".png", extension)
    first = await ask(client, address + "?download", session_files.ada)
    image = Image.open(io.BytesIO(first[2]))
    assert (first[0], image.format, image.size) == (200, name, (PICTURE.width, PICTURE.height))
    assert first[1]["Content-Type"] == kind
    assert first[1]["Content-Disposition"] == f'attachment; filename="{asset.filename.replace(".png", extension)}"'
    again = await ask(client, address, session_files.ada)
    assert (again[2], again[1]["ETag"]) == (first[2], first[1]["ETag"])
    assert (await ask(client, address, session_files.ada, If_None_Match=first[1]["ETag"]))[0] == 304
    assert (await ask(client, address, session_files.ada, Range="bytes=0-9"))[2] == first[2][:10]


async def test_a_picture_is_there_in_the_sizes_of_screens_made_once(client, session_files):
    asset = await session_files.create_file(picture(7, size=(1600, 1200)))
    assert asset.srcset.split(", ") == [
        f"/files/{asset.id}/thumbnail.webp 512w",
        f"/files/{asset.id}/1024.webp 1024w",
        f"/files/{asset.id}/2048.webp 1600w",
    ]
    for name, size in (("1024.webp", (1024, 768)), ("2048.webp", (1600, 1200))):
        status, headers, body = await ask(client, f"/files/{asset.id}/{name}", session_files.ada)
        image = Image.open(io.BytesIO(body))
        assert (status, image.format, image.size) == (200, "WEBP", size)
        assert headers["Content-Type"] == "image/webp"
        assert headers["Content-Disposition"].startswith('inline; filename="')
        file = await session_files.database.run_as(session_files.ada, assets.find_file, asset.id)
        key = preview_key(file.storage_key, int(name.removesuffix(".webp")))
        assert await session_files.storage.get(key) == body
        again = await ask(client, f"/files/{asset.id}/{name}", session_files.ada)
        assert (again[2], again[1]["ETag"]) == (body, headers["ETag"])
        assert (await ask(client, f"/files/{asset.id}/{name}", session_files.ada, If_None_Match=again[1]["ETag"]))[
            0
        ] == 304


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        ((512, 512), ["512w"]), ((288, 512), ["288w"]), ((64, 48), ["64w"]), ((513, 300), ["512w", "513w"]),
        ((576, 1024), ["288w", "576w"]), ((1024, 1025), ["512w", "1023w", "1024w"]),
        ((4096, 64), ["512w", "1024w", "2048w"]),
    ],
)  # fmt: skip
def test_a_page_asks_for_no_more_pixels_than_there_are(asset, size, widths):
    srcset = msgspec.structs.replace(asset, width=size[0], height=size[1]).srcset
    assert [each.split()[1] for each in srcset.split(", ")] == widths


async def test_each_form_is_sealed_when_it_is_made_and_says_how_the_picture_was_made(client, session_files):
    fresh = await session_files.create_file(picture(21))
    for extension, kind in ((".jpg", "image/jpeg"), (".webp", "image/webp")):
        _, headers, body = await ask(client, fresh.url.replace(".png", extension), session_files.ada)
        assert int(headers["Content-Length"]) == len(body)
        state, manifest = readers.manifest(body, kind)
        assert state == "Valid" and "trainedAlgorithmicMedia" in str(manifest)
    preview = await ask(client, f"/files/{fresh.id}/1024.webp", session_files.ada)
    assert readers.manifest(preview[2], "image/webp")[0] == "Valid"


async def test_the_mark_is_in_what_is_saved_where_the_operator_wants_it_and_nowhere_else(session_files):
    plan = (
        await session_files.database.run_system(assets.origin, (await session_files.create_file(PICTURE)).id)
    ).plan_id
    for setting, is_marked in ((("all",), True), ((plan, "x"), True), (("another",), False)):
        file = await session_files.create_file(picture(23, side=256))
        async with serving(session_files.database, session_files.storage, picture_mark=setting) as client:
            shown = await ask(client, file.url, session_files.ada)
            saved = await ask(client, file.download_url, session_files.ada)
            other = await ask(client, file.download_url.replace(".png", ".jpg"), session_files.ada)
            assert (shown[2] == saved[2], shown[1]["ETag"] == saved[1]["ETag"]) == (not is_marked, not is_marked)
            assert (darkest_corner(saved[2]), darkest_corner(other[2])) == (is_marked, is_marked)
            assert not darkest_corner(shown[2])
            assert saved[1]["Content-Disposition"] == f'attachment; filename="{file.filename}"'
            if is_marked:
                assert readers.manifest(saved[2], "image/png")[0] == "Valid"
                part = await ask(client, file.download_url, session_files.ada, Range="bytes=0-9")
                assert (part[0], part[2]) == (206, saved[2][:10])


def darkest_corner(data: bytes) -> bool:
    """Whether the lower right corner of a picture is darker than the opposite one, as it is under the mark."""
    grey = Image.open(io.BytesIO(data)).convert("L")
    width, height = grey.size
    near, far = grey.crop((width - 80, height - 16, width - 8, height - 6)), grey.crop((8, 6, 80, 16))
    mean = [sum(each.tobytes()) / len(each.tobytes()) for each in (near, far)]
    return mean[0] < mean[1] - 30


async def test_a_clip_has_no_picture_formats(client, session_files, film):
    assert film.srcset == f"{film.thumbnail_url} {film.width}w"
    for extension in (".jpg", ".webp", ".png"):
        assert (await ask(client, film.url.replace(".webm", extension), session_files.ada))[0] == 404
    for name in ("1024.webp", "2048.webp"):
        assert (await ask(client, f"/files/{film.id}/{name}", session_files.ada))[0] == 404
    assert (await ask(client, film.thumbnail_url, session_files.ada))[2] == CLIP.thumbnail


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"{tag}"', 304), ('W/"{tag}"', 304), ('"x", "{tag}"', 304), ("*", 304), ('"x","y" , W/"{tag}"', 304),
        ('"x"', 200), ("{tag}", 200), ("", 200), ('"{tag}-thumbnail"', 200),
    ],
)  # fmt: skip
async def test_who_has_the_file_already_is_told_so(client, session_files, asset, header, status):
    sent = header.replace("{tag}", PICTURE.sha256)
    for method in ("GET", "HEAD"):
        answered, headers, body = await ask(client, asset.url, session_files.ada, method, If_None_Match=sent)
        assert answered == status
        assert headers["ETag"] == f'"{PICTURE.sha256}"' and headers["Cache-Control"] == "private, no-cache"
        assert body == (PICTURE.data if status == 200 and method == "GET" else b"")


SIZE = len(CLIP.data)


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-99", 0, 100), ("bytes=100-", 100, SIZE), ("bytes=-50", SIZE - 50, SIZE), ("bytes=0-0", 0, 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE), (f"bytes=5-{SIZE + 1000}", 5, SIZE), (f"bytes=-{SIZE * 2}", 0, SIZE),
        ("bytes=262143-262145", 262143, 262146), (f"bytes=7-{2**64 - 1}", 7, SIZE),
        ("Bytes=0-1", 0, 2), ("bytes = 3 - 4 ", 3, 5),
    ],
)  # fmt: skip
async def test_a_range_is_a_part_of_the_file(client, session_files, film, header, start, end):
    status, headers, body = await ask(client, film.url, session_files.ada, Range=header)
    assert (status, body) == (206, CLIP.data[start:end])
    assert headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert headers["Content-Length"] == str(end - start)
    assert headers["ETag"] == f'"{CLIP.sha256}"'


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", f"bytes={'9' * 19}-"])
async def test_a_range_beyond_the_end_is_refused(client, session_files, film, header):
    status, headers, body = await ask(client, film.url, session_files.ada, Range=header)
    assert (status, body, headers["Content-Range"]) == (416, b"", f"bytes */{SIZE}")


@pytest.mark.parametrize(
    "header",
    ["bytes=0-1,5-6", "bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=0-5", "0-5", "bytes=--5", "bytes=0x0-5",
     "bytes=1.5-2", f"bytes={'9' * 4000}-", "bytes=0-1;q=1"],
)  # fmt: skip
async def test_a_range_that_nobody_understands_is_the_whole_file(client, session_files, film, header):
    status, headers, body = await ask(client, film.url, session_files.ada, Range=header)
    assert (status, len(body)) == (200, SIZE)
    assert "Content-Range" not in headers


async def test_a_range_holds_only_for_the_version_that_the_reader_has(client, session_files, film):
    tag = f'"{CLIP.sha256}"'
    assert (await ask(client, film.url, session_files.ada, Range="bytes=0-9", If_Range=tag))[0] == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert (await ask(client, film.url, session_files.ada, Range="bytes=0-9", If_Range=other))[0] == 200
    assert (await ask(client, film.url, session_files.ada, "HEAD", Range="bytes=0-9"))[0] == 200


async def test_missing_bytes_are_an_error_and_not_half_an_answer(client, session_files):
    lost = await session_files.create_file(picture(5))
    file = await session_files.database.run_as(session_files.ada, assets.find_file, lost.id)
    await session_files.storage.delete(file.storage_key)
    await session_files.storage.delete(file.thumbnail_key)
    for address in (lost.url, lost.thumbnail_url, lost.url.replace(".png", ".jpg")):
        status, _, body = await ask(client, address, session_files.ada)
        assert status == 503 and file.storage_key.encode() not in body


async def test_no_type_but_pictures_and_clips_is_ever_shown(client, session_files):
    trick = await session_files.create_file(picture(6))
    for kind in ("image/svg+xml", "text/html", "application/xhtml+xml"):
        await run_sql(session_files.database, "UPDATE assets SET content_type = $2 WHERE id = $1", trick.id, kind)
        _, headers, _ = await ask(client, trick.url, session_files.ada)
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"


# With S3 -----------------------------------------------------------------------------------------------------------


async def test_readers_are_sent_to_the_bucket_where_the_operator_wants_it(database, swift):
    store = await storage.open_url(swift.url("presigned"))
    await store.create()
    session_files = await SessionFiles.fill(database, store)
    film = await session_files.create_file(CLIP, "waves")
    async with serving(database, store, storage_presign=True) as client:
        status, headers, body = await ask(client, film.download_url, session_files.ada)
        assert (status, body, headers["Cache-Control"]) == (307, b"", "no-store")
        assert yarl.URL(headers["Location"]).query["X-Amz-Expires"] == "4", "what is hidden is gone within five seconds"
        assert (await ask(client, film.url, session_files.ada))[::2] == (200, CLIP.data), "a player asks it again later"
        async with client.get(yarl.URL(headers["Location"], encoded=True), headers={"Range": "bytes=1-5"}) as answer:
            assert (answer.status, await answer.read()) == (206, CLIP.data[1:6])
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{film.filename}"'
        assert (await ask(client, film.url, session_files.mallory))[0] == 404
        assert (await ask(client, film.url, session_files.ada, "HEAD"))[1]["Content-Length"] == str(SIZE)
        assert (await ask(client, film.url, session_files.ada, If_None_Match=f'"{CLIP.sha256}"'))[0] == 304
    async with serving(database, store) as client:
        assert (await ask(client, film.url, session_files.ada))[2] == CLIP.data
        assert (await ask(client, film.url, session_files.ada, Range="bytes=-7"))[2] == CLIP.data[-7:]
    await store.close()


# Many at once -------------------------------------------------------------------------------------------------------


@pytest.fixture
def gate(monkeypatch):
    """Conversions wait for it; it opens at the end of the test, so that the server can be stopped."""
    gate = HeldConversions()
    monkeypatch.setattr(ImageProcessor, "convert_picture", gate.convert)
    yield gate
    gate.open.set()


class HeldConversions:
    def __init__(self) -> None:
        self.open, self.under_way, self.made = asyncio.Event(), 0, []

    async def convert(self, png, wanted, *_, **__):
        self.under_way += 1
        await self.open.wait()
        self.under_way -= 1
        self.made.append((hashlib.sha256(png).hexdigest(), wanted))
        return PICTURE.thumbnail


async def test_a_flood_of_one_person_holds_a_few_pictures_in_memory_and_keeps_nobody_waiting(
    client, session_files, gate, monkeypatch
):
    calls = {"get": 0, "stat": 0}

    def counted(name):
        verb = getattr(FolderStorage, name)

        def call(self, key):
            calls[name] += 1
            return verb(self, key)

        monkeypatch.setattr(FolderStorage, name, call)

    counted("get"), counted("stat")
    pictures = [await session_files.create_file(picture(seed)) for seed in range(20, 27)]
    addresses = [each.url.replace(".png", ".webp") for each in pictures]
    flood = [asyncio.create_task(ask(client, address, session_files.ada)) for address in addresses[:2]]
    await until(lambda: gate.under_way == DERIVED_AT_ONCE_FOR_ASKER)
    seen = calls["stat"]
    flood += [asyncio.create_task(ask(client, each, session_files.ada)) for each in addresses[:6] for _ in range(9)]
    await until(lambda: calls["stat"] == seen + 54)
    friend = asyncio.create_task(ask(client, addresses[6], session_files.grace))
    await until(lambda: gate.under_way == DERIVED_AT_ONCE_FOR_ASKER + 1)
    assert calls["get"] == gate.under_way
    gate.open.set()
    assert {status for status, _, _ in await asyncio.gather(friend, *flood)} == {200}
    assert sorted(gate.made) == sorted((each.sha256, "webp") for each in pictures)


async def test_whose_files_wait_in_their_dozens_is_told_to_come_again(client, session_files, gate):
    address = (await session_files.create_file(picture(30))).url.replace(".png", ".webp")
    flood = [asyncio.create_task(ask(client, address, session_files.ada)) for _ in range(MAX_WAITING + 3)]
    await until(lambda: sum(each.done() for each in flood) == 3)
    refused = [each.result() for each in flood if each.done()]
    gate.open.set()
    assert {(status, headers["Retry-After"]) for status, headers, _ in refused} == {(503, "5")}
    assert sorted(status for status, _, _ in await asyncio.gather(*flood)) == [200] * MAX_WAITING + [503] * 3


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)
