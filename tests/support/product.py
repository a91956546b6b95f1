"""The product as it is run: `chatserver serve` (and `worker`) as processes of their own, and people who use them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

# A loaded machine with two cores needs some seconds to import and to connect.
START_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Product:
    """One process of the product. `url` is where it listens; `kill` is SIGKILL, `stop` SIGTERM."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        self.process, self.url, self.log = process, url, log

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

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
    """A clean environment for the product: nothing of the machine's own settings but what Python needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "DATA_DIR": str(data_dir), "LOG_FORMAT": "json", **settings}


async def start(
    data_dir: Path, *arguments: str, port: int | None = None, wait: bool = True, **settings: str
) -> Product:
    """Starts `chatserver serve` (or the command given) and waits until it is ready."""
    port = port or free_port()
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / f"log-{time.time_ns()}.txt"
    command = list(arguments) or ["serve", "--port", str(port)]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chatserver",
            *command,
            env=environment(data_dir, **settings),
            stdout=output,
            stderr=output,
        )
    product = Product(process, f"http://127.0.0.1:{port}", log)
    if wait:
        try:
            await wait_until_ready(product)
        except BaseException:
            await product.kill()
            raise
    return product


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
