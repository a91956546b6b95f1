"""Postgres goes away and comes back: nothing acknowledged is lost, and the pool is whole again in time."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from chatserver.config import Timing
from chatserver.database import Database, execution
from chatserver.database.queries import compile_query
from chatserver.errors import Busy
from tests.conftest import PATIENT
from tests.support.disks import small_disk
from tests.support.postgres import at_work, crash, durable_server, postmaster

MANY = 50_000
# A pool that waited for something would take longer; a second is enough on a quiet machine.
WHOLE_SECONDS = 30
QUERIES = {
    "test.add": compile_query("INSERT INTO things (id) VALUES (:id) RETURNING id"),
    "test.add_many": compile_query(
        f"INSERT INTO things (id) SELECT :first::integer + n FROM generate_series(1, {MANY}) AS n"
    ),
    "test.all": compile_query("SELECT id FROM things"),
}


class NullPublisher:
    def publish(self, announcements):
        pass


@pytest.fixture(scope="module")
async def own_server():
    """A server that these tests may kill: fsync and all, as in production."""
    async with durable_server() as postgres:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute(
            "CREATE TABLE things (id integer PRIMARY KEY); GRANT ALL ON things TO chatserver_worker"
        )
        await connection.close()
        yield postgres


@pytest.fixture
async def database(own_server):
    opened = Database(own_server.url, QUERIES, NullPublisher(), pool=4)
    await opened.connect()
    yield opened
    await opened.close()


async def add(tx, number):
    return await tx.fetch_value("test.add", id=number)


async def stored(tx):
    return {row["id"] for row in await tx.fetch_all("test.all")}


async def until_whole(database):
    """Waits until as many units at once succeed as the pool has connections."""
    async with asyncio.timeout(WHOLE_SECONDS):
        while True:
            results = await asyncio.gather(*(database.run_system(stored) for _ in range(4)), return_exceptions=True)
            if not any(isinstance(result, BaseException) for result in results):
                return
            assert all(isinstance(result, (set, Busy)) for result in results), results


async def write_until_stopped(database, first, acknowledged, stopped):
    number = first
    while not stopped.is_set():
        with contextlib.suppress(Busy):
            acknowledged.append(await database.run_system(add, number))
        number += 1


async def test_an_immediate_crash_under_load_loses_nothing_acknowledged(own_server, database):
    acknowledged, stopped = [], asyncio.Event()
    writers = [
        asyncio.create_task(write_until_stopped(database, n * 1_000_000, acknowledged, stopped)) for n in range(8)
    ]
    for _ in range(2):
        before = len(acknowledged)
        async with asyncio.timeout(60):
            while len(acknowledged) < before + 200:
                await asyncio.sleep(0.01)
        await crash(own_server)
    await until_whole(database)
    stopped.set()
    await asyncio.gather(*writers)
    assert set(acknowledged) <= await database.run_system(stored)
    assert len(acknowledged) > 400


async def test_terminated_connections_are_replaced_without_anyone_noticing(own_server, database):
    await until_whole(database)
    admin = await asyncpg.connect(own_server.admin_url)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()
    await asyncio.gather(*(database.run_system(stored) for _ in range(8)))


@pytest.fixture
async def patient(own_server):
    """A database whose connections may take a minute to cancel what runs on them."""
    opened = Database(own_server.url, QUERIES, NullPublisher(), pool=4, timing=PATIENT)
    await opened.connect()
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("refuse", "admit"),
    [
        ("ALTER DATABASE chatserver ALLOW_CONNECTIONS false", "ALTER DATABASE chatserver ALLOW_CONNECTIONS true"),
        ("ALTER ROLE chatserver NOLOGIN", "ALTER ROLE chatserver LOGIN"),
    ],
)
async def test_a_server_that_refuses_connections_is_busy_and_not_our_fault(own_server, database, refuse, admit):
    assert await database.run_system(stored) is not None
    admin = await asyncpg.connect(own_server.admin_url)
    await admin.execute(refuse)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chatserver'")
    try:
        with pytest.raises(Busy):
            await database.run_system(stored)
    finally:
        await admin.execute(admit)
    assert await database.run_system(stored) is not None
    await admin.close()


async def test_connections_to_a_server_that_has_become_a_standby_are_replaced(own_server, database):
    """A connection made while the role may only read stays so: as one does that leads to the primary of yesterday."""
    admin = await asyncpg.connect(own_server.admin_url)
    await admin.execute("ALTER ROLE chatserver SET default_transaction_read_only = on")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chatserver'")
    await until_whole(database)
    with pytest.raises(Busy):
        await database.run_system(add, 90_000_020)
    await until_whole(database)
    await admin.execute("ALTER ROLE chatserver RESET default_transaction_read_only")
    await admin.close()
    assert await database.run_system(add, 90_000_021) == 90_000_021
    assert 90_000_020 not in await database.run_system(stored)


@contextlib.asynccontextmanager
async def things_on_a_full_disk(server):
    """The table on a disk of its own, on which nothing fits any more."""
    admin = await asyncpg.connect(server.address("postgres", "chatserver"))
    with tempfile.TemporaryDirectory(prefix="chatserver-full-") as name, small_disk(Path(name) / "disk", 2) as disk:
        owner = Path(await admin.fetchval("SHOW data_directory")).stat()
        os.chown(disk, owner.st_uid, owner.st_gid)
        Path(name).chmod(0o755)
        await admin.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        await admin.execute("ALTER TABLE things SET TABLESPACE small")
        with contextlib.suppress(OSError):
            (disk / "filler").write_bytes(b"x" * 4_000_000)
        try:
            yield disk / "filler"
        finally:
            (disk / "filler").unlink(missing_ok=True)
            await admin.execute("ALTER TABLE things SET TABLESPACE pg_default")
            await admin.execute("DROP TABLESPACE small")
            await admin.close()


async def add_many(tx, first):
    return await tx.fetch_value("test.add_many", first=first)


async def test_a_full_disk_of_the_database_is_busy_is_read_and_heals(own_server, database):
    async with things_on_a_full_disk(own_server) as filler:
        before = await database.run_system(stored)
        with pytest.raises(Busy):
            await database.run_system(add_many, 10_000_000)
        assert await database.run_system(stored) == before
        filler.unlink()
        await database.run_system(add_many, 10_000_000)
        assert len(await database.run_system(stored)) == len(before) + MANY


LIMITS = {
    "a statement is cancelled": "SET LOCAL statement_timeout = '50ms'",
    "a lock is waited for too long": "SET LOCAL lock_timeout = '50ms'",
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
async def test_what_the_operators_own_limits_end_is_busy_and_stores_nothing(own_server, database, limit):
    async def add_two(tx):
        await tx.connection.execute(limit)
        await add(tx, 90_000_030)
        return await add(tx, 90_000_031)

    locking = await asyncpg.connect(own_server.url)
    async with locking.transaction():
        await locking.execute("SET LOCAL ROLE chatserver_worker")
        await locking.execute("INSERT INTO things (id) VALUES (90000031)")
        with pytest.raises(Busy):
            await database.run_system(add_two)
    assert 90_000_030 not in await database.run_system(stored)
    await locking.execute("DELETE FROM things WHERE id = 90000031")
    await locking.close()


async def test_a_frozen_server_is_busy_in_time_and_thaws(own_server, patient):
    database = patient
    await until_whole(database)
    database.timing = Timing(unit_deadline=1.0)
    connection_processes = await frozen(own_server)
    began = time.monotonic()
    try:
        units = (database.run_system(add, -1), database.run_reading(stored), database.run_single(stored))
        async with asyncio.timeout(10 + execution.ROLLBACK_SECONDS):
            results = await asyncio.gather(*units, return_exceptions=True)
        assert [type(result) for result in results] == [Busy] * 3
        assert time.monotonic() - began < 10 + execution.ROLLBACK_SECONDS
    finally:
        for pid in connection_processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    database.timing = PATIENT
    await until_whole(database)


async def frozen(server):
    admin = await asyncpg.connect(server.admin_url)
    rows = await admin.fetch("SELECT pid FROM pg_stat_activity WHERE datname = 'chatserver'")
    await admin.close()
    pids = [postmaster(server), *(row["pid"] for row in rows)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    return pids


async def test_an_unreachable_server_is_busy(tmp_path):
    database = Database(f"postgresql://nobody@/nothing?host={tmp_path}", QUERIES, NullPublisher(), pool=2)
    with pytest.raises(OSError):
        await database.connect()


async def falls_silent(tx):
    """Postgres, which is told to wait for a moment only, ends the connection."""
    own = await tx.connection.fetchval("SHOW idle_in_transaction_session_timeout")
    assert own == f"{execution.ABANDONED_SECONDS:g}s"
    await tx.connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")
    while not tx.connection.is_closed():
        await asyncio.sleep(0.01)


async def test_a_transaction_that_falls_silent_is_ended_by_postgres_and_runs_again(database):
    tries = []

    async def fall_silent_once(tx):
        tries.append(await add(tx, -3 + len(tries)))
        if len(tries) == 1:
            await falls_silent(tx)
        return await add(tx, -1)

    assert await database.run_system(fall_silent_once) == -1
    assert {each for each in await database.run_system(stored) if each < 0} == {-2, -1}


async def test_a_commit_after_a_silence_is_an_unknown_outcome(database):
    async def fall_silent(tx):
        await add(tx, -9)
        await falls_silent(tx)

    with pytest.raises(Busy):
        await database.run_system(fall_silent)
    assert -9 not in await database.run_system(stored)


async def test_what_a_failed_test_tells_of_postgres_names_the_statement_that_hangs(own_database_url):
    name = own_database_url.partition("?")[0].rpartition("/")[2]
    hanging = await asyncpg.connect(own_database_url)
    statement = asyncio.create_task(hanging.execute("SELECT pg_sleep(600)"))
    async with asyncio.timeout(30):
        while f"{name} [local] SELECT (sleeping in" not in at_work():
            await asyncio.sleep(0.02)
    hanging.terminate()
    with contextlib.suppress(asyncpg.ConnectionDoesNotExistError):
        await statement
