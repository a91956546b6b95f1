"""Uploads over HTTP: taken once, within the quota, seen and deleted by those who may; on a real server."""

import asyncio
import contextlib
import io
import socket

import pytest
from PIL import Image

from chatserver import ids
from chatserver.assets import service as assets
from chatserver.assets.audit import audit_store
from chatserver.assets.sweeper import sweep_rows
from chatserver.privacy import erasure, session_deletion
from chatserver.storage.filesystem import FolderStorage
from tests.assets.session_files import SessionFiles, serving
from tests.imaging import samples
from tests.support.people import add_member, make_session, make_user, run_sql, run_sql_as


@pytest.fixture(scope="module")
async def files(database, tmp_path_factory):
    storage = FolderStorage(tmp_path_factory.mktemp("uploads"))
    await storage.create()
    yield await SessionFiles.fill(database, storage)
    await storage.close()


@pytest.fixture(scope="module")
async def client(files):
    async with serving(files.database, files.storage) as opened:
        yield opened


async def call(client, method, path, who, data=None, **query):
    """(status, JSON) of one request to the API."""
    headers = {"Authorization": f"Bearer {who}"} if who else {}
    async with client.request(method, f"/api/v1{path}", data=data, params=query, headers=headers) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def upload(client, who, session, data, client_id=None, **query):
    query = {"client_id": client_id or ids.new(), **query}
    return await call(client, "POST", f"/sessions/{session}/uploads", who, data, **query)


async def status_of(client, path, who) -> int:
    async with client.get(path, headers={"Authorization": f"Bearer {who}"} if who else {}) as answer:
        return answer.status


async def a_session(files, **fields):
    return await make_session(files.database, files.ada, **fields)


async def test_a_picture_is_taken_shown_listed_and_named_after_its_file(client, files):
    session = await a_session(files)
    status, taken = await upload(client, files.ada, session, samples.picture("JPEG"), name="Mein Café (1).JPG")
    assert (status, taken["quota"]) == (201, {"used": 1, "most": 20})
    asset = taken["asset"]
    assert (asset["origin"], asset["kind"], asset["content_type"]) == ("upload", "image", "image/png")
    assert asset["filename"] == f"mein-cafe-1-{asset['id'][-4:]}.png"
    assert (asset["width"], asset["height"]) == (48, 32)
    async with client.get(asset["url"], headers={"Authorization": f"Bearer {files.ada}"}) as answer:
        assert len(await answer.read()) == asset["bytes"]
    page = (await call(client, "GET", "/uploads", files.ada, session_id=session))[1]
    assert page == {"uploads": [asset], "next": None, "quota": {"used": 1, "most": 20}}


async def test_its_copies_say_nothing_of_a_machine_that_made_it(client, files):
    _, taken = await upload(client, files.ada, await a_session(files), samples.noise("PNG", (1400, 700)))
    asset = taken["asset"]
    for address in (
        asset["url"],
        asset["thumbnail_url"],
        f"/files/{asset['id']}/1024.webp",
        asset["url"].replace(".png", ".jpg"),
        asset["url"].replace(".png", ".webp") + "?download",
    ):
        async with client.get(address, headers={"Authorization": f"Bearer {files.ada}"}) as answer:
            data = await answer.read()
        assert answer.status == 200
        Image.open(io.BytesIO(data)).load()
        assert b"trainedAlgorithmicMedia" not in data and b"c2pa" not in data
    status, verdict = await call(client, "POST", "/verifications", "", samples.noise("PNG", (1400, 700)))
    assert (status, verdict["made_here"]) == (200, False)


