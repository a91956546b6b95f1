"""Accepted generations over HTTP on one web process: credits held, message, row and event in one commit, and the answer.

What asks is a few lines over asyncio's streams: an HTTP client takes half as much of the two cores as the web process does.
"""

import asyncio
import contextlib
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Sequence

from benchmarks.report import Measurement
from benchmarks.whole import floor
from benchmarks.whole.installation import Installation
from chatserver import credits, ids
from tests.support.people import run_sql
from tests.support.product import Product
from tests.support.story import ApiUser

PEOPLE, CREDITS, AT_ONCE, COUNTED = 50, 15, 16, 12
GOAL = 500
Place = tuple[ApiUser, str]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def measure(installation: Installation) -> list[Measurement]:
    """The rate with sixteen at once, the CPU of one, and what one says to Postgres. Afterwards the books are read."""
    places = [await _place(installation) for _ in range(PEOPLE)]
    bare = [await floor.transactions(installation, 200) for _ in range(3)]
    await _spend(installation.product, [await _place(installation)], 1)  # plans are made
    before, started = installation.cpu(), time.monotonic()
    await _spend(installation.product, places, AT_ONCE)
    seconds, used = time.monotonic() - started, installation.cpu() - before
    count = PEOPLE * CREDITS
    rate = count / seconds
    statement = "SELECT count(*) FROM credit_entries WHERE action = 'hold' AND session_id = ANY($1::uuid[])"
    [held] = await run_sql(installation.database, statement, [session_id for _, session_id in places])
    agree = held[0] == count and not await installation.database.run_system(credits.check)
    books = f"{held[0]} holds for {count} credits, books {'agree' if agree else 'WRONG'}"
    web, postgres = (statistics.median(values) * 1e3 for values in zip(*bare, strict=True))
    return [
        Measurement("accepted generations a second", f"{rate:.0f}/s", f"≥ {GOAL}/s", agree and rate >= GOAL, books),
        _row("web process", used.web / count * 1e3, web),
        _row("Postgres", used.postgres / count * 1e3, postgres),
        await _statements(installation),
    ]


def _row(process: str, used: float, bare: float) -> Measurement:
    beside = f"bare transaction of four statements {bare:.2f} ms ({used / bare:.2f} × it)"
    return Measurement(f"an accepted generation, {process}", f"{used:.2f} ms CPU", "–", None, beside)


async def _place(installation: Installation) -> Place:
    person = await installation.person()
    return person, await installation.session(person)


async def _spend(web: Product, places: Sequence[Place], at_once: int) -> None:
    """All credits of these sessions, a session after the other."""
    work = itertools.chain.from_iterable(itertools.repeat(places, CREDITS))

    async def spend() -> None:
        async with _connected(web) as connection:
            for place in work:
                await _accept(connection, place)

    await asyncio.gather(*(spend() for _ in range(at_once)))


@contextlib.asynccontextmanager
async def _connected(web: Product) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    yield reader, writer
    writer.close()
    await writer.wait_closed()


async def _accept(connection: Connection, place: Place) -> None:
    reader, writer = connection
    person, session_id = place
    body = json.dumps({"client_id": ids.new(), "kind": "image", "prompt": "a red boat", "width": 64, "height": 64})
    lines = [
        f"POST /api/v1/sessions/{session_id}/generations HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {person.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    writer.write("\r\n".join([*lines, "", body]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    answer = await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    assert head.startswith("http/1.1 202"), answer


async def _statements(installation: Installation) -> Measurement:
    place = await _place(installation)
    seen = []
    async with installation.counted() as (web, count), _connected(web) as connection:
        for _ in range(COUNTED):
            statements, round_trips = count.statements, count.round_trips
            await _accept(connection, place)
            seen.append((count.statements - statements, count.round_trips - round_trips))
    statements, round_trips = (round(statistics.median(values)) for values in zip(*seen, strict=True))
    return Measurement(
        "an accepted generation: round trips to Postgres", f"{round_trips}", "–", None, f"with {statements} statements"
    )
