"""What a new connection of the pool is given before its first unit of work, what each is asked as it leaves the pool, and
what it is spared between two."""

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
    await _synchronise(connection)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


async def synchronise_clock(connection: "asyncpg.Connection") -> None:
    """Compares the clock again where that was some seconds ago: connections last for hours, and machines sleep."""
    if clock.is_fresh():
        return
    try:
        async with connection.transaction():
            await _synchronise(connection)
    except BaseException:
        # The pool then closes it, and would wait for a server that does not answer.
        connection.terminate()
        raise


async def _synchronise(connection: "asyncpg.Connection") -> None:
    asked = time.monotonic_ns()
    told = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    clock.synchronise(told, asked, time.monotonic_ns())


async def skip_reset(_: "asyncpg.Connection") -> None:
    """Replaces asyncpg's reset and its round trip: a unit of work sets nothing that outlives its transaction."""
