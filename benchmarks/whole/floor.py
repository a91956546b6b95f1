"""The floor of what is stored: a bare asyncpg transaction with so many statements, without rights and without a product."""

import time

import asyncpg

from benchmarks.whole.house import House
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


async def transactions(house: House, count: int) -> tuple[float, float]:
    """CPU seconds of one bare transaction, here and in Postgres: BEGIN, four statements, COMMIT, `count` times."""
    connection = await asyncpg.connect(house.admin_url)
    try:
        await connection.execute(_TABLES)
        stream = ids.new()
        await connection.execute("INSERT INTO bare.streams VALUES ($1, 0)", stream)
        for _ in range(20):  # the statements are prepared
            await _transaction(connection, stream)
        postgres, own = house.cpu().postgres, time.process_time()
        for _ in range(count):
            await _transaction(connection, stream)
        return (time.process_time() - own) / count, (house.cpu().postgres - postgres) / count
    finally:
        await connection.close()


async def _transaction(connection: asyncpg.Connection, stream: str) -> None:
    client_id, text = ids.new(), "the same words as in the other scenario"
    await connection.execute("BEGIN")
    await connection.fetchrow(_LOCK, stream)
    await connection.fetchrow(_FIND, stream, client_id)
    seq = await connection.fetchval(_NUMBER, stream)
    await connection.fetchrow(_INSERT, ids.new(), stream, client_id, text, seq)
    await connection.execute("COMMIT")
