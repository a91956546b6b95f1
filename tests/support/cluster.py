"""The product on many machines, as far as one machine can show it: web processes and workers over one Postgres, one
Redis and one S3 server, each a process of its own that tests may kill, stop and start again."""

import asyncio
import itertools
import signal
from pathlib import Path

from chatserver.config.timing import DEFAULT_TIMING
from tests.support import ports
from tests.support import product as products
from tests.support.lines import Lines
from tests.support.product import Product

# The product's own, where tests part it from its database: people hear of that in time.
DEADLINES = f"unit_deadline={DEFAULT_TIMING.unit_deadline:g},unit_acquire={DEFAULT_TIMING.unit_acquire:g}"


class Cluster:
    """`web` and `workers` are the processes that should run; `settings` what all of them are told.

    With `parting` each reaches the engines through proxies of its own: `lines_of(process)` parts it from them."""

    def __init__(self, folder: Path, *, parting: bool = False, **settings: str) -> None:
        self.folder, self.settings = folder, {"SECRET_KEY": "one-key-for-all-machines", **settings}
        if parting:
            self.settings["TIMING"] = ",".join(filter(None, (DEADLINES, settings.get("TIMING"))))
        self._parting = parting
        self._lines: dict[Product, Lines] = {}
        self.web: list[Product] = []
        self.workers: list[Product] = []
        self._numbers = itertools.count(1)

    async def start(self, *, web: int = 2, workers: int = 2, **settings: str) -> None:
        """Starts so many of each, all at once."""
        added = await asyncio.gather(
            *(self.add_web(**settings) for _ in range(web)), *(self.add_worker(**settings) for _ in range(workers))
        )
        assert len(added) == web + workers

    async def add_web(self, **settings: str) -> Product:
        node = await self._start_web(ports.reserve(), **settings)
        self.web.append(node)
        return node

    async def _start_web(self, port: int, **settings: str) -> Product:
        return await self._start("serve", "--role", "web", port=port, **settings)

    async def add_worker(self, **settings: str) -> Product:
        worker = await self._start("worker", wait=False, **settings)
        self.workers.append(worker)
        await products.wait_for_line(worker, "worker.started")
        return worker

    async def _start(self, *arguments: str, port: int = 0, wait: bool = True, **settings: str) -> Product:
        told = {**self.settings, **settings}
        lines = await Lines.laid(told if self._parting else {})
        # The processes of a cluster are one installation.
        process = await products.start(
            self._folder(), *arguments, port=port, wait=wait, shares_database=True, **{**told, **lines.settings}
        )
        self._lines[process] = lines
        return process

    def lines_of(self, process: Product) -> Lines:
        """Its lines to the engines."""
        return self._lines[process]

    def _folder(self) -> Path:
        return self.folder / f"machine-{next(self._numbers)}"

    async def replace(self, node: Product) -> Product:
        """A new process at the address of a web process that is gone; people may knock there meanwhile."""
        new = await self._start_web(port=node.port)
        self.web[self.web.index(node)] = new
        return new

    async def run(self, *arguments: str) -> tuple[int, str]:
        """One command of the operator; its exit code and what it printed."""
        started = products.start(self._folder(), *arguments, wait=False, shares_database=True, **self.settings)
        command = await started
        code = await asyncio.wait_for(command.process.wait(), products.START_SECONDS)
        return code, command.output()

    async def check(self) -> None:
        """The operator's auditors find nothing."""
        results = await asyncio.gather(self.run("credits", "check"), self.run("storage", "check", "--remove"))
        assert [code for code, _ in results] == [0, 0], results

    async def close(self) -> None:
        for process in (*self.web, *self.workers):
            if process.process.returncode is None:
                # A stopped process takes no other signal.
                process.process.send_signal(signal.SIGCONT)
        await asyncio.gather(*(process.kill() for process in (*self.web, *self.workers)))
        await asyncio.gather(*(lines.close() for lines in self._lines.values()))
