"""What somebody who means harm costs the others: the server's memory and descriptors, and a bystander's waits.

Each kind of abuse is a coroutine over one running product; the bystander asks for a page and says something all the while,
before it and during it.
"""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.growth import Unheard
from benchmarks.report import Measurement
from chatserver import resources
from chatserver.database import Database, load_queries
from tests.messages.histories import long_session
from tests.support import postgres
from tests.support import product as products
from tests.support.people import seat
from tests.support.story import Person, sign_up

# The bystander's waits may double, and what is in the noise of a few milliseconds is not told from that.
MOST_TIMES, NOISE_MS = 2.0, 15.0
MOST_MEGABYTES = 150
QUIET_SECONDS = 4.0
# Messages of a long session, and what each draws to.
LONG, LONG_BYTES = 300, 80_000
BOMB = '```ansys\n"' + "\\" * 100 + "\n```"


@dataclass(frozen=True)
class Scene:
    """The running product and its database, where rows are put that would take long to write."""

    product: products.Product
    database: Database


Abuse = Callable[[Scene], Awaitable[None]]


@dataclass
class Costs:
    """What was seen in one stretch of time: a bystander's waits in milliseconds, the most memory and descriptors."""

    waits: list[float] = field(default_factory=list)
    megabytes: float = 0
    descriptors: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.waits)


def run() -> list[Measurement]:
    """One kind after the other, on one server."""
    return asyncio.run(_run())


async def _run() -> list[Measurement]:
    async with postgres.running_server() as server:
        url = await server.create_database()
        database = Database(url, load_queries(resources.SQL / "queries"), Unheard(), pool=2)
        await database.connect()
        try:
            with tempfile.TemporaryDirectory() as folder:
                async with products.running(Path(folder), DATABASE_URL=url) as product:
                    scene = Scene(product, database)
                    return [row for name, abuse in KINDS.items() for row in await _measure(scene, name, abuse)]
        finally:
            await database.close()


async def _measure(scene: Scene, name: str, abuse: Abuse) -> list[Measurement]:
    async with _bystander(scene.product) as before:
        await asyncio.sleep(QUIET_SECONDS)
    async with _bystander(scene.product) as during:
        await abuse(scene)
    more = during.megabytes - before.megabytes
    calm = during.median <= max(MOST_TIMES * before.median, before.median + NOISE_MS)
    return [
        Measurement(
            f"{name}: others wait", f"{during.median:.0f} ms", "≤ 2 × without", calm, f"{before.median:.0f} ms"
        ),
        Measurement(f"{name}: memory", f"+{more:.0f} MB", f"≤ {MOST_MEGABYTES} MB", more <= MOST_MEGABYTES),
        Measurement(f"{name}: descriptors", f"{during.descriptors}", "–", None, f"{before.descriptors} without"),
    ]


@contextlib.asynccontextmanager
async def _bystander(product: products.Product) -> AsyncIterator[Costs]:
    """Somebody who has nothing to do with it, watching the server for the length of the block."""
    costs, process = Costs(), psutil.Process(product.process.pid)
    ben = await sign_up(product, "Ben")
    room = await ben.joins(await ben.buys())

    async def look() -> None:
        for number in range(10_000):
            began = time.perf_counter()
            await ben.call("GET", "/sessions")
            if number % 10 == 0:
                await room.says(f"**{number}**")
            costs.waits.append((time.perf_counter() - began) * 1000)
            costs.megabytes = max(costs.megabytes, process.memory_info().rss / 1e6)
            costs.descriptors = max(costs.descriptors, process.num_fds())
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield costs
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await room.leaves()


# Kinds ------------------------------------------------------------------------------------------------------------


async def _bombs(scene: Scene) -> None:
    """Twenty texts that take for ever to colour, as fast as one person may say them."""
    eve = await sign_up(scene.product, "Eve")
    room = await eve.joins(await eve.buys())
    for number in range(18):
        await room.says(f"{BOMB}\n{number}")
    await room.leaves()


async def _openings(scene: Scene) -> None:
    """So many sockets that ask for everything at once, as many as one address may have beside the bystander's."""
    readers = [await sign_up(scene.product, f"Reader{number}") for number in range(9)]
    session = await long_session(scene.database, readers[0].id, count=LONG)
    for reader in readers[1:]:
        await seat(scene.database, session, reader.id)
    await asyncio.gather(*(_reads(reader, session) for reader in readers for _ in range(5)))


async def _reads(person: Person, session: str) -> None:
    """Takes all of an opening, and looks at none of it: what it means would be this process's work."""
    address = urlsplit(person.product.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    lines = (
        f"GET /ws/sessions/{session}?after=0 HTTP/1.1",
        f"Host: {address.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {person.token}",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    received = 0
    while received < LONG * LONG_BYTES:
        piece = await reader.read(65_536)
        assert piece, "closed in the middle of its opening"
        received += len(piece)
    writer.close()


KINDS: dict[str, Abuse] = {
    "18 bombs by one person": _bombs,
    "45 openings of a session of 26 MB": _openings,
}
