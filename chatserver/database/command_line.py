"""Opens the configured database for the length of one of the operator's commands; `server` uses its first steps too."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg

from chatserver import config as configuration
from chatserver.config import Config
from chatserver.database import Database, Transaction, embedded, load_queries, migrations
from chatserver.errors import ConfigurationError, Invalid
from chatserver.events import Announcement
from chatserver.runtime import event_loop, logs, paths

P = ParamSpec("P")
R = TypeVar("R")

# What reads or sums up everything may take so long: nobody waits for it but the operator, who can stop it.
EVERYTHING_SECONDS = 6 * 3600.0


# Long enough for the migrations of an upgrade of most databases.
PREPARE_SECONDS = 600.0


class NullPublisher:
    """Publishes nothing: a command has no sockets. Running nodes find its changes by `seq` and by polling."""

    def publish(self, announcements: list[Announcement]) -> None: ...


@asynccontextmanager
async def database_url(config: Config) -> AsyncIterator[str]:
    """DATABASE_URL, or the URL of the embedded server, which runs at least for the length of the block."""
    if config.database_url:
        yield config.database_url
        return
    postgres = await embedded.start(config)
    try:
        yield postgres.url
    finally:
        await postgres.stop()


def require_database(config: Config) -> None:
    """Raises ConfigurationError where DATA_DIR has no database: in a new, empty one whatever is checked would be well."""
    if not config.database_url and not embedded.has_database(config.data_dir):
        raise ConfigurationError(
            f"There is no database in {config.data_dir.absolute()}. Look at DATA_DIR, DATABASE_URL and the folder in which "
            "this is run; `chatserver serve` or `chatserver migrate` makes a new one."
        )


async def prepare(config: Config, url: str) -> None:
    """Migrates the schema; behind a pooler it only checks that it is up to date. Raises ConfigurationError."""
    if config.database_pooler:
        await migrations.require(url)
    else:
        await migrations.migrate(url)


async def _prepare_in_time(config: Config, url: str) -> None:
    """`prepare` for a command: a process that has begun to migrate, or a server that has stopped, may keep it for as long as
    it likes."""
    try:
        async with asyncio.timeout(PREPARE_SECONDS):
            await prepare(config, url)
    except TimeoutError:
        raise ConfigurationError(
            f"The database was not brought to this version within {PREPARE_SECONDS / 60:.0f} minutes: another process is "
            "at it, or its server has stopped answering. `chatserver migrate` waits for as long as it takes."
        ) from None


@asynccontextmanager
async def open_config() -> AsyncIterator[Config]:
    """The configuration with a reachable, migrated database in it. ConfigurationError where none was made yet."""
    config = configuration.load()
    logs.configure(config)
    require_database(config)
    async with database_url(config) as url:
        await _prepare_in_time(config, url)
        yield replace(config, database_url=url)


@asynccontextmanager
async def open_database(config: Config, *, deadline: float | None = None) -> AsyncIterator[Database]:
    """The database of a configuration from `open_config`. A `deadline` (in seconds) is for units of work that take long:
    they are rolled back where the command is stopped."""
    database = Database(
        config.database_url,
        load_queries(paths.SQL / "queries"),
        NullPublisher(),
        pool=2,
        pooler=config.database_pooler,
        timing=config.timing if deadline is None else replace(config.timing, unit_deadline=deadline),
    )
    await database.connect()
    try:
        yield database
    finally:
        await database.close(at_once=deadline is not None)


def run(verb: Callable[Concatenate[Transaction, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs one verb as the worker role, from the command line. Raises Invalid for a value that no column holds."""

    return _run(None, verb, *args, **kwargs)


def run_on_everything(verb: Callable[[Transaction], Awaitable[R]]) -> R:
    """Runs a verb that reads all there is, which may take longer than anything that people wait for."""
    return _run(EVERYTHING_SECONDS, verb)


def _run(
    deadline: float | None,
    verb: Callable[Concatenate[Transaction, P], Awaitable[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    async def once() -> R:
        async with open_config() as config, open_database(config, deadline=deadline) as database:
            return await database.run_system(verb, *args, **kwargs)

    try:
        return event_loop.run(once())
    except asyncpg.DataError:
        raise Invalid("One of the values is no readable text, or a number that is too large.") from None


def run_on_url(work: Callable[[str], Awaitable[R]], *, make: bool) -> R:
    """Runs work that needs the database's URL only, before anything is migrated. `make`: also where there is none yet."""

    async def once() -> R:
        config = configuration.load()
        logs.configure(config)
        if not make:
            require_database(config)
        async with database_url(config) as url:
            return await work(url)

    return event_loop.run(once())
