import contextlib

import databases
import pytest

from chatserver.database import kept_connections as module
from chatserver.database.kept_connections import KeptConnections


@pytest.fixture
async def pool(admin, database_url):
    """A pool of two, whose connections nobody prepares."""
    async with databases.Database(database_url, min_size=0, max_size=2) as opened:
        yield opened


@pytest.fixture
async def kept(pool):
    connections = KeptConnections(pool)
    yield connections
    await connections.close()


@contextlib.asynccontextmanager
async def lent(kept):
    one = await kept.acquire()
    try:
        yield one
    finally:
        await kept.release(one)


async def backend(kept):
    async with lent(kept) as one:
        return await one.connection.fetchval("SELECT pg_backend_pid()")


async def test_the_connection_that_was_returned_last_is_lent_again(kept):
    first, second = await kept.acquire(), await kept.acquire()
    await kept.release(second)
    await kept.release(first)
    async with lent(kept) as one, lent(kept) as other:
        assert (one, other) == (first, second)


async def test_after_some_seconds_it_goes_back_to_the_pool(kept, monkeypatch):
    monkeypatch.setattr(module, "KEPT_SECONDS", -1.0)
    async with lent(kept) as one:
        assert one.connection.get_server_pid()
    async with lent(kept) as another:
        assert another.pooled is not one.pooled


async def test_the_pool_gets_one_back_that_was_left_in_a_transaction(kept):
    async with lent(kept) as one:
        await one.connection.execute("BEGIN")
    async with lent(kept) as next_one:
        assert next_one.pooled is not one.pooled
        assert not next_one.connection.is_in_transaction()


async def test_one_that_was_cut_is_not_lent_again(kept, admin):
    async with lent(kept) as one:
        pid = one.connection.get_server_pid()
        one.connection.terminate()
    assert await backend(kept) != pid


async def test_one_that_ended_while_nobody_used_it_is_not_lent_again(kept, admin):
    async with lent(kept) as one:
        pid, raw = one.connection.get_server_pid(), one.connection
    await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    async with lent(kept) as other:  # whatever has been noticed by now
        with contextlib.suppress(Exception):
            await other.connection.fetchval("SELECT 1")
    assert module.is_closed(raw)
    assert await backend(kept) != pid


async def test_a_task_never_shares_its_connection_with_the_next_one_that_it_asks_for(kept):
    async with lent(kept) as one, lent(kept) as other:
        assert one.connection.get_server_pid() != other.connection.get_server_pid()
