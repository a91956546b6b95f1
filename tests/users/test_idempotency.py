"""Albums, links and sessions are made once for each client_id, however often and at however many places it is sent."""

import asyncio

import pytest
from msgspec import structs

from chatserver import ids, sessions
from chatserver.albums import service as albums
from chatserver.albums.requests import CreateAlbum
from chatserver.errors import Conflict, Invalid, NotFound
from chatserver.privacy import session_deletion
from chatserver.sessions import SessionOrder
from chatserver.sharing import service as sharing
from chatserver.sharing.requests import CreateShare
from tests.support.people import make_user, run_sql

SECRET = "secret"


@pytest.fixture
async def people(database):
    return await make_user(database, "Ada"), await make_user(database, "Bob")


class Album:
    """Albums, as they are made; `other` is another one."""

    def __init__(self, database) -> None:
        self.database = database
        self.wanted, self.other = CreateAlbum(name="Boats"), CreateAlbum(name="Ships")

    async def make(self, user, request):
        return (await self.database.run_as(user, albums.create, request)).id

    async def count(self, user):
        [[count]] = await run_sql(self.database, "SELECT count(*) FROM albums WHERE user_id = $1", user)
        return count

    async def delete(self, user, made):
        await self.database.run_as(user, albums.delete, made)


class Link(Album):
    """Links to sessions."""

    def __init__(self, database) -> None:
        self.database = database
        self.wanted = CreateShare(kind="session", follow=True, password="open sesame")
        self.other = structs.replace(self.wanted, title="Ships")
        self.joined: dict[str, str] = {}

    async def make(self, user, request):
        if user not in self.joined:
            bought = await self.database.run_system(sessions.buy, user, "flash", None, checkout="instant")
            self.joined[user] = bought.id
        wanted = structs.replace(request, session_id=self.joined[user])
        return (await self.database.run_as(user, sharing.create, SECRET, wanted, "hash")).id

    async def count(self, user):
        [[count]] = await run_sql(self.database, "SELECT count(*) FROM shares WHERE user_id = $1", user)
        return count

    async def delete(self, user, made):
        await self.database.run_system(sharing.delete_of_user, user)


class Session(Album):
    """Sessions that people take for themselves."""

    def __init__(self, database) -> None:
        self.database = database
        self.wanted, self.other = SessionOrder(plan_id="flash"), SessionOrder(plan_id="pro")

    async def make(self, user, request):
        return (await self.database.run_system(sessions.take, user, request, network="home")).id

    async def count(self, user):
        [[count]] = await run_sql(self.database, "SELECT count(*) FROM purchases WHERE user_id = $1", user)
        return count

    async def delete(self, user, made):
        await self.database.run_system(session_deletion.delete_session, user, made)


@pytest.mark.parametrize("kind", [Album, Link, Session])
async def test_the_same_request_under_the_same_key_makes_one(database, people, kind):
    (ada, bob), things, key = people, kind(database), ids.new()
    wanted = structs.replace(things.wanted, client_id=key)
    await things.make(ada, things.other)
    made = await asyncio.gather(*(things.make(ada, wanted) for _ in range(4)))
    assert len({*made, await things.make(ada, wanted)}) == 1
    assert await things.count(ada) == 2
    with pytest.raises(Conflict, match="client_id"):
        await things.make(ada, structs.replace(things.other, client_id=key))
    assert await things.make(bob, wanted) != made[0], "a key is one's own"
    assert len({await things.make(bob, things.wanted) for _ in range(2)}) == 2, "without a key each one is another"
    await things.delete(ada, made[0])
    with pytest.raises(NotFound):
        await things.make(ada, wanted)


async def test_more_time_is_bought_once_under_the_same_key(database, people):
    ada, _ = people
    session = await database.run_system(sessions.buy, ada, "flash", None, checkout="instant")
    order = SessionOrder(plan_id="flash", session_id=session.id, client_id=ids.new())
    answers = [await database.run_system(sessions.take, ada, order, network="home") for _ in range(3)]
    assert {each.id for each in answers} == {session.id}
    assert {each.expires_at - session.expires_at for each in answers} == {session.expires_at - session.started_at}


async def test_what_is_refused_leaves_no_key_behind(database, people):
    ada, _ = people
    for client_id in ("", "a b", "ä", "a" * 65):
        with pytest.raises(Invalid, match="client_id"):
            await database.run_as(ada, albums.create, CreateAlbum(name="Boats", client_id=client_id))
    with pytest.raises(Invalid, match="name"):
        await database.run_as(ada, albums.create, CreateAlbum(name="", client_id="once"))
    await database.run_as(ada, albums.create, CreateAlbum(name="Boats", client_id="once"))


async def test_of_a_links_password_the_key_knows_only_whether_there_is_one(database, people):
    ada, link = people[0], Link(database)
    first = structs.replace(link.wanted, client_id=ids.new())
    made = await link.make(ada, first)
    assert await link.make(ada, structs.replace(first, password="another one")) == made
    with pytest.raises(Conflict):
        await link.make(ada, structs.replace(first, password=None))
