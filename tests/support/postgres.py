"""One real Postgres for the whole test session, and a database of its own for each test module; and servers that crash."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from chatserver.database import embedded, migrations
from chatserver.database.embedded import paths
from chatserver.database.embedded.postgres import OWNER
from tests.support.guards import Guard

# Speed instead of safety: nothing here outlives the tests. What is written ahead stays small, as it may lie in memory.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_wal_size": "128MB",
}
# Where files are memory, and how much must be free there. A database is 680 files, which on a disk take most of the
# processor time of making and dropping it.
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 2 * 1024**3
TEMPLATE = "template_chatserver"
# What a server that crashed may take to be there again on a busy machine.
START_SECONDS = 60
# Servers lie at different depths.
CLEAN_UP = 'kill -QUIT $(find "$1" -name postmaster.pid -exec head -qn 1 {} +); sleep 1; rm -rf "$1"'
_numbers = itertools.count(1)
# The servers of this run, whose processes a failed test may ask about.
_running: list[embedded.EmbeddedPostgres] = []


class TestServer:
    """The session's server. `databases()` names are made in the order of asking."""

    __test__ = False

    def __init__(self, postgres: embedded.EmbeddedPostgres) -> None:
        self.postgres = postgres

    @property
    def admin_url(self) -> str:
        """The superuser's address, for looking behind row-level security."""
        return self.postgres.admin_url

    def admin_url_of(self, url: str) -> str:
        """The superuser's address of the database that `url` leads to."""
        return self.postgres.address("postgres", urlsplit(url).path.lstrip("/"))

    async def create_database(self, template: str = TEMPLATE) -> str:
        """A fresh database, owned by the product's role; `template0` gives an empty one. Returns its address."""
        name = f"test_{next(_numbers)}"
        await self.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} STRATEGY file_copy")
        return self.postgres.address(OWNER, name)

    async def drop_database(self, url: str) -> None:
        await self.run(f"DROP DATABASE IF EXISTS {urlsplit(url).path.lstrip('/')} WITH (FORCE)")

    async def run(self, statement: str) -> None:
        """One statement as superuser."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def running_server() -> AsyncIterator[TestServer]:
    """A server in a temporary folder with the migrated template; both are gone afterwards, even after SIGKILL."""
    with server_folder("tests", MEMORY if _has_room(MEMORY) else None) as folder:
        postgres = await embedded.open_in(folder, SETTINGS)
        _running.append(postgres)
        try:
            server = TestServer(postgres)
            await server.run(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
            await migrations.migrate(postgres.address(OWNER, TEMPLATE))
            yield server
        finally:
            _running.remove(postgres)
            await postgres.stop()


def at_work() -> str:
    """What each process of this run's server is doing: its title, its state, and where it waits in the kernel."""
    lines = []
    for process in itertools.chain.from_iterable(map(_children, _running)):
        with suppress(psutil.Error, OSError):  # it has ended meanwhile
            waits_in = Path(f"/proc/{process.pid}/wchan").read_text()
            title = " ".join(process.cmdline()).strip()
            lines.append(f"{title} ({process.status()} in {waits_in}, {sum(process.cpu_times()[:2]):.2f} s)")
    return "\n".join(lines)


def _children(server: embedded.EmbeddedPostgres) -> list[psutil.Process]:
    """Empty where the server has crashed: a failed test tells of that in its own words."""
    try:
        return psutil.Process(postmaster(server)).children()
    except (psutil.Error, OSError, IndexError):
        return []


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= MEMORY_BYTES


@asynccontextmanager
async def durable_server() -> AsyncIterator[embedded.EmbeddedPostgres]:
    """A server that may be killed: with fsync, as in production. Its watch starts it again."""
    with server_folder("database") as folder:
        postgres = await embedded.open_in(folder)
        try:
            yield postgres
        finally:
            await postgres.stop()


@contextmanager
def server_folder(name: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder for servers that this process starts. Neither it nor they are there afterwards, even after SIGKILL."""
    folder = Path(tempfile.mkdtemp(prefix=f"chatserver-{name}-", dir=parent))
    folder.chmod(0o755)  # as root the server runs as another user
    guard = Guard(CLEAN_UP, str(folder))
    try:
        yield folder
    finally:
        guard.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


def remove_from_system_folder(below: Path) -> None:
    """Removes what servers of products in this folder have left where root's lie because pytest's folder is private."""
    if not paths.SYSTEM_FOLDER.is_dir():
        return
    left = {*paths.SYSTEM_FOLDER.iterdir(), *paths.SYSTEM_FOLDER.glob("programs/*")}
    for name, _, _ in os.walk(below.resolve()):
        folder = Path(name)
        programs = folder / f"pginstall{paths.MAJOR_VERSION}" / "bin"
        copies = [paths.copy_of(programs)] if (programs / "postgres").exists() else []
        for each in left.intersection([paths.system_folder(folder), *copies]):
            shutil.rmtree(each, ignore_errors=True)


def postmaster(server: embedded.EmbeddedPostgres) -> int:
    """The id of the server's first process."""
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])


async def crash(server: embedded.EmbeddedPostgres) -> None:
    """Ends the server as a crash does and waits until its watch has started it again and it takes connections."""
    crashed = postmaster(server)
    os.kill(crashed, signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    # Not until no server is alive: the watch may start the next one at once, between two looks.
    async with asyncio.timeout(START_SECONDS):
        while _lives(crashed):
            await asyncio.sleep(0.01)
    await is_back(server)


async def is_back(server: embedded.EmbeddedPostgres) -> None:
    """Waits until the server that was started again takes connections, which is where P12 begins to count."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                await (await asyncpg.connect(server.admin_url)).close()
                return
            await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
