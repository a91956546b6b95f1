"""The product as it is run: `chatserver serve` (and `worker`) as processes of their own, and people who use them."""

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

# A loaded machine with two cores needs some seconds to import and to connect.
START_SECONDS = 60.0
Launch = Callable[[], Awaitable[tuple[asyncio.subprocess.Process, Path]]]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """One process of the product. `url` is where it listens; `kill` is SIGKILL, `stop` SIGTERM, after either it may
    start again in its place."""

    def __init__(
        self, process: asyncio.subprocess.Process, url: str, log: Path, *, launch: Launch | None = None
    ) -> None:
        self.process, self.url, self.log, self._launch = process, url, log, launch

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def start_again(self) -> None:
        """The same command, folder, settings and address, once it is gone; waits until it is ready."""
        assert self._launch is not None
        self.process, self.log = await self._launch()
        await wait_until_ready(self)

    async def stop(self, seconds: float = 20) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"it did not stop in {seconds} s:\n{self.output()}") from None

    def output(self) -> str:
        """What it has written so far, both streams."""
        return self.log.read_text(errors="replace")


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """A clean environment for the product: nothing of the machine's own settings but what Python needs, and no `.env`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "ENV_FILE": "", "DATA_DIR": str(data_dir), "LOG_FORMAT": "json", **settings}


async def start(
    data_dir: Path, *arguments: str, port: int | None = None, wait: bool = True, **settings: str
) -> Product:
    """Starts `chatserver serve` (or the command given) and waits until it is ready."""
    port = port or free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    launch = functools.partial(_launch, data_dir, list(arguments) or ["serve", "--port", str(port)], settings)
    process, log = await launch()
    product = Product(process, f"http://127.0.0.1:{port}", log, launch=launch)
    if wait:
        try:
            await wait_until_ready(product)
        except BaseException:
            await product.kill()
            raise
    return product


async def _launch(
    data_dir: Path, command: list[str], settings: dict[str, str]
) -> tuple[asyncio.subprocess.Process, Path]:
    """The process, and where it writes what it says."""
    log = data_dir / f"log-{time.time_ns()}.txt"
    program, env = (sys.executable, "-m", "chatserver"), environment(data_dir, **settings)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*program, *command, env=env, stdout=output, stderr=output)
    return process, log


async def wait_for_line(product: Product, words: str, times: int = 1) -> None:
    """Waits until it has logged these words, so many times."""
    deadline = time.monotonic() + START_SECONDS
    while product.output().count(words) < times:
        if product.process.returncode is not None or time.monotonic() > deadline:
            raise AssertionError(f"{words!r} never came:\n{product.output()}")
        await asyncio.sleep(0.05)


async def wait_until_ready(product: Product) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as client:
        while time.monotonic() < deadline:
            if product.process.returncode is not None:
                raise AssertionError(f"it ended with {product.process.returncode}:\n{product.output()}")
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with client.get(f"{product.url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError(f"it was not ready in {START_SECONDS} s:\n{product.output()}")


@contextlib.asynccontextmanager
async def running(data_dir: Path, *arguments: str, **settings: Any) -> AsyncIterator[Product]:
    """The product for the length of a block; killed at its end."""
    product = await start(data_dir, *arguments, **settings)
    try:
        yield product
    finally:
        await product.kill()
