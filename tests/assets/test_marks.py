"""Favourites: a mark that belongs to one person, which nobody else sees, and strangers cannot set."""

import asyncio
import json

import msgspec
import pytest
from msgspec import structs

from chatserver import ids, messages, sessions
from chatserver.app.session_reader import SessionReader
from chatserver.assets import commands, favorites
from chatserver.assets import service as assets
from chatserver.assets.events import FavoritesChanged
from chatserver.errors import NotFound
from chatserver.events import user_channel
from chatserver.generations import history
from chatserver.identity.viewer import Viewer
from chatserver.realtime.ports import Caller
from chatserver.users import tokens
from tests.assets.session_files import SessionFiles, picture, serving
from tests.support.people import run_sql


async def is_favorite(session_files, asset, reader=None) -> bool:
    return (await session_files.database.run_as(reader or session_files.ada, assets.find, asset.id)).favorite


async def test_a_mark_is_ones_own_and_told_to_ones_own_sockets_once(session_files, published):
    asset, ada, grace = await session_files.create_file(picture(1)), session_files.ada, session_files.grace
    published.clear()
    for _ in range(3):
        await session_files.database.run_as(grace, assets.favorite, asset.id, True)
    [announced] = published
    assert announced.channel == user_channel(grace)
    assert announced.event == FavoritesChanged(user_id=grace, asset_ids=(asset.id,), on=True)
    assert (await is_favorite(session_files, asset, grace), await is_favorite(session_files, asset, ada)) == (
        True,
        False,
    )
    await session_files.database.run_as(grace, assets.favorite, asset.id, False)
    assert published.events()[-1] == FavoritesChanged(user_id=grace, asset_ids=(asset.id,), on=False)


async def test_a_socket_is_told_ones_own_marks_also_where_it_is_opened_together_with_others(session_files):
    database = session_files.database
    others = await SessionFiles.fill(database, session_files.storage)  # whose only mark is this test's
    asset = await others.create_file(picture(1))
    await database.run_as(others.grace, assets.favorite, asset.id, True)
    viewers = [
        Viewer(id=each, name="x", role="member", via="token", credential_id=await token_of(database, each))
        for each in (others.ada, others.grace)
    ]
    reader = SessionReader(database)
    opened = [reader.snapshot(viewer, others.session_id, None) for viewer in viewers * 10]
    told = [snapshot.own[-1] for snapshot in await asyncio.gather(*opened)]
    nothing, own = (FavoritesChanged(user_id=each.id, asset_ids=(), on=True, whole=True) for each in viewers)
    assert told == [nothing, structs.replace(own, asset_ids=(asset.id,))] * 10


async def token_of(database, user_id):
    """The id of a new API token."""
    statement = "INSERT INTO api_tokens (id, user_id, token_hash) VALUES ($1, $2, $3) RETURNING id"
    [row] = await run_sql(database, statement, ids.new(), user_id, tokens.digest(tokens.new_api_token()))
    return row["id"]


async def test_what_goes_to_everyone_says_nothing_of_marks_and_what_one_reads_does(session_files, published):
    asset = await session_files.create_file(picture(1))
    await session_files.database.run_as(session_files.ada, assets.favorite, asset.id, True)

    async def read(tx):
        page = await messages.newest(tx, session_files.session_id)
        return page.messages[-1], (await favorites.with_marks(tx, page.messages))[-1]

    for reader, on in ((session_files.ada, True), (session_files.grace, False)):
        everyones, own = await session_files.database.run_as(reader, read)
        assert everyones.generations[0].assets[0].favorite is False
        assert own.generations[0].assets[0].favorite is on


async def test_a_deleted_file_is_nobodys_favourite_and_an_account_takes_its_marks_along(session_files):
    asset = await session_files.create_file(picture(2))
    count = "SELECT count(*) AS number FROM favorites WHERE asset_id = $1"
    for reader in (session_files.ada, session_files.grace):
        await session_files.database.run_as(reader, assets.favorite, asset.id, True)
    await session_files.database.run_system(favorites.remove_of_user, session_files.grace)
    assert (await run_sql(session_files.database, count, asset.id))[0]["number"] == 1
    await session_files.mark_deleted(asset.id)
    assert (await run_sql(session_files.database, count, asset.id))[0]["number"] == 0


async def test_a_stranger_can_neither_mark_nor_see(session_files, published):
    asset = await session_files.create_file(picture(2))
    published.clear()
    for verb, args in ((assets.favorite, (True,)), (assets.find, ()), (assets.find_file, ()), (assets.storage_key, ())):
        for asset_id in (asset.id, ids.new()):
            with pytest.raises(NotFound):
                await session_files.database.run_as(session_files.mallory, verb, asset_id, *args)
    assert not published
    assert not await is_favorite(session_files, asset)


