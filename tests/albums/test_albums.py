"""Albums: whose files they hold, in which order, and what is left of them when something is deleted."""

import pytest

from chatserver import ids
from chatserver.albums import requests
from chatserver.albums import service as albums
from chatserver.albums.requests import ChangeAlbum, CreateAlbum
from chatserver.errors import ChatserverError, Conflict, Invalid, NotFound
from chatserver.privacy import erasure
from tests.assets.session_files import picture
from tests.support.people import make_session, make_user, run_sql, run_sql_as

PICTURE = picture()


@pytest.fixture(scope="module")
async def made(session_files):
    """Five pictures of Ada's, by id, the first one first."""
    return [(await session_files.create_file(PICTURE, f"boat {number}")).id for number in range(5)]


@pytest.fixture
def ada(session_files):
    async def does(verb, *values, **named):
        return await session_files.database.run_as(session_files.ada, verb, *values, **named)

    return does


async def order_of(ada, album_id):
    return [each.id for each in (await ada(albums.list_pictures, album_id)).pictures]


async def test_an_album_keeps_the_order_in_which_its_pictures_were_added_and_moved(ada, made):
    album = await ada(albums.create, CreateAlbum(name="  Sea   and sky ", asset_ids=[made[2], made[0], made[2]]))
    assert (album.name, album.count, album.cover_id) == ("Sea and sky", 2, made[2])
    album = await ada(albums.add_pictures, album.id, [made[4], made[0], made[1]])
    assert album.count == 4
    assert await order_of(ada, album.id) == [made[2], made[0], made[4], made[1]]
    for moved, before, expected in (
        (made[1], made[0], [2, 1, 0, 4]),
        (made[2], None, [1, 0, 4, 2]),
        (made[4], made[1], [4, 1, 0, 2]),
        (made[4], made[4], [4, 1, 0, 2]),
        (made[2], made[0], [4, 1, 2, 0]),
    ):
        await ada(albums.move_picture, album.id, moved, before)
        assert await order_of(ada, album.id) == [made[number] for number in expected]
    for moved, before in ((made[3], None), (made[0], made[3])):
        with pytest.raises(Invalid):
            await ada(albums.move_picture, album.id, moved, before)


async def test_the_cover_is_the_chosen_one_while_it_is_in_the_album_and_then_the_first(ada, made):
    album = await ada(albums.create, CreateAlbum(name="Covers", asset_ids=made[:3]))
    changed = await ada(albums.change, album.id, ChangeAlbum(cover_id=made[1], description="Of the sea\r\nand boats"))
    assert (changed.cover_id, changed.description, changed.name) == (made[1], "Of the sea\nand boats", "Covers")
    assert changed.cover_url == f"/files/{made[1]}/thumbnail.webp"
    with pytest.raises(Invalid, match="cover_id"):
        await ada(albums.change, album.id, ChangeAlbum(cover_id=made[4]))
    assert (await ada(albums.remove_pictures, album.id, [made[1], made[4]])).cover_id == made[0]
    assert (await ada(albums.add_pictures, album.id, [made[1]])).cover_id == made[0], "it is not remembered"
    assert (await ada(albums.change, album.id, ChangeAlbum(description=""))).description == ""


async def test_pages_of_an_album_follow_each_other_without_a_gap(ada, made, monkeypatch):
    monkeypatch.setattr(albums, "PICTURES_PAGE", 2)
    album = await ada(albums.create, CreateAlbum(name="Pages", asset_ids=made))
    seen, after = [], None
    while True:
        page = await ada(albums.list_pictures, album.id, after=after)
        seen += [each.id for each in page.pictures]
        if (after := page.next) is None:
            break
    assert seen == made


async def test_the_list_says_which_albums_hold_a_picture(ada, made, monkeypatch):
    monkeypatch.setattr(albums, "PAGE", 1)
    held = await ada(albums.create, CreateAlbum(name="Holds it", asset_ids=[made[3]]))
    other = await ada(albums.create, CreateAlbum(name="Does not"))
    first = await ada(albums.list_albums, holding=made[3])
    second = await ada(albums.list_albums, holding=made[3], before=first.next)
    assert [(each.id, each.holds, each.count) for each in (*first.albums, *second.albums)] == [
        (other.id, False, 0),
        (held.id, True, 1),
    ]
    assert first.albums[0].cover_url is None


