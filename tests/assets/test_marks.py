"""Favourites: a mark that everyone in the session sees, and strangers can neither set nor see."""

import json

import msgspec
import pytest

from chatserver import assets, generations, ids, sessions
from chatserver.assets import commands
from chatserver.errors import NotFound
from chatserver.events import session_channel
from chatserver.identity.viewer import Viewer
from chatserver.messages.events import MessageChanged
from chatserver.realtime.ports import Caller
from tests.assets.shelf import picture, serving
from tests.support.people import run_sql


async def is_favorite(shelf, asset) -> bool:
    return (await shelf.database.run_as(shelf.ada, assets.find, asset.id)).favorite


async def test_a_mark_changes_the_message_for_everyone_once(shelf, published):
    asset = await shelf.gets(picture(1))
    published.clear()
    for _ in range(3):
        await shelf.database.run_as(shelf.grace, assets.favorite, asset.id, True)
    [event] = published.events(session_channel(shelf.session_id))
    assert isinstance(event, MessageChanged)
    assert event.message.generations[0].assets[0] == msgspec.structs.replace(asset, favorite=True)
    [row] = await run_sql(shelf.database, "SELECT seq FROM user_sessions WHERE id = $1", shelf.session_id)
    assert event.seq == event.message.seq == row["seq"]
    await shelf.database.run_as(shelf.ada, assets.favorite, asset.id, False)
    assert published.events()[-1].message.generations[0].assets[0].favorite is False


async def test_a_stranger_can_neither_mark_nor_see(shelf, published):
    asset = await shelf.gets(picture(2))
    published.clear()
    for verb, args in ((assets.favorite, (True,)), (assets.find, ()), (assets.find_file, ()), (assets.storage_key, ())):
        for asset_id in (asset.id, ids.new()):
            with pytest.raises(NotFound):
                await shelf.database.run_as(shelf.mallory, verb, asset_id, *args)
    assert not published
    assert not await is_favorite(shelf, asset)


async def test_a_mark_is_possible_when_the_time_is_up(shelf):
    asset = await shelf.gets(picture(3))
    expires = "UPDATE user_sessions SET expires_at = now() + $2::interval WHERE id = $1"
    await run_sql(shelf.database, expires.replace("$2::interval", "interval '-1 hour'"), shelf.session_id)
    await shelf.database.run_as(shelf.ada, assets.favorite, asset.id, True)
    assert await is_favorite(shelf, asset)
    await run_sql(shelf.database, expires.replace("$2::interval", "interval '1 hour'"), shelf.session_id)


async def test_marks_over_http(shelf):
    asset = await shelf.gets(picture(4))
    path = f"/api/v1/assets/{asset.id}/favorite"
    async with serving(shelf.database, shelf.storage) as client:

        async def call(method: str, who: str, path: str = path) -> int:
            headers = {"Authorization": f"Bearer {who}"} if who else {}
            async with client.request(method, path, headers=headers) as answer:
                if answer.status != 204:
                    assert json.loads(await answer.read())["error"]["code"]
                return answer.status

        assert [await call("PUT", shelf.ada), await call("PUT", shelf.ada)] == [204, 204]
        assert await is_favorite(shelf, asset)
        assert [await call(method, shelf.mallory) for method in ("PUT", "DELETE")] == [404, 404]
        assert [await call(method, "") for method in ("PUT", "DELETE")] == [401, 401]
        assert await call("PUT", shelf.ada, "/api/v1/assets/nonsense/favorite") == 404
        assert await is_favorite(shelf, asset)
        assert await call("DELETE", shelf.grace) == 204
        assert not await is_favorite(shelf, asset)


async def test_marks_over_the_websocket(shelf):
    asset = await shelf.gets(picture(5))

    class Parts:
        database = shelf.database

    [command] = commands.COMMANDS
    run = command.bind(Parts).run
    assert command.name == "asset.favorite"

    def caller(user_id: str) -> Caller:
        viewer = Viewer(id=user_id, name="x", role="member", via="cookie", credential_id="x")
        return Caller(viewer=viewer, session_id=shelf.session_id, connection_id="x")

    body = msgspec.json.decode(json.dumps({"asset_id": asset.id, "on": True}), type=command.body)
    assert await run(caller(shelf.grace), body) == {"asset_id": asset.id, "favorite": True}
    assert await is_favorite(shelf, asset)
    with pytest.raises(NotFound):
        await run(caller(shelf.mallory), body)
    with pytest.raises(NotFound):
        await run(caller(shelf.ada), command.body("nonsense", True))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"asset_id": "x", "on": true, "more": 1}', type=command.body)


async def test_the_history_tells_favourites_from_the_rest(shelf):
    marked, plain = [await shelf.gets(picture(seed)) for seed in (5, 6)]
    await shelf.database.run_as(shelf.grace, assets.favorite, marked.id, True)

    async def found(reader, **query):
        page = await shelf.database.run_as(reader, generations.history, generations.HistoryQuery(limit=200, **query))
        return {asset.id for generation in page.generations for asset in generation.assets}

    assert marked.id in await found(shelf.ada, favorite=True)
    assert plain.id not in await found(shelf.ada, favorite=True)
    assert plain.id in await found(shelf.ada, favorite=False)
    assert marked.id not in await found(shelf.ada, favorite=False)
    assert {marked.id, plain.id} <= await found(shelf.ada)
    # Only one's own: the guest who marked it did not ask for it.
    assert await found(shelf.grace, favorite=True) == set()


async def test_favourites_come_newest_first_and_page_by_page(shelf):
    made = [await shelf.gets(picture(seed)) for seed in (7, 8, 9)]
    for asset in made:
        await shelf.database.run_as(shelf.ada, assets.favorite, asset.id, True)
    seen, before = [], None
    while len(seen) < len(made):
        query = generations.HistoryQuery(favorite=True, before=before, limit=2)
        page = await shelf.database.run_as(shelf.ada, generations.history, query)
        seen += [asset.id for generation in page.generations for asset in generation.assets]
        before = page.next
    assert seen[: len(made)] == [asset.id for asset in reversed(made)]


async def test_a_session_is_covered_by_its_newest_four(shelf):
    made = [await shelf.gets(picture(seed)) for seed in range(10, 15)]
    [card] = await shelf.database.run_as(shelf.ada, sessions.list_cards)
    newest = [f"/files/{asset.id}/thumbnail.webp" for asset in reversed(made)][:4]
    assert [cover.thumbnail_url for cover in card.covers] == newest
