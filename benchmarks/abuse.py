"""The cost of abusive clients: the server's memory and file descriptors, and the latency of another user.

Each kind of abuse is a coroutine over one running product; the other user requests a page and sends messages before it and
during it.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.growth import Unheard
from benchmarks.report import Measurement
from chatserver.database import Database, load_queries
from chatserver.runtime import paths
from tests.messages.histories import long_session
from tests.support import postgres
from tests.support import product as products
from tests.support.people import add_member
from tests.support.story import ApiUser, Refusal, sign_up

# The bystander's waits may double, and what is in the noise of a few milliseconds is not told from that.
MOST_TIMES, NOISE_MS = 2.0, 15.0
MOST_MEGABYTES = 150
# As many connections as one address may have, and some for what the server does itself.
MOST_DESCRIPTORS = 600
QUIET_SECONDS = 4.0
# Messages of a long session, and what each draws to.
LONG, LONG_BYTES = 300, 80_000
# A command's window: who used it up has to wait for so long.
WINDOW_SECONDS = 10.5
AMPLIFIED = (
    "[a]: https://example.org/" + "y" * 2000 + "\n\n" + "[a] " * 1450,
    "|a" * 20 + "|\n" + "|-" * 20 + "|\n" + ("|" * 20 + "\n") * 370,
)
BOMB = '```ansys\n"' + "\\" * 100 + "\n```"


@dataclass(frozen=True)
class Scene:
    """The running product and its database, where rows are put that would take long to write."""

    product: products.Product
    database: Database


# What one kind does; it tells what else is to be judged.
Abuse = Callable[[Scene], Awaitable[Sequence[Measurement]]]


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
        database = Database(url, load_queries(paths.SQL / "queries"), Unheard(), pool=2)
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
        others = await abuse(scene)
    more, files = during.megabytes - before.megabytes, during.descriptors - before.descriptors
    calm = during.median <= max(MOST_TIMES * before.median, before.median + NOISE_MS)
    return [
        Measurement(
            f"{name}: others wait", f"{during.median:.0f} ms", "≤ 2 × without", calm, f"{before.median:.0f} ms"
        ),
        Measurement(f"{name}: memory", f"+{more:.0f} MB", f"≤ {MOST_MEGABYTES} MB", more <= MOST_MEGABYTES),
        Measurement(f"{name}: descriptors", f"+{files}", f"≤ {MOST_DESCRIPTORS}", files <= MOST_DESCRIPTORS),
        *others,
    ]


@contextlib.asynccontextmanager
async def _bystander(product: products.Product) -> AsyncIterator[Costs]:
    """Somebody who has nothing to do with it, watching the server for the length of the block."""
    costs, process = Costs(), psutil.Process(product.process.pid)
    ben = await sign_up(product, "Ben")
    chat = await ben.joins(await ben.buys())

    async def look() -> None:
        for number in range(10_000):
            began = time.perf_counter()
            await ben.call("GET", "/sessions")
            if number % 10 == 0:
                await chat.says(f"# {number}")
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
        await chat.leaves()


# Kinds ------------------------------------------------------------------------------------------------------------


async def _hostile_messages(scene: Scene) -> Sequence[Measurement]:
    """Twenty texts whose highlighting does not end, as fast as one user may send them."""
    eve = await sign_up(scene.product, "Eve")
    chat = await eve.joins(await eve.buys())
    for number in range(18):
        await chat.says(f"{BOMB}\n{number}")
    await chat.leaves()
    return ()


async def _openings(scene: Scene) -> Sequence[Measurement]:
    """As many sockets as one address may have beside the other user's, each of which requests everything at once."""
    readers = [await sign_up(scene.product, f"Reader{number}") for number in range(9)]
    session = await long_session(scene.database, readers[0].id, count=LONG)
    for reader in readers[1:]:
        await add_member(scene.database, session, reader.id)
    await asyncio.gather(*(_reads(reader, session) for reader in readers for _ in range(5)))
    return ()


async def _reads(person: ApiUser, session: str) -> None:
    """Receives an initial sync without parsing it, which would be work of this process."""
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


async def _amplified(scene: Scene) -> Sequence[Measurement]:
    """Ten people say what draws to far more than it is, as fast as they may; then everybody opens the session."""
    people = [await sign_up(scene.product, f"Writer{number}") for number in range(10)]
    session = await people[0].buys("pro")
    code = await people[0].invites(session)
    for person in people[1:]:
        await person.accepts(code)
    texts = [AMPLIFIED[number % len(AMPLIFIED)] for number in range(18)]
    await asyncio.gather(*(_says_all(person, session, texts) for person in people))
    sizes = await asyncio.gather(*(person.fetch(f"/api/v1/sessions/{session['id']}/messages") for person in people))
    most = max(len(body) for _, _, body in sizes)
    return [Measurement("a page of what was amplified", f"{most / 1e6:.1f} MB", "≤ 2 MB", most <= 2e6)]


