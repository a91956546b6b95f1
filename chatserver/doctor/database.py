"""The database: reachable, migrated, with its two roles and row-level security, and a clock that agrees with ours."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from chatserver import config as configuration
from chatserver import plans, storage
from chatserver.config import Config
from chatserver.database import command_line, migrations, pgbouncer, roles
from chatserver.doctor.findings import Finding, failure, ok, warning
from chatserver.errors import ConfigurationError
from chatserver.monitoring.processes import GONE_SECONDS, mark_of

# A difference that people would notice in times and countdowns.
CLOCK_SECONDS = 5.0
CONNECT_SECONDS = 10.0
OLDEST_VERSION = 15

_ROLES = """
SELECT rolname FROM pg_roles
 WHERE rolname = ANY($1) AND NOT rolsuper AND NOT rolbypassrls AND pg_has_role(current_user, oid, 'MEMBER')
"""
_OPEN_TABLES = """
SELECT relname::text FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity)
   AND relname NOT IN ('schema_migrations', 'session_config', 'styles')
 ORDER BY relname
"""

# The oldest and the newest files. One may be lost; where most of these are, the store is another one.
_SOME_FILES = """
(SELECT storage_key FROM assets WHERE status = 'stored' ORDER BY id LIMIT 5)
UNION (SELECT storage_key FROM assets WHERE status = 'stored' ORDER BY id DESC LIMIT 5)
"""
_RUNNING = "SELECT count(*) FROM processes WHERE seen_at > clock_timestamp() - make_interval(secs => $1)"


async def check(config: Config) -> list[Finding]:
    """The findings on the database; the embedded server is started for the check where it does not run, and never made."""
    try:
        command_line.require_database(config)
    except ConfigurationError as error:
        # Before the first start that is as it should be; after a restore it is not.
        return [warning("database", error.message, "Before the first start this is well; otherwise look at DATA_DIR.")]
    try:
        async with command_line.database_url(config) as url:
            return await _check(config, url)
    except ConfigurationError as error:
        mend = "Look at DATABASE_URL and whether the server runs." if config.database_url else "Look at DATA_DIR."
        return [failure("database", error.message, mend)]


async def _check(config: Config, url: str) -> list[Finding]:
    all_migrations = await migrations.status(url)
    waiting = [migration.name for migration in all_migrations if migration.applied_at is None]
    async with _connected(url) as connection:
        reached = await _reached(config, url, connection)
        # In a transaction, so that a pooler does not change the backend between the parts of a query.
        async with connection.transaction():
            found = [reached, _schema(config, waiting), await _clock(connection)]
            if waiting:
                return found
            found += [await _roles(connection), await _security(connection), await _plans(config, connection)]
            found += [*await _processes(config, connection), *await _signing_key(config, connection)]
            await connection.execute("SET LOCAL ROLE chatserver_worker")
            keys = [row["storage_key"] for row in await connection.fetch(_SOME_FILES)]
    return [*found, *await _files(config, keys)]


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        yield connection
    finally:
        # asyncpg cuts a connection that does not answer Terminate.
        with suppress(TimeoutError):
            await connection.close(timeout=CONNECT_SECONDS)


async def _reached(config: Config, url: str, connection: asyncpg.Connection) -> Finding:
    version = connection.get_server_version().major
    if version < OLDEST_VERSION:
        return failure("database", f"Postgres {version} is too old.", f"Use {OLDEST_VERSION} or newer.")
    async with _connected(url) as other:
        pooled = await pgbouncer.is_between(connection, other)
    if pooled and not config.database_pooler:
        words = "DATABASE_URL leads to a pooler in transaction mode, and nobody said so."
        return failure("database", words, "Set DATABASE_POOLER=yes.")
    return ok("database", f"Postgres {version} answers{', through a pooler in transaction mode' if pooled else ''}.")


async def _processes(config: Config, connection: asyncpg.Connection) -> list[Finding]:
    """Several processes without Redis: each works, and what it says reaches the others' pages by their polls alone."""
    if config.redis_url:
        return []
    await connection.execute("SET LOCAL ROLE chatserver_worker")
    running = await connection.fetchval(_RUNNING, GONE_SECONDS)
    await connection.execute("RESET ROLE")
    if running < 2:
        return []
    words = (
        f"{running} processes run, and REDIS_URL is not set: what one says reaches the pages of another a second late."
    )
    return [warning("processes", words, "Set REDIS_URL for all of them; without it progress and presence are missing.")]


