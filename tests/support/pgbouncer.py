"""A real PgBouncer in transaction mode on a free loopback port, before one database of the tests' server."""

import asyncio
import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from tests.support import ports, proxies
from tests.support.guards import Guard

_SETTINGS = """[databases]
{database} = host={socket} dbname={database} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = {pool}
max_client_conn = 200
"""
START_SECONDS = 20


@contextlib.asynccontextmanager
async def running_pgbouncer(url: str, *, pool: int, mode: str = "transaction") -> AsyncIterator[str]:
    """The database of `url` through a pooler that keeps `pool` connections to it; gives the address to use instead."""
    program = proxies.program("pgbouncer")
    parts, port = urlsplit(url), ports.reserve()
    socket = parse_qs(parts.query)["host"][0]
    folder = Path(tempfile.mkdtemp(prefix="chatserver-pgbouncer-"))
    folder.chmod(0o755)
    place = {"database": parts.path[1:], "user": parts.username, "socket": socket, "port": port, "folder": folder}
    (folder / "users").write_text(f'"{parts.username}" ""\n')
    (folder / "pgbouncer.ini").write_text(_SETTINGS.format(**place, pool=pool, mode=mode))
    with (folder / "log").open("wb") as log:
        command = [program, *_as_whom(socket), str(folder / "pgbouncer.ini")]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    guard = Guard('kill -KILL "$1"; rm -rf "$2"', str(process.pid), str(folder))
    pooled = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}"
    try:
        await _answers(pooled, process, folder / "log")
        yield pooled
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        guard.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


def _as_whom(socket: str) -> list[str]:
    """It refuses to be root; then it becomes whoever runs the database, whose socket nobody else may enter."""
    return ["-u", pwd.getpwuid(Path(socket).stat().st_uid).pw_name] if os.geteuid() == 0 else []


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.returncode is None, log.read_text()
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(url, statement_cache_size=0)
                await connection.close()
                return
            await asyncio.sleep(0.05)