async def test_sent_again_it_is_the_same_one_and_other_bytes_are_a_conflict(client, files):
    session, client_id, data = await a_session(files), ids.new(), samples.picture("PNG")
    first = await upload(client, files.ada, session, data, client_id)
    assert await upload(client, files.ada, session, data, client_id) == (201, first[1])
    status, refused = await upload(client, files.ada, session, samples.picture("JPEG"), client_id)
    assert (status, refused["error"]["code"]) == (409, "conflict")
    together = ids.new()
    answers = await asyncio.gather(*(upload(client, files.ada, session, data, together) for _ in range(4)))
    assert len({answer["asset"]["id"] for status, answer in answers if status == 201}) == 1
    assert [status for status, _ in answers] == [201] * 4
    assert (await call(client, "GET", "/uploads", files.ada, session_id=session))[1]["quota"]["used"] == 2
    await run_sql(files.database, "UPDATE user_sessions SET expires_at = now() WHERE id = $1", session)
    assert (await upload(client, files.ada, session, data, client_id))[0] == 201
    assert (await upload(client, files.ada, session, data))[1]["error"]["code"] == "session-expired"


async def test_one_that_a_crash_interrupted_is_taken_when_it_is_sent_again(client, files):
    session, client_id, data = await a_session(files), ids.new(), samples.picture("PNG")
    _, first = await upload(client, files.ada, session, data, client_id)
    await run_sql(files.database, "UPDATE assets SET status = 'staged' WHERE id = $1", first["asset"]["id"])
    assert await status_of(client, first["asset"]["url"], files.ada) == 404
    assert (await upload(client, files.ada, session, data, client_id))[1]["asset"] == first["asset"]
    # Staged by a version that encoded it otherwise.
    await run_sql(
        files.database, "UPDATE assets SET status = 'staged', sha256 = 'x' WHERE id = $1", first["asset"]["id"]
    )
    _, again = await upload(client, files.ada, session, data, client_id)
    assert again["asset"]["id"] != first["asset"]["id"]
    assert await status_of(client, again["asset"]["url"], files.ada) == 200
    assert again["quota"]["used"] == 1


async def test_what_the_operator_has_hidden_does_not_come_back_by_being_sent_again(client, files):
    session, elsewhere, key = (
        await a_session(files, guests=(files.grace,), guests_may_generate=True),
        await a_session(files),
        ids.new(),
    )
    bobs = await make_session(files.database, files.grace)
    data, others = samples.picture("PNG", (33, 21)), samples.picture("PNG", (21, 33))
    _, taken = await upload(client, files.ada, session, data, key)
    await files.database.run_system(assets.hide, taken["asset"]["id"])
    # The answer was lost, the picture is chosen anew, in another session or by another member, or from another file.
    for who, where, sent, client_id in (
        (files.ada, session, data, key),
        (files.ada, elsewhere, data, None),
        (files.grace, session, data, None),
        (files.ada, session, packed_otherwise(data), None),
    ):
        status, answer = await upload(client, who, where, sent, client_id)
        assert (status, answer["error"]["code"]) == (403, "not-allowed")
        assert "hidden" in answer["error"]["message"]
    assert (await upload(client, files.ada, session, others))[0] == 201
    assert (await upload(client, files.grace, bobs, data))[0] == 201, "of others' sessions one learns nothing"
    await files.database.run_system(assets.unhide, taken["asset"]["id"])
    assert (await upload(client, files.ada, session, data))[0] == 201


async def test_what_was_hidden_and_is_shown_again_is_what_its_key_stands_for(client, files):
    session, key, data = await a_session(files), ids.new(), samples.picture("PNG", (35, 22))
    _, taken = await upload(client, files.ada, session, data, key)
    await files.database.run_system(assets.hide, taken["asset"]["id"])
    for sent in (data, samples.picture("PNG", (22, 35))):
        status, answer = await upload(client, files.ada, session, sent, key)
        assert (status, answer["error"]["code"]) == (403, "not-allowed")
    await files.database.run_system(assets.unhide, taken["asset"]["id"])
    assert await upload(client, files.ada, session, data, key) == (201, taken)