async def _signing_key(config: Config, connection: asyncpg.Connection) -> list[Finding]:
    """Whether this machine signs as the process that started last does, which may run on another."""
    await connection.execute("SET LOCAL ROLE chatserver_worker")
    mark = await connection.fetchval("SELECT mark FROM signing_keys")
    await connection.execute("RESET ROLE")
    if mark in {None, mark_of(configuration.secret_key(config))}:
        return []
    words = "The process that started last has another SECRET_KEY: what one signs (links, forms) the other refuses."
    return [warning("signing key", words, "Give every machine the same SECRET_KEY, or copy DATA_DIR/secret-key.")]


async def _files(config: Config, keys: list[str]) -> list[Finding]:
    """Whether the store is that of this database: after a move its files may not have been copied."""
    with suppress(Exception):  # of a store that does not answer the finding on the store tells
        async with asyncio.timeout(CONNECT_SECONDS):
            store = await storage.open_storage(config)
            try:
                missing = [key for key in keys if await store.stat(key) is None]
            finally:
                await store.close()
        if len(missing) > len(keys) / 2:
            words = f"Of {len(keys)} files of the database that were looked for, {len(missing)} are not in the store."
            mend = "Look at STORAGE_URL; after a move, run chatserver storage copy. chatserver storage check names all."
            return [failure("files", words, mend)]
    return []


async def _plans(config: Config, connection: asyncpg.Connection) -> Finding:
    """Whether the plans that settings name are there: they are rows, which come and go without a start."""
    rows = await connection.fetch("SELECT id, available FROM session_config ORDER BY id")
    misnamed = plans.misnamed(config, {row["id"]: row["available"] for row in rows})
    if misnamed:
        offered = ", ".join(row["id"] for row in rows if row["available"]) or "none"
        withdrawn = ", ".join(row["id"] for row in rows if not row["available"]) or "none"
        mend = f"On offer: {offered}; withdrawn: {withdrawn} (chatserver plans list)."
        return warning("plans", f"{'; '.join(misnamed)}.", mend)
    return ok("plans", "Every plan that a setting names is there.")


def _schema(config: Config, waiting: list[str]) -> Finding:
    if waiting:
        mend = "with the database's own address, not the pooler's" if config.database_pooler else "or start it"
        return warning("schema", f"Not applied yet: {', '.join(waiting)}.", f"Run chatserver migrate, {mend}.")
    return ok("schema", "Every migration is applied.")


async def _clock(connection: "asyncpg.Connection") -> Finding:
    asked = time.time()
    theirs = float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))
    ours = (asked + time.time()) / 2
    difference = theirs - ours
    if abs(difference) > CLOCK_SECONDS:
        words = f"This machine's clock and the database's differ by {abs(difference):.0f} seconds."
        return warning("clock", words, "Set both by NTP. Credits and leases go by the database's.")
    return ok("clock", f"This machine's clock and the database's differ by {abs(difference):.1f} seconds.")


async def _roles(connection: "asyncpg.Connection") -> Finding:
    known = {row["rolname"] for row in await connection.fetch(_ROLES, list(roles.ROLES))}
    missing = [role for role in roles.ROLES if role not in known]
    if missing:
        words = f"Missing, too powerful, or not ours to become: {', '.join(missing)}."
        return failure("roles", words, "Run chatserver migrate as the owner of the database; drop BYPASSRLS.")
    return ok("roles", "Both working roles are there, without power over row-level security.")


async def _security(connection: "asyncpg.Connection") -> Finding:
    tables = [row["relname"] for row in await connection.fetch(_OPEN_TABLES)]
    if tables:
        mend = "ALTER TABLE … ENABLE and FORCE ROW LEVEL SECURITY on each."
        return failure("row security", f"Not forced on: {', '.join(tables)}.", mend)
    return ok("row security", "Forced on every table that holds something of somebody.")
