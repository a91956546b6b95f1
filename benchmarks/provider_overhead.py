"""Our own time per generation beyond the provider's, through the real product: credit, row, claim, call, verification,
files, announcement; from the command's sending to the `done` message on the same socket, less what the emulated
provider took.

One at a time; a hundred under way at once, whose ends are spread as those of real services are; a hundred that end in
the same moment, which nothing but the cores can hasten; and a hundred that are answered at once, which says how many
pictures a second one process makes.
"""

import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiohttp import web

from benchmarks import crowd
from benchmarks.report import Measurement
from tests.emulators.huggingface import Emulator
from tests.emulators.huggingface.outcomes import Call, Ok, Outcome
from tests.support import postgres
from tests.support import product as products
from tests.support.story import SessionSocket

SIDE = 256
# What a person may say in ten seconds, and a session on the largest plan may make in an hour: fifteen fit both.
COMMANDS = 15
MANY = 100
# What the quick models of Hugging Face's providers take for a picture, and the time over which presses are spread.
FASTEST_SECONDS, SLOWEST_SECONDS = 2.0, 6.0
_numbers = itertools.count(1)


class Together(Outcome):
    """Holds calls until there are `count` of them, then lets all of them end in the same moment."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._all_here = asyncio.Event()
        self.released = 0.0

    async def answer(self, call: Call) -> web.StreamResponse:
        self._left -= 1
        if not self._left:
            self.released = time.perf_counter()
            self._all_here.set()
        await self._all_here.wait()
        return await call.succeed(call)


@dataclass(frozen=True, kw_only=True)
class Round:
    """`at_once` people who ask for `each` pictures one after the other; `seconds()` is the provider's for each."""

    words: str
    at_once: int
    each: int
    seconds: Callable[[], float] = lambda: 0.0
    goal: str = "–"
    quantile: int = 50
    limit: float | None = None


ROUNDS = (
    Round(words="1 at a time", at_once=1, each=60, goal="median ≤ 100 ms", limit=100.0),
    Round(
        words=f"{MANY} at once, {FASTEST_SECONDS:.0f}–{SLOWEST_SECONDS:.0f} s each at the provider",
        at_once=MANY,
        each=4,
        seconds=lambda: random.uniform(FASTEST_SECONDS, SLOWEST_SECONDS),
        goal="p99 ≤ 300 ms",
        quantile=99,
        limit=300.0,
    ),
)


def run() -> list[Measurement]:
    """One product, one emulator, one Postgres."""
    return asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    emulator = Emulator().start()
    try:
        async with postgres.running_server() as server:
            with tempfile.TemporaryDirectory() as folder:
                settings = {
                    **emulator.environment(),
                    "DATABASE_URL": await server.create_database(),
                    "HF_PROVIDER": "hf-inference",
                    "HF_CONCURRENCY": str(MANY),
                    "HF_REQUESTS_PER_HOUR": "1000000",
                    "WORKER_CONCURRENCY": str(MANY),
                    **crowd.SETTINGS,
                }
                async with products.running(Path(folder), **settings) as product:
                    return await Bench(product, emulator, server).run()
    finally:
        emulator.close()


