"""From the command to the first 200, with a new data folder and with one that exists; and the web process's memory."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from benchmarks.report import Measurement
from tests.support import ports
from tests.support import product as products

ROUNDS = 3
# By then it has loaded what the first request did not wait for.
WARM_UP_SECONDS = 3


def run() -> list[Measurement]:
    """One start with a new folder, some with the same one."""
    return asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root the server runs as another user
        first, memory = await _start(folder)
        again = [(await _start(folder))[0] for _ in range(ROUNDS)]
    old = statistics.median(again)
    return [
        Measurement("start to first 200, new data folder", f"{first:.2f} s", "≤ 2 s", first <= 2),
        Measurement("start to first 200, existing data folder", f"{old:.2f} s", "≤ 0.8 s", old <= 0.8),
        Measurement("the web process's memory (RSS)", f"{memory / 1e6:.0f} MB", "≤ 90 MB", memory <= 90e6),
    ]


async def _start(folder: Path) -> tuple[float, int]:
    """Seconds until a page was served, and the memory of the process soon after; it is stopped in order."""
    port, started = ports.reserve(), time.monotonic()
    product = await products.start(folder, port=port, wait=False)
    try:
        seconds = await _first_page(product, started)
        await asyncio.sleep(WARM_UP_SECONDS)
        return seconds, psutil.Process(product.process.pid).memory_info().rss
    finally:
        await product.stop()


async def _first_page(product: products.Product, started: float) -> float:
    async with aiohttp.ClientSession() as client:
        while time.monotonic() - started < products.START_SECONDS:
            try:
                async with client.get(f"{product.url}/sign-in") as answer:
                    if answer.status == 200:
                        return time.monotonic() - started
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)
    raise AssertionError(f"no page came:\n{product.output()}")
