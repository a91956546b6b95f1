"""The product behind a real PgBouncer in transaction mode: a whole story, the rights of two people through two shared
connections, and what is said where nobody set DATABASE_POOLER."""

import asyncio

import asyncpg
import pytest

from chatserver import config as configuration
from chatserver import doctor
from chatserver.database import Database, load_queries, migrations, pgbouncer
from chatserver.database.command_line import NullPublisher
from chatserver.runtime import paths
from tests.conftest import PATIENT
from tests.support.cluster import Cluster
from tests.support.pgbouncer import running_pgbouncer
from tests.support.story import sign_up

PEOPLE = 4
TURNS = 60


@pytest.fixture(scope="module")
async def own_url(postgres_server):
    """The address of an empty database itself."""
    url = await postgres_server.create_database("template0")
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="module")
async def pooled_url(own_url):
    """The same through PgBouncer, which keeps two connections for everybody."""
    async with running_pgbouncer(own_url, pool=2) as url:
        yield url


@pytest.fixture(scope="module")
async def machines(own_url, pooled_url, tmp_path_factory):
    """A web process and a worker behind it, as docs/operations.md says: migrated by the database's own address."""
    folder = tmp_path_factory.mktemp("pooled")
    cluster = Cluster(folder, DATABASE_URL=pooled_url, DATABASE_POOLER="yes", STORAGE_URL=f"file:{folder}/files")
    refused, output = await cluster.run("serve", "--port", "0")
    assert refused == 2
    assert "run `chatserver migrate` with its own address, not the pooler's" in output
    migrating = Cluster(folder, DATABASE_URL=own_url)
    assert (await migrating.run("migrate"))[0] == 0
    try:
        await cluster.start(web=1, workers=1)
        yield cluster
    finally:
        await cluster.close()


async def test_the_story_of_a_session_behind_a_pooler(machines):
    people = await asyncio.gather(*(sign_up(machines.web[0], f"Person{number}") for number in range(PEOPLE)))
    # All at once: their transactions take turns on two connections.
    await asyncio.gather(*(tell_the_story(person) for person in people))
    # Not the doctor beside the comparison, which would find the doctor's probe among the files.
    for checks in ((("credits", "check"), ("storage", "check")), (("doctor",),)):
        results = await asyncio.gather(*(machines.run(*arguments) for arguments in checks))
        assert not any(code for code, _ in results), results
    assert "through a pooler in transaction mode" in results[-1][1]
    for process in (*machines.web, *machines.workers):
        assert "prepared statement" not in process.output()


async def tell_the_story(person):
    session = await person.buys("flash")
    chat = await person.joins(session)
    texts = [(await chat.says(f"{person.name} {number}"))["text"] for number in range(5)]
    ended = await chat.sees_ended(await chat.generates("a lighthouse", width=64, height=64))
    assert [generation["status"] for generation in ended["generations"]] == ["done"]
    assert (await person.fetch(ended["generations"][0]["assets"][0]["url"]))[0] == 200
    assert (await person.credits(session))["image"]["left"] == 7
    stored = (await person.call("GET", f"/sessions/{session['id']}/messages"))["messages"]
    assert [message["text"] for message in stored if message["text"] in texts] == texts
    assert [each["id"] for each in (await person.call("GET", "/sessions"))["sessions"]] == [session["id"]]
    await chat.leaves()


@pytest.fixture
async def database(machines, pooled_url):
    """The unit of work through the pooler, with more connections to it than it has itself."""
    opened = Database(
        pooled_url, load_queries(paths.SQL / "queries"), NullPublisher(), pool=8, timing=PATIENT, pooler=True
    )
    await opened.connect()
    yield opened
    await opened.close()


async def look(tx):
    """Whose transaction this is, by all that the rights go by; and whose sessions it sees."""
    row = await tx.connection.fetchrow("SELECT current_user::text AS role, current_setting('app.user_id') AS id")
    owners = await tx.connection.fetch("SELECT DISTINCT user_id::text FROM user_sessions")
    return row["role"], row["id"], {owner["user_id"] for owner in owners}


