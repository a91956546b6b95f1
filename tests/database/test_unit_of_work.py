import asyncio
import functools
import random
import time

import asyncpg
import pytest
from structlog.testing import capture_logs

from chatserver import ids
from chatserver.config import Timing
from chatserver.database import Database, kept_connections
from chatserver.database import unit_of_work as module
from chatserver.database.command_line import NullPublisher
from chatserver.errors import Busy, NotFound
from chatserver.events import Event
from chatserver.identity.viewer import acting_user
from chatserver.jobs.lease import LeaseLost
from chatserver.runtime import clock
from tests.conftest import PATIENT
from tests.database.conftest import QUERIES
from tests.support import people


class Happened(Event, frozen=True, kw_only=True, tag="happened"):
    number: int


async def add(tx, number, *, key=None):
    tx.announce("things", Happened(number=number))
    return await tx.fetch_value("test.add", id=number if key is None else key, number=number)


async def count(tx):
    return await tx.fetch_value("test.count")


async def everything(tx):
    return [dict(row) for row in await tx.fetch_all("test.all")]


async def sleep(tx, seconds):
    await tx.fetch_value("test.sleep", seconds=seconds)


async def backend(tx):
    return await tx.fetch_value("test.backend")


async def is_quick(database):
    began = time.monotonic()
    await asyncio.gather(*(database.run_system(count) for _ in range(3)))
    return time.monotonic() - began < Timing().unit_deadline / 2


async def test_a_verb_is_stored_and_then_announced(small, published):
    assert await small.run_system(add, 7) == 7
    assert published.events("things") == [Happened(number=7)]
    assert await small.run_system(count) == 1