async def test_what_was_deleted_does_not_come_back_by_being_sent_once_more(client, files):
    session = await a_session(files, guests=(files.grace,), guests_may_generate=True)
    key, data = ids.new(), samples.picture("PNG")
    counted = "SELECT cardinality(times) FROM budgets WHERE kind = 'uploads' AND user_id = $1"
    # Deleted by whoever uploaded it, and by the owner of the session: the key is that of whoever uploaded it.
    for who, by in ((files.ada, files.ada), (files.grace, files.ada)):
        _, taken = await upload(client, who, session, data, key)
        assert (await call(client, "DELETE", f"/assets/{taken['asset']['id']}", by))[0] == 204
        before = await run_sql(files.database, counted, who)
        for sent in (data, samples.picture("JPEG")):
            status, answer = await upload(client, who, session, sent, key)
            assert (status, answer["error"]["code"]) == (404, "not-found")
        await sweep_rows(files.database, files.storage)
        assert (await upload(client, who, session, data, key))[0] == 404
        assert await run_sql(files.database, counted, who) == before
        page = (await call(client, "GET", "/uploads", who, session_id=session))[1]
        assert (page["uploads"], page["quota"]["used"]) == ([], 0)
    assert (await upload(client, files.ada, session, data))[0] == 201


async def test_what_is_deleted_and_sent_once_more_at_the_same_moment_is_gone(client, files):
    session, data = await a_session(files), samples.picture("PNG")
    for _ in range(4):
        key = ids.new()
        _, taken = await upload(client, files.ada, session, data, key)
        (first, _), deleted, (second, _) = await asyncio.gather(
            upload(client, files.ada, session, data, key),
            call(client, "DELETE", f"/assets/{taken['asset']['id']}", files.ada),
            upload(client, files.ada, session, data, key),
        )
        assert deleted[0] == 204
        assert {first, second} <= {201, 404}
        page = (await call(client, "GET", "/uploads", files.ada, session_id=session))[1]
        assert (page["uploads"], page["quota"]["used"]) == ([], 0)


def packed_otherwise(png: bytes) -> bytes:
    """Another file of the same pixels."""
    changed = io.BytesIO()
    Image.open(io.BytesIO(png)).save(changed, "PNG", compress_level=0)
    assert changed.getvalue() != png
    return changed.getvalue()


async def test_the_plan_bounds_how_many_a_person_keeps_even_of_a_dozen_at_once(client, files):
    session = await a_session(files, plan="flash-lite")
    data = samples.picture("PNG")
    answers = await asyncio.gather(*(upload(client, files.ada, session, data) for _ in range(12)))
    assert sorted(status for status, _ in answers) == [201] * 10 + [403] * 2
    [refused, _] = [answer["error"] for status, answer in answers if status == 403]
    assert refused["code"] == "plan-too-small"
    assert "keeps 10 uploads of one person in a session" in refused["message"]
    taken = next(answer["asset"] for status, answer in answers if status == 201)
    assert (await call(client, "DELETE", f"/assets/{taken['id']}", files.ada))[0] == 204
    assert (await upload(client, files.ada, session, data))[0] == 201


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 422, "There is no picture in it."),
        (b"hello", 422, "This picture cannot be taken. It is no PNG, JPEG"),
        (samples.noise("JPEG")[:-3000], 422, "not a whole picture"),
        (samples.bomb(12_000, 12_000), 422, "25 million pixels"),
        (b"\xff\xd8\xff" + bytes(10 * 1024 * 1024), 413, "larger than this server takes"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_words_and_leaves_nothing(client, files, data, status, words):
    session = await a_session(files)
    found, answer = await upload(client, files.ada, session, data)
    assert found == status
    assert words in answer["error"]["message"]
    assert (await call(client, "GET", "/uploads", files.ada, session_id=session))[1]["quota"]["used"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a b"}, "client_id"),
        ({"client_id": "x" * 65}, "client_id"),
        ({"client_id": "x", "size": "1"}, "size"),
    ],
)
async def test_a_wrong_query_is_refused_by_its_field(client, files, query, field):
    status, answer = await call(
        client, "POST", f"/sessions/{await a_session(files)}/uploads", files.ada, samples.picture(), **query
    )
    assert status == 422
    assert field in str(answer["error"])


