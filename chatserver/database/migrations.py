"""Brings the database's schema up to date: `sql/migrations/NNNN_name.sql`, in order, each in one transaction.

    applied = await migrations.migrate(url)

Safe to run twice, from two processes at once (one waits for the other), and under load: a migration that cannot lock its
tables within LOCK_TIMEOUT_SECONDS is rolled back and tried again.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import structlog

from chatserver.database import pgbouncer, roles
from chatserver.errors import ConfigurationError
from chatserver.runtime import paths

# The key of the advisory lock; no other program uses this number in our database.
LOCK = 0x63_68_61_74
# A statement that waits for a table lock blocks every later one on that table, so it gives up after this long.
LOCK_TIMEOUT_SECONDS = 2.0
TRIES = 15
CONNECT_SECONDS = 10.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Migration:
    """One file: `name` is its name without `.sql`, `applied_at` is None until it is applied."""

    version: int
    name: str
    sql: str
    checksum: str
    applied_at: datetime | None = None


async def migrate(url: str, folder: Path = paths.SQL / "migrations") -> list[str]:
    """Applies the missing migrations and returns their names. Raises ConfigurationError with one line that says why not."""
    files = read_files(folder)
    async with _connected(url) as connection:
        await _refuse_pooler(connection, url)
        await roles.ensure_working_roles(connection, await connection.fetchval("SELECT current_user::text"))
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await _ensure_table(connection)
        waiting = [migration for migration in await _compare(connection, files) if migration.applied_at is None]
        for migration in waiting:
            await _apply(connection, migration)
        return [migration.name for migration in waiting]


async def _refuse_pooler(connection: "asyncpg.Connection", url: str) -> None:
    """The advisory lock would stay with the pooler's connection, and the next process to migrate would never get it."""
    async with _connected(url) as other:
        if await pgbouncer.is_between(connection, other):
            raise ConfigurationError(
                "DATABASE_URL leads to a pooler in transaction mode, through which nothing is migrated: run "
                "`chatserver migrate` with the database's own address, and everything else with DATABASE_POOLER=yes."
            )


async def status(url: str, folder: Path = paths.SQL / "migrations") -> list[Migration]:
    """Every migration in order, with the time it was applied. Changes nothing; raises ConfigurationError like `migrate`."""
    # In a transaction, so that a pooler does not change the backend between the parts of a query.
    async with _connected(url) as connection, connection.transaction():
        return await _compare(connection, read_files(folder))


async def require(url: str, folder: Path = paths.SQL / "migrations") -> None:
    """Raises ConfigurationError where one is not applied. Used behind a pooler, through which the lock does not hold."""
    waiting = [migration.name for migration in await status(url, folder) if migration.applied_at is None]
    if waiting:
        raise ConfigurationError(
            f"The database lacks {waiting[0]}: run `chatserver migrate` with its own address, not the pooler's."
        )


def read_files(folder: Path) -> list[Migration]:
    """The migrations of a folder: numbered 0001, 0002, … without a gap."""
    migrations = [_read(path) for path in sorted(folder.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.version != expected:
            raise ConfigurationError(f"Migration {expected:04} is missing: {migration.name} comes in its place.")
    return migrations


def _read(path: Path) -> Migration:
    match = re.fullmatch(r"(\d{4})_[a-z0-9_]+", path.stem)
    if not match:
        raise ConfigurationError(f"{path.name} is not named like a migration: 0001_what_it_does.sql.")
    sql = path.read_text(encoding="utf-8")
    return Migration(int(match[1]), path.stem, sql, hashlib.sha256(sql.encode()).hexdigest())


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection"]:
    connection = await _connect(url)
    try:
        _check_encoding(connection)
        yield connection
    finally:
        # asyncpg cuts a connection that does not answer Terminate; everything is committed by then.
        with suppress(TimeoutError):
            await connection.close(timeout=CONNECT_SECONDS)


async def _connect(url: str) -> "asyncpg.Connection":
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "chatserver migrate"},
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        silent = f"{_host_of(url)} does not answer within {CONNECT_SECONDS:.0f} s."
        reason = silent if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise ConfigurationError(f"The database cannot be reached: {_one_line(reason)}") from error
    except ValueError:
        # Its message is not shown: it may hold the password.
        raise ConfigurationError(
            "DATABASE_URL cannot be read; it should be postgresql://user@host:port/name."
        ) from None


def _host_of(url: str) -> str:
    """Where the database is, without user and password."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname}:{parts.port or 5432}" if parts.hostname else "its server"
    except ValueError:  # several hosts, each with its port
        return "its server"


def _check_encoding(connection: "asyncpg.Connection") -> None:
    """In SQL_ASCII a database counts bytes as characters; in other encodings most characters cannot be stored."""
    # A pooler may not report it.
    encoding = getattr(connection.get_settings(), "server_encoding", "UTF8")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"The database is encoded in {encoding}, and people write in every language. Make one with "
            "`createdb --encoding=UTF8 --template=template0`."
        )


async def _ensure_table(connection: "asyncpg.Connection") -> None:
    try:
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
              version    integer PRIMARY KEY,
              name       text NOT NULL,
              checksum   text NOT NULL,
              applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"DATABASE_URL's user may not make tables ({_one_line(str(error))}); it should own the database."
        ) from error


async def _compare(connection: "asyncpg.Connection", files: list[Migration]) -> list[Migration]:
    if await connection.fetchval("SELECT to_regclass('schema_migrations')") is None:
        return files
    await roles.require_owners(connection)
    rows = await connection.fetch("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version")
    if len(rows) > len(files):
        raise ConfigurationError(
            f"The database is newer than this program: it has {rows[len(files)]['name']}. Start the newer version, or "
            "restore a backup from before it."
        )
    compared = []
    for migration, row in zip(files, [*rows, *[None] * (len(files) - len(rows))], strict=True):
        compared.append(_check(migration, row))
    return compared


def _check(migration: Migration, row: "asyncpg.Record | None") -> Migration:
    if row is None:
        return migration
    if row["version"] != migration.version:
        raise ConfigurationError(f"The database lacks migration {migration.name} but has {row['name']}.")
    if row["checksum"] != migration.checksum:
        raise ConfigurationError(
            f"{migration.name}.sql was changed after it had been applied; put it back and write a new migration."
        )
    return Migration(migration.version, migration.name, migration.sql, migration.checksum, row["applied_at"])


async def _apply(connection: "asyncpg.Connection", migration: Migration) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            await _apply_once(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == TRIES:
                raise ConfigurationError(f"{migration.name}.sql: the tables stayed busy; try again later.") from error
            log.info("migration.lock_timeout", name=migration.name, attempt=attempt)
            await asyncio.sleep(LOCK_TIMEOUT_SECONDS / 2)
        except asyncpg.PostgresError as error:
            raise ConfigurationError(
                f"{migration.name}.sql failed, nothing of it is left: {_one_line(str(error))}"
            ) from error
        else:
            log.info("migration.applied", name=migration.name)
            return


async def _apply_once(connection: "asyncpg.Connection", migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS:g}s'")
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            migration.version,
            migration.name,
            migration.checksum,
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())
