"""A small pool over a table of its own, for tests that drain, break and cut it."""

import asyncpg
import pytest

from chatserver.database import Database
from chatserver.database.queries import compile_query
from tests.conftest import PATIENT

QUERIES = {
    "test.add": compile_query("INSERT INTO things (id, number) VALUES (:id, :number) RETURNING id"),
    "test.count": compile_query("SELECT count(*) FROM things"),
    "test.all": compile_query("SELECT * FROM things ORDER BY id"),
    "test.set": compile_query("UPDATE things SET number = :number WHERE id = :id"),
    "test.backend": compile_query("SELECT pg_backend_pid()"),
    "test.made": compile_query("SELECT (made).* FROM made_things()"),
    "test.sleep": compile_query("SELECT pg_sleep(:seconds)"),
}


@pytest.fixture(scope="module")
async def admin(postgres_server, database_url):
    """A superuser's connection to the module's database, with the table `things` in it."""
    connection = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    await connection.execute(
        """
        CREATE TABLE things (id integer PRIMARY KEY, number integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
        GRANT ALL ON things TO chatserver_worker;
        """
    )
    yield connection
    await connection.close()


@pytest.fixture
async def small(admin, database_url, _recorder):
    """A pool of three over an empty table."""
    await admin.execute("TRUNCATE things")
    opened = Database(database_url, QUERIES, _recorder, pool=3, timing=PATIENT)
    await opened.connect()
    yield opened
    await opened.close()