@pytest.mark.parametrize("name", ["../../etc/passwd", "\u202egnp.exe", "CON", "x" * 3000, "日没.png", "a/b\\c.html"])
async def test_whatever_a_file_is_called_its_name_is_a_plain_one(client, files, name):
    _, taken = await upload(client, files.ada, await a_session(files), samples.picture(), name=name)
    stem, _, extension = taken["asset"]["filename"].rpartition(".")
    assert extension == "png"
    assert stem.replace("-", "").isalnum() and stem.isascii() and len(stem) < 70


async def test_who_may_not_upload_is_refused_before_the_body_is_read(client, files):
    session = await a_session(files, guests=(files.grace,))
    ended = await a_session(files, minutes=0)
    for who, where, status, code in (
        (files.grace, session, 403, "guests-may-not"),
        (files.mallory, session, 404, "not-found"),
        (files.ada, ids.new(), 404, "not-found"),
        (files.ada, ended, 409, "session-expired"),
        ("", session, 401, "not-signed-in"),
    ):
        found, answer = await upload(client, who, where, samples.picture())
        assert (found, answer["error"]["code"]) == (status, code)


async def test_a_refusal_is_sent_when_the_picture_has_arrived_and_not_into_its_sending(client, files):
    """A browser hears of nothing but a broken line where it is cut while it sends."""
    session, data = await a_session(files), bytes(3_000_000)
    for who in (files.mallory, ""):
        reader, writer = await asyncio.open_connection("localhost", client._base_url.port)
        writer.write(
            f"POST /api/v1/sessions/{session}/uploads?client_id=late HTTP/1.1\r\n"
            f"Host: localhost:{client._base_url.port}\r\nAuthorization: Bearer {who}\r\nConnection: close\r\n"
            f"Content-Length: {len(data)}\r\n\r\n".encode()
            + data[:-1]
        )
        await writer.drain()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        writer.write(data[-1:])
        answer = await reader.read()
        assert answer.split()[1] == (b"404" if who else b"401")
        writer.close()


async def test_members_see_an_upload_strangers_do_not_and_two_may_delete_it(client, files):
    heidi = await make_user(files.database, "Heidi")
    session = await a_session(files, guests=(files.grace, heidi), guests_may_generate=True)
    taken = [(await upload(client, files.grace, session, samples.picture()))[1]["asset"] for _ in range(2)]
    url, path = taken[0]["url"], f"/assets/{taken[0]['id']}"
    assert [await status_of(client, url, who) for who in (files.grace, files.ada, heidi, files.mallory, "")] == [
        200, 200, 200, 404, 404,
    ]  # fmt: skip
    refused = [await call(client, "DELETE", path, who) for who in (heidi, files.mallory)]
    assert [(status, answer["error"]["code"]) for status, answer in refused] == [
        (403, "not-allowed"),
        (404, "not-found"),
    ]
    for own in ("GET", "/uploads", files.ada), ("GET", "/uploads", heidi), ("GET", "/uploads", files.mallory):
        assert taken[0]["id"] not in str(await call(client, *own))
    assert (await call(client, "DELETE", path, files.grace))[0] == 204
    assert (await call(client, "DELETE", f"/assets/{taken[1]['id']}", files.ada))[0] == 204
    assert (await call(client, "DELETE", path, files.grace))[0] == 404
    assert await status_of(client, url, files.grace) == 404