class Bench:
    """The rounds on one running product."""

    def __init__(self, product: products.Product, emulator: Emulator, server: postgres.TestServer) -> None:
        self._product, self._emulator, self._server = product, emulator, server

    async def run(self) -> list[Measurement]:
        """Every round, after some pictures that count nothing."""
        await self._ask(Round(words="", at_once=2, each=5))
        spread = [await self._overhead(each) for each in ROUNDS]
        return [*spread, await self._together(), await self._throughput()]

    async def _overhead(self, round_: Round) -> Measurement:
        took, cpu, _ = await self._ask(round_)
        quantiles = statistics.quantiles(took, n=100, method="inclusive")
        return Measurement(
            f"overhead per generation, {round_.words}",
            f"median {quantiles[49]:.0f} ms, p99 {quantiles[98]:.0f} ms",
            round_.goal,
            None if round_.limit is None else quantiles[round_.quantile - 1] <= round_.limit,
            f"{len(took)} pictures of {SIDE} × {SIDE}; CPU each: {cpu}",
        )

    async def _together(self) -> Measurement:
        """From the moment of all answers to each `done`."""
        outcome = Together(MANY)
        askers = [await _Asker.open(self._product, 1) for _ in range(MANY)]
        ended = await asyncio.gather(*(asker.ends_with(self._emulator, outcome) for asker in askers))
        took = sorted((moment - outcome.released) * 1000 for moment in ended)
        return Measurement(
            f"{MANY} that end in the same moment: until they are shown",
            f"median {took[MANY // 2]:.0f} ms, last {took[-1]:.0f} ms",
            "–",
            None,
            "every one of them verified, encoded and stored",
        )

    async def _throughput(self) -> Measurement:
        took, cpu, seconds = await self._ask(Round(words="", at_once=MANY, each=3))
        return Measurement(
            f"pictures a second, {MANY} askers, a provider that answers at once",
            f"{len(took) / seconds:.0f}/s",
            "–",
            None,
            f"median {statistics.median(took):.0f} ms each; CPU each: {cpu}",
        )

    async def _ask(self, round_: Round) -> tuple[list[float], str, float]:
        """Milliseconds beyond the provider's time, the CPU of each picture in words, and the seconds of it all."""
        askers = [await _Asker.open(self._product, round_.each) for _ in range(round_.at_once)]
        used, began = self._cpu_seconds(), time.monotonic()
        asked = await asyncio.gather(*(asker.asks(self._emulator, round_.seconds) for asker in askers))
        seconds = time.monotonic() - began
        took = [milliseconds for one in asked for milliseconds in one]
        parts = [1000 * (after - before) / len(took) for before, after in zip(used, self._cpu_seconds(), strict=True)]
        cpu = "{:.0f} ms here, {:.0f} ms in the image processor, {:.0f} ms in Postgres".format(*parts)
        return took, cpu, seconds

    def _cpu_seconds(self) -> tuple[float, float, float]:
        """Of the product's own process, of its children, and of Postgres, so far."""
        process = psutil.Process(self._product.process.pid)
        folder = self._server.postgres.folder
        postmaster = psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
        return (
            sum(process.cpu_times()[:2]),
            _of_children(process),
            sum(postmaster.cpu_times()[:4]) + _of_children(postmaster),
        )


def _of_children(process: psutil.Process) -> float:
    return float(sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True)))


class _Asker:
    """Somebody who asks for pictures, one after the other: a new person wherever a plan's hour is used up."""

    def __init__(self, chats: list[tuple[SessionSocket, int]]) -> None:
        self._chats = chats

    @classmethod
    async def open(cls, product: products.Product, count: int) -> "_Asker":
        shares = [min(COMMANDS, count - start) for start in range(0, count, COMMANDS)]
        people = await crowd.gather(product, len(shares))
        chats = [await person.joins(await person.buys("pro")) for person in people]
        return cls(list(zip(chats, shares, strict=True)))

    async def asks(self, emulator: Emulator, seconds: Callable[[], float]) -> list[float]:
        """Milliseconds of each beyond the provider's. The first press comes as soon as the provider would answer."""
        took = []
        await asyncio.sleep(seconds())
        for chat, count in self._chats:
            for _ in range(count):
                theirs = seconds()
                began = time.perf_counter()
                ended = await _picture(chat, emulator, Ok(theirs))
                took.append((ended - began - theirs) * 1000)
            await chat.leaves()
        return took

    async def ends_with(self, emulator: Emulator, outcome: Outcome) -> float:
        """The moment in which one picture was shown."""
        [(chat, _)] = self._chats
        ended = await _picture(chat, emulator, outcome)
        await chat.leaves()
        return ended


async def _picture(chat: SessionSocket, emulator: Emulator, outcome: Outcome) -> float:
    """Asks for one picture that gets this outcome; the moment in which its end was heard."""
    prompt = f"a cat, number {next(_numbers)}"
    emulator.wish(prompt, outcome)
    message = await chat.sees_ended(await chat.generates(prompt, width=SIDE, height=SIDE))
    moment = time.perf_counter()
    assert message["generations"][0]["status"] == "done", message
    return moment
