"""The product as it is run: `chatserver serve` (and `worker`) as processes of their own, and people who use them."""

import asyncio
import contextlib
import functools
import itertools
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.support import bound
from tests.support.fork_server import ForkedProcess, ForkServer, needs_exec

# A loaded machine with two cores needs some seconds to import and to connect.
START_SECONDS = 60.0
# Of one product, in the report of a failed test.
MOST_WARNINGS = 20
WARNING = re.compile(r'"level": ?"(warning|error|critical)"')
COMMAND = (sys.executable, "-m", "chatserver")
Process = asyncio.subprocess.Process | ForkedProcess
Launch = Callable[[int], Awaitable[tuple[Process, Path]]]

# Where the tests start it from; without one each start is an interpreter of its own, as in the benchmarks.
fork_server: ForkServer | None = None
# The TIMING that tests tell it first, of which a start may set each part anew; none in the benchmarks.
timing = ""
# What these tests have started on each database.
_started: dict[str, "list[Product]"] = {}


class Product:
    """One process of the product. `url` is where it listens; `kill` is SIGKILL, `stop` SIGTERM, after either it may
    start again in its place."""

    def __init__(
        self,
        process: Process,
        url: str,
        log: Path,
        *,
        launch: Launch | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.process, self.url, self.log, self._launch = process, url, log, launch
        self.environment = dict(environment or {})  # what it was started with

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def start_again(self) -> None:
        """The same command, folder, settings and address, once it is gone; waits until it is ready. Needs a port that was
        reserved: one that the system gave may be another's by now."""
        assert self._launch is not None
        self.process, self.log = await self._launch(self.port)
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
    told = {"TIMING": ",".join(filter(None, (timing, settings.get("TIMING"))))}
    return {**kept, "ENV_FILE": "", "DATA_DIR": str(data_dir), "LOG_FORMAT": "json", **settings, **told}


async def start(
    data_dir: Path,
    *arguments: str,
    port: int = 0,
    wait: bool = True,
    program: Sequence[str] | None = None,
    shares_database: bool = False,
    **settings: str,
) -> Product:
    """Starts `chatserver serve` (or the command given) and waits until it is ready.

    It listens on a port that the system gives, or on `port` (`ports.reserve()`), which it can have again after its end.
    `program`, such as `COMMAND`, is executed; without one the start is a fork, where there is a fork server.
    `shares_database` says that it is meant to work on what another product has open."""
    data_dir.mkdir(parents=True, exist_ok=True)
    environ = environment(data_dir, **settings)
    serves = arguments[:1] in ((), ("serve",), ("worker",))
    if serves and not shares_database:
        _refuse_a_stranger_beside(environ)
    launch = functools.partial(_launch, data_dir, list(arguments) or ["serve"], program, environ)
    process, log = await launch(port)
    product = Product(process, f"http://127.0.0.1:{port}", log, launch=launch, environment=environ)
    if serves:
        _started.setdefault(environ.get("DATABASE_URL", ""), []).append(product)
    if wait:
        try:
            await wait_until_ready(product)
        except BaseException:
            await product.kill()
            raise
    return product


def _refuse_a_stranger_beside(environ: Mapping[str, str]) -> None:
    """Products on one database do each other's jobs, and only a common Redis brings their pages what the other's worker
    says: a test whose job another test's product may take passes by luck."""
    database, redis = environ.get("DATABASE_URL"), environ.get("REDIS_URL")
    others = [other for other in _started.get(database or "", []) if other.process.returncode is None]
    strangers = [other.url for other in others if redis is None or other.environment.get("REDIS_URL") != redis]
    assert database is None or not strangers, f"{strangers} would take its jobs: give it a database of its own"


async def _launch(
    data_dir: Path, command: list[str], program: Sequence[str] | None, environ: dict[str, str], port: int
) -> tuple[Process, Path]:
    """The process, and where it writes what it says."""
    log = data_dir / f"log-{time.time_ns()}.txt"
    if command[0] == "serve" and "PORT" not in environ and "--port" not in command:
        command = [*command, "--port", str(port)]
    process: Process
    with log.open("wb") as output:
        if program is None and fork_server is not None and not needs_exec(environ):
            process = await fork_server.start(command, environ, output)
        else:
            # SIGTERM: it stops the Postgres that it may have started.
            process = await asyncio.create_subprocess_exec(
                *(program or COMMAND),
                *command,
                env=environ,
                stdout=output,
                stderr=output,
                preexec_fn=bound.to_this_process(signal.SIGTERM),
            )
    return process, log


def warnings_since(moment: datetime) -> str:
    """What the products of these tests have warned of since then: the latest lines of each."""
    told = []
    for product in itertools.chain(*_started.values()):
        with contextlib.suppress(OSError):  # its folder is gone
            lines = [line for line in product.output().splitlines() if _warns(line, moment)]
            told += [f"{product.url} {line}" for line in lines[-MOST_WARNINGS:]]
    return "\n".join(told)


def _warns(line: str, moment: datetime) -> bool:
    if not WARNING.search(line):
        return False
    with contextlib.suppress(ValueError, KeyError):
        return moment <= datetime.fromisoformat(json.loads(line)["timestamp"]) <= datetime.now(UTC)
    return True


async def wait_for_line(product: Product, words: str, times: int = 1) -> None:
    """Waits until it has logged these words, so many times."""
    deadline = time.monotonic() + START_SECONDS
    while product.output().count(words) < times:
        if product.process.returncode is not None or time.monotonic() > deadline:
            raise AssertionError(f"{words!r} never came:\n{product.output()}")
        await asyncio.sleep(0.05)


async def wait_until_ready(product: Product) -> None:
    """Waits until it answers; learns first which port the system gave it, where it listens on one of those."""
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession() as client:
        while time.monotonic() < deadline:
            if product.process.returncode is not None:
                raise AssertionError(f"it ended with {product.process.returncode}:\n{product.output()}")
            if product.port == 0:
                product.url = f"http://127.0.0.1:{_told_port(product)}"
            elif await _is_ready(client, product.url):
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"it was not ready in {START_SECONDS} s:\n{product.output()}")


def _told_port(product: Product) -> int:
    """The port that it says in its log, 0 before that."""
    for line in product.output().splitlines():
        if '"web.started"' in line:
            return int(json.loads(line)["port"])
    return 0


async def _is_ready(client: aiohttp.ClientSession, url: str) -> bool:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with client.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
            return answer.status == 200
    return False


@contextlib.asynccontextmanager
async def running(data_dir: Path, *arguments: str, **settings: Any) -> AsyncIterator[Product]:
    """The product for the length of a block; killed at its end, but for one that has a Postgres of its own to stop."""
    product = await start(data_dir, *arguments, **settings)
    try:
        yield product
    finally:
        if "DATABASE_URL" not in product.environment:
            with contextlib.suppress(AssertionError):
                await product.stop()
        await product.kill()