async def _says_all(person: ApiUser, session: dict[str, Any], texts: Sequence[str], pause: float = 0) -> int:
    """Says these over HTTP; how many were taken."""
    taken = 0
    for text in texts:
        with contextlib.suppress(Refusal):
            body = {"client_id": str(uuid.uuid4()), "text": text}
            await person.call("POST", f"/sessions/{session['id']}/messages", body)
            taken += 1
        await asyncio.sleep(pause)
    return taken


async def _trailers(scene: Scene) -> Sequence[Measurement]:
    taken = await _by_strangers(scene, "trailers")
    return [Measurement("trailers taken of 300 MB", f"{taken / 1e6:.0f} MB", "≤ 16 MB", taken <= 16e6)]


async def _unread(scene: Scene) -> Sequence[Measurement]:
    await _by_strangers(scene, "unread")
    return ()


async def _connections(scene: Scene) -> Sequence[Measurement]:
    await _by_strangers(scene, "connections")
    return ()


async def _by_strangers(scene: Scene, kind: str) -> int:
    """In a process of their own: the bystander's waits must not be for this one."""
    command = (sys.executable, "-m", "benchmarks.strangers", kind, scene.product.url.rpartition(":")[2])
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return int(output)


async def _message_flood(scene: Scene) -> Sequence[Measurement]:
    """A guest has 600 messages for the assistant, over HTTP, sixty a second for ten seconds."""
    owner, guest = await sign_up(scene.product, "Owner"), await sign_up(scene.product, "Guest")
    session = await owner.buys()
    await guest.accepts(await owner.invites(session))
    texts = [f"@assistant what is {number}?" for number in range(30)]
    taken = sum(await asyncio.gather(*(_says_all(guest, session, texts, 1 / 3) for _ in range(20))))
    return [Measurement("messages taken of 600 by one guest", f"{taken}", "≤ 60", taken <= 60)]


async def _greed(scene: Scene) -> Sequence[Measurement]:
    """One member tries to buy 300 sessions and to queue 240 pictures; then somebody else makes their first one."""
    usual = await _first_picture(await sign_up(scene.product, "Usual"))
    greedy = await sign_up(scene.product, "Greedy")
    bought = [each for each in await asyncio.gather(*(_tries(greedy.buys("pro")) for _ in range(300))) if each]
    await asyncio.sleep(WINDOW_SECONDS)
    wanted = [_tries(_four_pictures(greedy, bought[number % len(bought)])) for number in range(60)]
    queued = 4 * sum(each is not None for each in await asyncio.gather(*wanted))
    other = await _first_picture(await sign_up(scene.product, "Other"))
    return [
        Measurement("sessions bought of 300 by one member", f"{len(bought)}", "≤ 10", len(bought) <= 10),
        Measurement("pictures queued of 240 by one member", f"{queued}", "≤ 60", queued <= 60),
        Measurement(
            "another's first picture", f"{other:.1f} s", "≤ 2 × without", other <= 2 * usual + 0.5, f"{usual:.1f} s"
        ),
    ]


async def _tries(work: Awaitable[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return await work
    except Refusal:
        return None


async def _four_pictures(person: ApiUser, session: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"client_id": str(uuid.uuid4()), "kind": "image", "prompt": "a crowd", "count": 4}
    # As large as the other's, so that turns are compared and not sizes.
    body |= {"width": 256, "height": 256}
    answer: dict[str, Any] = await person.call("POST", f"/sessions/{session['id']}/generations", body)
    return answer


async def _first_picture(person: ApiUser) -> float:
    """Seconds from asking for it until it is there."""
    chat = await person.joins(await person.buys())
    began = time.monotonic()
    await chat.sees_ended(await chat.generates("a lighthouse in a storm"), patience=120)
    await chat.leaves()
    return time.monotonic() - began


KINDS: dict[str, Abuse] = {
    "18 hostile messages by one person": _hostile_messages,
    "180 messages that draw to much": _amplified,
    "45 openings of a session of 26 MB": _openings,
    "300 MB of trailers": _trailers,
    "277 unread answers, 40 asked for on each": _unread,
    "1,000 silent connections": _connections,
    "600 messages over HTTP": _message_flood,
    "300 sessions and 240 pictures": _greed,
}
