"""The floor of what is stored: a bare asyncpg transaction with so many statements, without rights and without a product."""

import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg

from benchmarks.whole.cpu import of_process
from benchmarks.whole.installation import Installation
from chatserver import ids

_TABLES = """
CREATE SCHEMA IF NOT EXISTS bare;
CREATE TABLE IF NOT EXISTS bare.streams (id uuid PRIMARY KEY, seq bigint NOT NULL);
CREATE TABLE IF NOT EXISTS bare.words
  (id uuid PRIMARY KEY, stream_id uuid NOT NULL REFERENCES bare.streams, client_id text NOT NULL, text text NOT NULL,
   seq bigint NOT NULL, UNIQUE (stream_id, client_id));
"""
_FIND = "SELECT id, text FROM bare.words WHERE stream_id = $1 AND client_id = $2"
_LOCK = "SELECT seq FROM bare.streams WHERE id = $1 FOR UPDATE"
_NUMBER = "UPDATE bare.streams SET seq = seq + 1 WHERE id = $1 RETURNING seq"
_INSERT = "INSERT INTO bare.words (id, stream_id, client_id, text, seq) VALUES ($1, $2, $3, $4, $5) RETURNING *"


class BareTransactions:
    """Bare transactions on a connection of their own; `own` and `postgres` are the CPU seconds of all of them until now."""

    def __init__(self, connection: asyncpg.Connection, stream: str) -> None:
        self._connection, self._stream = connection, stream
        self._backend = connection.get_server_pid()
        self._before = of_process(self._backend)
        self.own = 0.0

    @property
    def postgres(self) -> float:
        return of_process(self._backend) - self._before

    async def run(self) -> None:
        """BEGIN, four statements, COMMIT."""
        client_id, text, connection = ids.new(), "the same words as in the other scenario", self._connection
        started = time.process_time()
        await connection.execute("BEGIN")
        await connection.fetchrow(_LOCK, self._stream)
        await connection.fetchrow(_FIND, self._stream, client_id)
        seq = await connection.fetchval(_NUMBER, self._stream)
        await connection.fetchrow(_INSERT, ids.new(), self._stream, client_id, text, seq)
        await connection.execute("COMMIT")
        self.own += time.process_time() - started


@contextlib.asynccontextmanager
async def bare_transactions(installation: Installation) -> AsyncIterator[BareTransactions]:
    """Bare transactions for the length of a block; their statements are prepared."""
    connection = await asyncpg.connect(installation.admin_url)
    try:
        await connection.execute(_TABLES)
        stream = ids.new()
        await connection.execute("INSERT INTO bare.streams VALUES ($1, 0)", stream)
        for _ in range(20):
            await BareTransactions(connection, stream).run()
        yield BareTransactions(connection, stream)
    finally:
        await connection.close()


async def transactions(installation: Installation, count: int) -> tuple[float, float]:
    """CPU seconds of one bare transaction, here and in Postgres, as the mean of so many, one right after the other."""
    async with bare_transactions(installation) as bare:
        for _ in range(count):
            await bare.run()
        return bare.own / count, bare.postgres / count