@pytest.mark.parametrize("who", ["grace", "mallory"])
async def test_what_is_anothers_is_not_found_and_nothing_of_it_changes(session_files, ada, made, who):
    """Grace is a guest of the session, who sees its pictures; Mallory is a stranger."""
    album = await ada(albums.create, CreateAlbum(name="Private", asset_ids=made[:2]))
    theirs = getattr(session_files, who)

    async def tries(verb, *values, **named):
        return await session_files.database.run_as(theirs, verb, *values, **named)

    own = await tries(albums.create, CreateAlbum(name="Own"))
    for verb, values in (
        (albums.find, (album.id,)),
        (albums.change, (album.id, ChangeAlbum(name="Taken"))),
        (albums.delete, (album.id,)),
        (albums.list_pictures, (album.id,)),
        (albums.add_pictures, (album.id, [made[4]])),
        (albums.remove_pictures, (album.id, [made[0]])),
        (albums.move_picture, (album.id, made[0], None)),
        (albums.create, (CreateAlbum(name="Theirs", asset_ids=[made[0]]),)),
        (albums.add_pictures, (own.id, [made[0]])),
        (albums.add_pictures, (own.id, [ids.new()])),
        (albums.add_pictures, (own.id, ["\ud800"])),
    ):
        with pytest.raises(NotFound):
            await tries(verb, *values)
    assert [each.name for each in (await tries(albums.list_albums, holding=made[0])).albums] == ["Own"]
    with pytest.raises(Exception, match="row-level security"):
        await run_sql_as(
            session_files.database, theirs,
            "INSERT INTO album_assets (album_id, asset_id, position) VALUES ($1, $2, 1)", own.id, made[0],
        )  # fmt: skip
    assert (await ada(albums.find, album.id)).count == 2
    await tries(albums.delete, own.id)


async def test_a_deleted_album_leaves_its_pictures_and_a_deleted_picture_leaves_its_albums(session_files, ada):
    first, second = [await session_files.create_file(PICTURE) for _ in range(2)]
    album = await ada(albums.create, CreateAlbum(name="Kept", asset_ids=[first.id, second.id]))
    gone = await ada(albums.create, CreateAlbum(name="Gone", asset_ids=[first.id]))
    await ada(albums.delete, gone.id)
    with pytest.raises(NotFound):
        await ada(albums.find, gone.id)
    assert (await ada(albums.find, album.id)).count == 2
    await session_files.mark_deleted(first.id)
    kept = await ada(albums.find, album.id)
    assert (kept.count, kept.cover_id) == (1, second.id)
    assert await order_of(ada, album.id) == [second.id]
    await run_sql(session_files.database, "DELETE FROM assets WHERE id = $1", first.id)
    assert (await ada(albums.find, album.id)).count == 1


@pytest.mark.parametrize(
    "wanted",
    [
        CreateAlbum(name=""),
        CreateAlbum(name=" \n "),
        CreateAlbum(name="a" * 121),
        CreateAlbum(name="a\x00b"),
        CreateAlbum(name="\ud800"),
        CreateAlbum(name="\u202egpj.exe"),
        CreateAlbum(name="a", description="a" * 2001),
        CreateAlbum(name="a", description="\x00"),
        CreateAlbum(name="a", asset_ids=[ids.new()] * (requests.MOST_AT_ONCE + 1)),
    ],
)
async def test_what_cannot_be_an_album_is_refused_with_the_field(ada, wanted):
    with pytest.raises(Invalid) as refusal:
        await ada(albums.create, wanted)
    assert refusal.value.details["field"] in {"name", "description", "asset_ids"}


async def test_albums_and_their_sizes_are_bounded(session_files, made, monkeypatch):
    monkeypatch.setattr(albums, "MOST_ALBUMS", 2)
    monkeypatch.setattr(albums, "MOST_PICTURES", 3)

    async def does(verb, *values):
        return await session_files.database.run_as(eve, verb, *values)

    eve = await make_user(session_files.database, "Eve")
    first = await does(albums.create, CreateAlbum(name="One"))
    await does(albums.create, CreateAlbum(name="Two"))
    with pytest.raises(Conflict, match="2 albums"):
        await does(albums.create, CreateAlbum(name="Three"))
    await run_sql(session_files.database, "UPDATE albums SET user_id = $2 WHERE id = $1", first.id, session_files.ada)
    add = session_files.database.run_as
    await add(session_files.ada, albums.add_pictures, first.id, made[:3])
    with pytest.raises(Conflict, match="room for 3"):
        await add(session_files.ada, albums.add_pictures, first.id, [made[3]])
    assert (await add(session_files.ada, albums.add_pictures, first.id, made[:3])).count == 3


async def test_albums_go_with_their_owners_account(database):
    eve = await make_user(database, "Eve")
    await make_session(database, eve)
    await database.run_as(eve, albums.create, CreateAlbum(name="Secret name"))
    await database.run_system(erasure.close_account, eve)
    assert not await run_sql(database, "SELECT FROM albums WHERE user_id = $1", eve)


async def test_a_change_that_is_over_the_limit_changes_nothing(session_files, limited, made):
    eve = await make_user(session_files.database, "Eve")
    few = await limited(commands_per_10_seconds=1)
    album = await few.run_as(eve, albums.create, CreateAlbum(name="First"))
    for verb, values in (
        (albums.create, (CreateAlbum(name="Second"),)),
        (albums.change, (album.id, ChangeAlbum(name="Changed"))),
        (albums.remove_pictures, (album.id, [made[0]])),
    ):
        with pytest.raises(ChatserverError) as refusal:
            await few.run_as(eve, verb, *values)
        assert refusal.value.status == 429
    assert [each.name for each in (await few.run_as(eve, albums.list_albums)).albums] == ["First"]