async def test_one_persons_rights_never_reach_the_next_transaction(machines, database, pooled_url):
    people = await asyncio.gather(*(sign_up(machines.web[0], f"Owner{number}") for number in range(2)))
    for person in people:
        await person.buys()
    ids_of = [person.id for person in people]
    turns = [database.run_as(ids_of[turn % 2], look) for turn in range(TURNS)]
    # Between them, somebody who failed in the middle, and the worker's own.
    broken = [database.run_as(ids_of[0], fail) for _ in range(5)]
    seen = await asyncio.gather(*turns, *broken, *(database.run_system(look_as_worker) for _ in range(5)),
                                return_exceptions=True)  # fmt: skip
    for turn, (role, whose, owners) in enumerate(seen[:TURNS]):
        assert (role, whose, owners) == ("chatserver_web", ids_of[turn % 2], {ids_of[turn % 2]})
    assert all(isinstance(each, ZeroDivisionError) for each in seen[TURNS : TURNS + 5])
    assert set(seen[TURNS + 5 :]) == {("chatserver_worker", "")}
    await nothing_is_left_on(pooled_url)


async def fail(tx):
    raise ZeroDivisionError


async def look_as_worker(tx):
    row = await tx.connection.fetchrow("SELECT current_user::text AS r, current_setting('app.user_id', true) AS id")
    return row["r"], row["id"] or ""


async def nothing_is_left_on(url):
    """Both of the pooler's connections at once, outside of any unit of work."""
    connections = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(2)]
    transactions = [connection.transaction() for connection in connections]
    for transaction in transactions:
        await transaction.start()
    left = {tuple(await connection.fetchrow(
        "SELECT current_user::text, coalesce(current_setting('app.user_id', true), ''), pg_backend_pid()"))
        for connection in connections}  # fmt: skip
    assert {(role, whose) for role, whose, _ in left} == {("chatserver", "")}
    assert len({backend for *_, backend in left}) == 2
    for connection in connections:
        await connection.close()


async def test_without_the_setting_it_says_what_to_set_and_migrates_nothing(machines, own_url, pooled_url):
    unset = Cluster(machines.folder, DATABASE_URL=pooled_url)
    commands = (("serve", "--port", "0"), ("worker",), ("migrate",))
    for code, output in await asyncio.gather(*(unset.run(*arguments) for arguments in commands)):
        assert (code, "with DATABASE_POOLER=yes" in output) == (2, True), output
    [found] = [each for each in await doctor.run_checks(configuration.load({"DATABASE_URL": pooled_url}))
               if each.name == "database"]  # fmt: skip
    assert (found.status, found.mend) == ("failure", "Set DATABASE_POOLER=yes.")
    # No lock of ours stayed behind with a connection of the pooler.
    async with asyncio.timeout(10):
        assert await migrations.migrate(own_url) == []


async def test_a_pooler_is_detected_however_busy_it_is(pooled_url):
    one, other, *others = [await asyncpg.connect(pooled_url, statement_cache_size=0) for _ in range(6)]
    enough = asyncio.Event()
    working = asyncio.gather(*(keep_busy(each, enough) for each in others))
    try:
        assert [await pgbouncer.is_between(one, other) for _ in range(100)] == [True] * 100
    finally:
        # None is cut off in its transaction, which would take a backend of the pooler's along.
        enough.set()
        await working
        for connection in (one, other, *others):
            await connection.close()


async def keep_busy(connection, enough):
    while not enough.is_set():
        async with connection.transaction():
            await connection.execute("SELECT 1")


async def test_a_pooler_in_session_mode_needs_nothing(own_url, machines):
    async with running_pgbouncer(own_url, pool=4, mode="session") as url:
        assert await migrations.migrate(url) == []
        [found] = [each for each in await doctor.run_checks(configuration.load({"DATABASE_URL": url}))
                   if each.name == "database"]  # fmt: skip
        assert found.status == "ok"
        opened = Database(url, load_queries(paths.SQL / "queries"), NullPublisher(), pool=2)
        await opened.connect()
        try:
            person = await sign_up(machines.web[0], "Olga")
            # Over and over on the same connections: what one unit of work sets is not there in the next.
            for _ in range(4):
                assert await opened.run_reading(how_it_plans) == ("chatserver_worker", "force_generic_plan", "")
                assert await opened.run_single(how_it_plans) == ("chatserver_worker", "force_generic_plan", "")
                assert await opened.run_as(person.id, how_it_plans) == ("chatserver_web", "auto", person.id)
                assert await opened.run_system(how_it_plans) == ("chatserver_worker", "force_generic_plan", "")
        finally:
            await opened.close()


async def how_it_plans(tx):
    return tuple(
        await tx.connection.fetchrow("""SELECT current_user::text, current_setting('plan_cache_mode'),
                                                        coalesce(current_setting('app.user_id', true), '')""")
    )
