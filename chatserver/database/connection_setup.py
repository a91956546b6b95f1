"""What a new connection of the pool is given before its first unit of work, and what it is spared between two."""

import time

import asyncpg
import msgspec

from chatserver.runtime import clock

# Not at the start of a connection: a pooler in session mode refuses startup parameters that it does not know.
_AS_SYSTEM = "SET ROLE chatserver_worker; SET plan_cache_mode = force_generic_plan"


async def prepare_connection(connection: "asyncpg.Connection") -> None:
    """Sets a new connection's codecs (uuid as str, jsonb as plain values) and synchronises the clock with the database."""
    async with connection.transaction():
        await _prepare(connection)


async def prepare_as_system(connection: "asyncpg.Connection") -> None:
    """Prepares a connection that is the worker's whenever no transaction says otherwise."""
    await prepare_connection(connection)
    await connection.execute(_AS_SYSTEM)


async def _prepare(connection: "asyncpg.Connection") -> None:
    asked = time.monotonic_ns()
    told = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    clock.synchronise(told, asked, time.monotonic_ns())
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


async def skip_reset(_: "asyncpg.Connection") -> None:
    """Replaces asyncpg's reset and its round trip: a unit of work sets nothing that outlives its transaction."""