async def test_a_failed_verb_leaves_nothing_and_says_nothing(small, published):
    async def fail(tx):
        await add(tx, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await small.run_system(fail)
    assert await small.run_system(count) == 0
    assert published == []


async def test_announcements_wait_for_the_commit(small, admin, published):
    async def watch(tx):
        await add(tx, 1)
        assert published == []

    await small.run_system(watch)
    assert len(published) == 1


async def test_an_error_after_the_commit_is_logged_and_changes_nothing(small, published, monkeypatch):
    def fail(_):
        raise LookupError

    monkeypatch.setattr(published, "publish", fail)
    with capture_logs() as lines:
        assert await small.run_system(add, 7) == 7
        await asyncio.gather(*small._units)
    assert [(line["event"], line["verb"]) for line in lines] == [("database.unit_failed", "add")]
    assert await small.run_system(count) == 1


@pytest.mark.parametrize(("error", "logged"), [(LookupError, 1), (LeaseLost, 0), (NotFound, 0)])
async def test_an_error_that_nobody_waits_for_is_logged_unless_it_is_an_answer(small, error, logged):
    begun, over = asyncio.Event(), asyncio.Event()

    async def fail(_):
        begun.set()
        await over.wait()
        raise error

    with capture_logs() as lines:
        waiting = asyncio.create_task(small.run_system(fail))
        await begun.wait()
        waiting.cancel()
        over.set()
        await asyncio.gather(waiting, *small._units, return_exceptions=True)
    assert [line["event"] for line in lines] == logged * ["database.unit_failed"]


async def test_a_swallowed_error_is_not_a_success(small, published):
    async def swallow(tx):
        await add(tx, 1)
        try:
            await add(tx, 2, key=1)
        except asyncpg.UniqueViolationError:
            return "fine"

    with pytest.raises(RuntimeError):
        await small.run_system(swallow)
    assert published == []
    assert await small.run_system(count) == 0


async def test_ten_thousand_closed_tabs_leave_the_pool_whole(small):
    async def tab():
        unit = asyncio.create_task(small.run_system(count))
        await asyncio.sleep(random.uniform(0, 0.004))
        unit.cancel()
        await asyncio.wait([unit])

    for _ in range(50):
        await asyncio.gather(*(tab() for _ in range(200)))
        await small.run_system(count)  # first come, first served: whatever the tabs had asked for is done before
    assert await is_quick(small)


async def test_a_closed_tab_does_not_undo_what_it_asked_for(small, published):
    unit = asyncio.create_task(small.run_system(add, 5))
    await asyncio.sleep(0)
    unit.cancel()
    await asyncio.wait([unit])
    async with asyncio.timeout(30):
        while not published:
            await asyncio.sleep(0.005)
    assert await small.run_system(count) == 1


async def test_failing_commits_leave_the_pool_whole(small, published):
    await small.run_system(add, 1)
    published.clear()
    for number in range(2, 40):
        with pytest.raises(asyncpg.UniqueViolationError):
            await small.run_system(clash, number)
    assert published == []
    assert await is_quick(small)


async def clash(tx, key):
    tx.announce("things", Happened(number=1))
    await tx.execute("test.add", id=key, number=1)  # deferred: the COMMIT finds out


async def test_a_deadlock_runs_again_until_both_are_done(small, published):
    async def swap(tx, first, second):
        await tx.execute("test.set", id=first, number=first * 10)
        meeting[first].set()
        await meeting[second].wait()
        await tx.execute("test.set", id=second, number=second * 100)
        tries.append(first)

    await small.run_system(add, 1)
    await small.run_system(add, 2)
    meeting, tries = {1: asyncio.Event(), 2: asyncio.Event()}, []
    await asyncio.gather(small.run_system(swap, 1, 2), small.run_system(swap, 2, 1))
    assert sorted(tries) == [1, 2]


async def test_a_serialization_failure_runs_again(small):
    async def count_then_add(tx, key):
        attempts.append(key)
        await tx.connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        number = await count(tx)
        if len(attempts) <= 2:
            both.append(key)
            while len(both) < 2:
                await asyncio.sleep(0.005)
        await add(tx, number, key=key)

    attempts, both = [], []
    await asyncio.gather(small.run_system(count_then_add, 1), small.run_system(count_then_add, 2))
    assert len(attempts) > 2
    assert sorted(row["number"] for row in await small.run_system(everything)) == [0, 1]


@pytest.fixture
async def parts(admin):
    """A table of what belongs to `things`, in which a user writes only about what is there."""
    await admin.execute(
        """
        CREATE TABLE parts (thing integer REFERENCES things (id));
        GRANT ALL ON things, parts TO chatserver_web, chatserver_worker;
        ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
        CREATE POLICY of_users ON parts TO chatserver_web WITH CHECK (thing IN (SELECT id FROM things));
        CREATE POLICY of_workers ON parts TO chatserver_worker WITH CHECK (true);
        """
    )
    yield
    await admin.execute("DROP TABLE parts")


@pytest.mark.parametrize("as_user", [False, True])
async def test_who_was_overtaken_looks_again_and_a_mistake_stays_one(small, admin, parts, database, as_user):
    looks = []

    async def find_then_add(tx, thing):
        found = await tx.connection.fetchval("SELECT count(*) FROM things WHERE id = $1", thing)
        looks.append(found)
        if found:
            await admin.execute("DELETE FROM things")
        elif thing == 1:
            raise NotFound
        await tx.connection.execute("INSERT INTO parts VALUES ($1)", thing)

    user = await people.make_user(database)
    run = functools.partial(small.run_as, user) if as_user else small.run_system
    await small.run_system(add, 1)
    with pytest.raises(NotFound):
        await run(find_then_add, 1)
    assert looks == [1, 0]
    mistake = asyncpg.InsufficientPrivilegeError if as_user else asyncpg.ForeignKeyViolationError
    with pytest.raises(mistake):
        await run(find_then_add, 7)
    assert looks == [1, 0, 0, 0]


async def test_what_takes_too_long_is_rolled_back_and_busy(small, admin, monkeypatch):
    async def add_and_sleep(tx):
        await add(tx, 1)
        await sleep(tx, 30)

    with monkeypatch.context() as impatient, pytest.raises(Busy):
        impatient.setattr(small, "timing", Timing(unit_deadline=0.2))
        await small.run_system(add_and_sleep)
    assert await small.run_system(count) == 0
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    assert await admin.fetchval(sleeping) == 0
    assert await is_quick(small)


async def test_a_full_pool_is_busy_and_recovers(small, monkeypatch):
    monkeypatch.setattr(small, "timing", Timing(unit_acquire=0.1))
    sleepers = [asyncio.create_task(small.run_system(sleep, 0.6)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Busy) as refusal:
        await small.run_system(count)
    assert refusal.value.retry_after
    await asyncio.gather(*sleepers)
    assert await is_quick(small)


@pytest.mark.parametrize("run", ["run_as", "run_system", "run_single"])
async def test_a_flood_of_one_user_leaves_connections_to_the_others(database_url, monkeypatch, run):
    """Also what runs in another role, or as a statement by itself, for the sender of a request."""
    eve, ada = ids.new(), ids.new()
    opened = Database(database_url, QUERIES, NullPublisher(), pool=4, timing=PATIENT)
    await opened.connect()
    reading, gate = 0, asyncio.Event()

    async def read(_):
        nonlocal reading
        reading += 1
        await gate.wait()

    def for_eve(verb):
        return opened.run_as(eve, verb) if run == "run_as" else getattr(opened, run)(verb)

    sender = None if run == "run_as" else acting_user.set(eve)
    flood = [asyncio.create_task(for_eve(read)) for _ in range(20)]
    if sender:
        acting_user.reset(sender)
    try:
        async with asyncio.timeout(PATIENT.unit_deadline):
            while reading < 2:
                await asyncio.sleep(0.005)
            assert await opened.run_as(ada, backend) and await opened.run_system(backend)
        assert reading == 2
        with monkeypatch.context() as impatient, pytest.raises(Busy):
            impatient.setattr(opened, "timing", Timing(unit_acquire=0.05))
            await opened.run_as(eve, backend)
    finally:
        gate.set()
        await asyncio.gather(*flood)
        await opened.close()
    assert reading == 20


async def test_more_units_than_allowed_are_busy_at_once(small, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNITS", 5)
    units = [asyncio.create_task(small.run_system(count)) for _ in range(8)]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [type(result) for result in results].count(Busy) == 3
    assert await is_quick(small)


async def test_our_own_mistakes_are_not_called_busy(small):
    with pytest.raises(asyncpg.DataError):
        await small.run_system(add, "seven", key=1)
    with pytest.raises(TypeError, match="takes"):
        await small.run_system(lambda tx: tx.fetch_value("test.add", id=1))
    with pytest.raises(ValueError, match="id"):
        await small.run_as("'; DROP TABLE things; --", count)


@pytest.mark.parametrize("run", ["run_system", "run_single"])
@pytest.mark.parametrize("change", ["DROP COLUMN left_over", "ALTER COLUMN left_over TYPE bigint"])
async def test_a_function_whose_rows_a_migration_has_changed_answers_on_each_open_connection(small, admin, change, run):
    await admin.execute(
        """
        DROP TABLE IF EXISTS made CASCADE;
        CREATE TABLE made (number integer, left_over integer);
        INSERT INTO made VALUES (7, 1);
        GRANT ALL ON made TO chatserver, chatserver_worker;
        CREATE FUNCTION made_things() RETURNS TABLE (made made, word text) LANGUAGE plpgsql AS
        'DECLARE added made[]; BEGIN SELECT array_agg(m) INTO added FROM made m;
         RETURN QUERY SELECT a, NULL::text FROM unnest(added) AS a; END';
        """
    )

    async def made(tx):
        return [row["number"] for row in await tx.fetch_all("test.made")]

    async def on_every_connection():
        return await asyncio.gather(*(getattr(small, run)(made) for _ in range(6)))

    assert await on_every_connection() == [[7]] * 6
    await admin.execute(f"ALTER TABLE made {change}")
    assert await on_every_connection() == [[7]] * 6


async def test_a_migration_under_way_does_not_disturb_open_connections(small, admin):
    await small.run_system(add, 1)
    await asyncio.gather(*(small.run_system(everything) for _ in range(9)))
    await admin.execute("ALTER TABLE things ADD COLUMN colour text DEFAULT 'red'")
    try:
        results = await asyncio.gather(*(small.run_system(everything) for _ in range(9)))
    finally:
        await admin.execute("ALTER TABLE things DROP COLUMN colour")
    assert all(rows[0]["colour"] == "red" for rows in results)


async def test_a_single_statement_whose_connection_is_cut_runs_again(small, admin, published):
    cut = []

    async def verb(tx):
        if not cut:
            cut.append(tx.connection.get_server_pid())
            await admin.execute("SELECT pg_terminate_backend($1)", cut[0])
        value = await tx.connection.fetchval("SELECT current_setting('app.user_id', true)")
        tx.announce("things", Happened(number=1))
        return value

    assert await small.run_single(verb) in {"", None}
    assert len(cut) == 1
    assert len(published.events("things")) == 1


async def test_nothing_of_a_user_stays_on_a_connection(small, database):
    async def whoami(tx):
        return await tx.connection.fetchrow("SELECT current_user::text, current_setting('app.user_id', true)")

    ada = await people.make_user(database)
    for _ in range(6):
        assert tuple(await small.run_as(ada, whoami)) == ("chatserver_web", ada)
        role, user = await small.run_system(whoami)
        assert role == "chatserver_worker"
        assert not user


async def test_ids_are_strings_and_jsonb_is_plain(database):
    ada = await people.make_user(database)
    [row] = await people.run_sql(
        database, "UPDATE users SET settings = $2 WHERE id = ANY($1::uuid[]) RETURNING id, settings", [ada], {"a": [1]}
    )
    assert row["id"] == ada
    assert row["settings"] == {"a": [1]}


async def test_the_clock_is_right_again_after_the_machine_has_slept(small, monkeypatch):
    monkeypatch.setattr(kept_connections, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(clock, "FRESH_SECONDS", 0.0)
    await small.run_system(count)
    # The monotonic clock, by which it counts on, stood still for a day.
    monkeypatch.setattr(clock, "_offset_ns", clock.time_ns() - time.monotonic_ns() - 86_400 * 1_000_000_000)
    pid = await small.run_system(backend)
    assert await small.run_system(backend) == pid, "a new connection would have told the time by itself"
    assert abs(clock.seconds() - time.time()) < 60