async def test_a_mark_is_possible_when_the_time_is_up(session_files):
    asset = await session_files.create_file(picture(3))
    expires = "UPDATE user_sessions SET expires_at = now() + $2::interval WHERE id = $1"
    await run_sql(
        session_files.database, expires.replace("$2::interval", "interval '-1 hour'"), session_files.session_id
    )
    await session_files.database.run_as(session_files.ada, assets.favorite, asset.id, True)
    assert await is_favorite(session_files, asset)
    await run_sql(
        session_files.database, expires.replace("$2::interval", "interval '1 hour'"), session_files.session_id
    )


async def test_marks_over_http(session_files):
    asset = await session_files.create_file(picture(4))
    path = f"/api/v1/assets/{asset.id}/favorite"
    async with serving(session_files.database, session_files.storage) as client:

        async def call(method: str, who: str, path: str = path) -> int:
            headers = {"Authorization": f"Bearer {who}"} if who else {}
            async with client.request(method, path, headers=headers) as answer:
                if answer.status != 204:
                    assert json.loads(await answer.read())["error"]["code"]
                return answer.status

        assert [await call("PUT", session_files.ada), await call("PUT", session_files.ada)] == [204, 204]
        assert await is_favorite(session_files, asset)
        assert [await call(method, session_files.mallory) for method in ("PUT", "DELETE")] == [404, 404]
        assert [await call(method, "") for method in ("PUT", "DELETE")] == [401, 401]
        assert await call("PUT", session_files.ada, "/api/v1/assets/nonsense/favorite") == 404
        assert await is_favorite(session_files, asset)
        assert await call("DELETE", session_files.grace) == 204
        assert await is_favorite(session_files, asset)
        assert await call("DELETE", session_files.ada) == 204
        assert not await is_favorite(session_files, asset)


async def test_marks_over_the_websocket(session_files):
    asset = await session_files.create_file(picture(5))

    class Parts:
        database = session_files.database

    [command] = commands.COMMANDS
    run = command.bind(Parts).run
    assert command.name == "asset.favorite"

    def caller(user_id: str) -> Caller:
        viewer = Viewer(id=user_id, name="x", role="member", via="cookie", credential_id="x")
        return Caller(viewer=viewer, session_id=session_files.session_id, connection_id="x")

    body = msgspec.json.decode(json.dumps({"asset_id": asset.id, "on": True}), type=command.body)
    assert await run(caller(session_files.grace), body) == {"asset_id": asset.id, "favorite": True}
    assert await is_favorite(session_files, asset, session_files.grace)
    with pytest.raises(NotFound):
        await run(caller(session_files.mallory), body)
    with pytest.raises(NotFound):
        await run(caller(session_files.ada), command.body("nonsense", True))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"asset_id": "x", "on": true, "more": 1}', type=command.body)


async def test_the_history_tells_favourites_from_the_rest(session_files):
    marked, plain = [await session_files.create_file(picture(seed)) for seed in (5, 6)]
    for reader in (session_files.ada, session_files.grace):
        await session_files.database.run_as(reader, assets.favorite, marked.id, True)

    async def found(reader, **query):
        page = await session_files.database.run_as(reader, history.read, history.HistoryQuery(limit=200, **query))
        return {asset.id for generation in page.generations for asset in generation.assets}

    assert marked.id in await found(session_files.ada, favorite=True)
    assert plain.id not in await found(session_files.ada, favorite=True)
    assert plain.id in await found(session_files.ada, favorite=False)
    assert marked.id not in await found(session_files.ada, favorite=False)
    assert {marked.id, plain.id} <= await found(session_files.ada)
    # Only one's own: the guest who marked it did not ask for it.
    assert await found(session_files.grace, favorite=True) == set()


async def test_favourites_come_newest_first_and_page_by_page(session_files):
    made = [await session_files.create_file(picture(seed)) for seed in (7, 8, 9)]
    for asset in made:
        await session_files.database.run_as(session_files.ada, assets.favorite, asset.id, True)
    seen, before = [], None
    while len(seen) < len(made):
        query = history.HistoryQuery(favorite=True, before=before, limit=2)
        page = await session_files.database.run_as(session_files.ada, history.read, query)
        seen += [asset.id for generation in page.generations for asset in generation.assets]
        before = page.next
    assert seen[: len(made)] == [asset.id for asset in reversed(made)]


async def test_a_session_is_covered_by_its_newest_four(session_files):
    made = [await session_files.create_file(picture(seed)) for seed in range(10, 15)]
    [card] = await session_files.database.run_as(session_files.ada, sessions.list_cards)
    newest = [f"/files/{asset.id}/thumbnail.webp" for asset in reversed(made)][:4]
    assert [cover.thumbnail_url for cover in card.covers] == newest