async def test_the_web_role_adds_nothing_but_an_own_upload_below_its_own_folder(files):
    other = await make_session(files.database, files.mallory)
    good = {
        "id": ids.new(), "session_id": files.session_id, "user_id": files.ada, "origin": "upload", "status": "staged",
        "kind": "image", "storage_key": f"{files.ada}/x/0.png", "thumbnail_key": f"{files.ada}/x/0.thumbnail.webp",
    }  # fmt: skip
    for wrong in (
        {"user_id": files.mallory},
        {"session_id": other},
        {"status": "stored"},
        {"origin": "generation"},
        {"storage_key": f"{files.mallory}/x/0.png"},
        {"thumbnail_key": f"{files.mallory}/x/0.png"},
    ):
        with pytest.raises(Exception, match="row-level security"):
            await _insert(files, {**good, **wrong})
    await _insert(files, good)
    await run_sql(files.database, "DELETE FROM assets WHERE id = $1", good["id"])


async def _insert(files, row):
    columns = {
        **row, "content_type": "image/png", "width": 8, "height": 8, "bytes": 1, "sha256": "x", "filename": "x.png",
        "placeholder": "",
    }  # fmt: skip
    marks = ", ".join(f"${number + 1}" for number in range(len(columns)))
    statement = f"INSERT INTO assets ({', '.join(columns)}) VALUES ({marks})"
    await run_sql_as(files.database, files.ada, statement, *columns.values())


async def test_they_go_with_their_session_and_with_their_owner(client, files):
    session = await a_session(files)
    _, taken = await upload(client, files.ada, session, samples.picture())
    ivan = await make_user(files.database, "Ivan")
    await add_member(files.database, session, ivan)
    await files.database.run_system(session_deletion.delete_session, files.ada, session)
    assert await status_of(client, taken["asset"]["url"], files.ada) == 404
    own = await make_session(files.database, ivan)
    _, of_ivan = await upload(client, ivan, own, samples.picture())
    await files.database.run_system(erasure.close_account, ivan)
    rows = "SELECT status, filename, client_id, request_hash FROM assets WHERE id = ANY($1::uuid[])"
    for row in await run_sql(files.database, rows, [taken["asset"]["id"], of_ivan["asset"]["id"]]):
        assert tuple(row.values()) == ("deleted", "", None, None)
    await sweep_rows(files.database, files.storage)
    assert await run_sql(files.database, rows, [taken["asset"]["id"], of_ivan["asset"]["id"]]) == []
    assert (await audit_store(files.database, files.storage)).is_consistent


async def test_one_person_has_to_wait_after_so_many_an_hour(limited, files):
    patient = await limited(uploads_per_hour=2)
    async with serving(patient, files.storage) as client:
        session, client_id = await a_session(files), ids.new()
        await run_sql(files.database, "DELETE FROM budgets WHERE kind = 'uploads'")
        assert (await upload(client, files.ada, session, samples.picture(), client_id))[0] == 201
        assert (await upload(client, files.ada, session, samples.picture()))[0] == 201
        status, refused = await upload(client, files.ada, session, samples.picture())
        assert (status, refused["error"]["code"]) == (429, "rate-limited")
        assert refused["error"]["retry_after"] > 3000
        # What was taken before is answered again.
        assert (await upload(client, files.ada, session, samples.picture(), client_id))[0] == 201


async def test_a_sender_who_breaks_off_leaves_nothing_and_holds_up_nobody(client, files):
    session, data = await a_session(files), samples.noise("PNG")
    reader, writer = await asyncio.open_connection("localhost", client._base_url.port)
    writer.write(
        f"POST /api/v1/sessions/{session}/uploads?client_id=cut HTTP/1.1\r\nHost: localhost:{client._base_url.port}\r\n"
        f"Authorization: Bearer {files.ada}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        + data[:-100]
    )
    await writer.drain()
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.close()
    with contextlib.suppress(OSError):
        await reader.read()
    assert (await upload(client, files.ada, session, data, "cut"))[1]["quota"] == {"used": 1, "most": 20}
