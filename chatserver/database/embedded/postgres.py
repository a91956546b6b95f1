"""The embedded server as the product uses it: its address, a monitor that restarts it, and its end."""

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg
import structlog

from chatserver.config import Config
from chatserver.database import roles
from chatserver.database.embedded import paths
from chatserver.database.embedded.server import INCOMPLETE, Server
from chatserver.errors import ConfigurationError

SUPERUSER = "postgres"
# Role and database of the product. It owns its tables and is no superuser.
OWNER = "chatserver"
# How often the monitor checks whether the server still runs; a check is one system call.
MONITOR_SECONDS = 1.0

# What a server says that runs, and has met a file that is missing or cut off.
_DAMAGED = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedFileError,
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
)

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """A running server. `url` is what DATABASE_URL would be; `admin_url` is its superuser's, for tests and tools."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = self.address(OWNER, OWNER)
        self.admin_url = self.address(SUPERUSER, "postgres")
        self._monitor = asyncio.create_task(self._monitor_server())

    @property
    def folder(self) -> Path:
        """The server's folder, with `data/`, `socket/` and `server.log`."""
        return self._server.paths.folder

    @property
    def programs(self) -> Path:
        """The folder of the programs: psql, pg_dump and others."""
        return self._server.paths.programs

    def address(self, role: str, database: str) -> str:
        """The URL of a database on this server, as a role."""
        return f"postgresql://{role}@/{database}?host={quote(str(self._server.socket), safe='')}"

    async def stop(self) -> None:
        """Ends our use of the server; the last process to do so shuts it down."""
        self._monitor.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._monitor
        await asyncio.to_thread(self._server.close)

    async def _monitor_server(self) -> None:
        while True:
            await asyncio.sleep(MONITOR_SECONDS)
            try:
                if not self._server.alive():
                    await self._restart()
            except Exception:
                # Whatever failed, such as opening the lock file where there is no descriptor left, may work the next time.
                log.exception("embedded_postgres.monitor_failed")

    async def _restart(self) -> None:
        log.warning("embedded_postgres.died")
        try:
            await asyncio.to_thread(self._server.open)
            log.info("embedded_postgres.restarted")
        except (ConfigurationError, OSError) as error:
            log.error("embedded_postgres.restart_failed", error=str(error))


async def start(config: Config) -> EmbeddedPostgres:
    """The server of DATA_DIR, running and ready. Raises ConfigurationError where the folder does not allow it."""
    return await open_in(config.data_dir)


async def open_in(data_dir: Path, settings: Mapping[str, str] | None = None) -> EmbeddedPostgres:
    """The server below `data_dir`; where it has to be started, with `settings` of Postgres that override ours."""
    try:
        server = Server(paths.choose(data_dir), settings or {})
        await _open(server)
    except OSError as error:
        raise ConfigurationError(f"{data_dir} cannot hold the embedded Postgres: {_reason(error)}.") from error
    postgres = EmbeddedPostgres(server)
    try:
        number = await _prepare(postgres.admin_url)
        server.check_whole(f"base/{number}")
    except _DAMAGED as error:
        await postgres.stop()
        raise ConfigurationError(f"{server.data} is damaged: {error.args[0]}. {INCOMPLETE}") from error
    except BaseException:
        await postgres.stop()
        raise
    return postgres


async def _open(server: Server) -> None:
    """Opens it in a thread, which goes on where we are cancelled: then it is closed again before that is heard of."""
    opening = asyncio.create_task(asyncio.to_thread(server.open))
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        with contextlib.suppress(ConfigurationError, OSError):
            await opening
        await asyncio.to_thread(server.close)
        raise


async def _prepare(admin_url: str) -> int:
    """Makes the roles and the database of the product where they are missing; the database's number."""
    connection = await asyncpg.connect(admin_url)
    try:
        await roles.ensure_role(connection, OWNER, login=True)
        await roles.ensure_working_roles(connection, OWNER)
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", OWNER):
            with contextlib.suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f"CREATE DATABASE {OWNER} OWNER {OWNER}")
        number: int = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = $1", OWNER)
        return number
    finally:
        await connection.close()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
