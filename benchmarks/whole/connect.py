"""A tab that connects, and one that comes back (`after` given): sign-in, rights, snapshot, drawn, one after the other.

The floor is a bare handshake with the `websockets` library, measured in turn with it.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from benchmarks import load
from benchmarks.report import Measurement
from benchmarks.whole import statement_count
from benchmarks.whole.installation import Installation
from benchmarks.whole.tabs import Opened, Tab, address_of
from tests.support.product import Product
from tests.support.story import ApiUser

PEOPLE, ROUNDS, TABS, MESSAGES, COUNTED = 10, 5, 60, 6, 12
GOAL = 1.5
CROWD = {"SOCKETS_PER_USER": "100000", "SOCKETS_PER_ADDRESS": "100000", "CONNECTIONS_PER_ADDRESS": "100000"}


async def measure(installation: Installation) -> list[Measurement]:
    """Each kind of opening, and what one says to Postgres."""
    people = [await installation.person(f"Ada {number}") for number in range(PEOPLE)]
    session_id = await installation.session(people[0], *people[1:])
    newest, last = await talk(people[0], session_id, MESSAGES)
    kinds = {
        "a tab that comes back, nothing missed": (newest, b'"presence"'),
        "a tab that comes back, two messages missed": (newest - 2, last.encode()),
        "a tab that connects": (None, last.encode()),
    }
    rows = []
    async with installation.web("crowd", **CROWD) as web:
        with load.running("library") as servers:
            for name, (after, served_by) in kinds.items():
                tabs = [Tab(session_id, people[n % PEOPLE].token, after, served_by) for n in range(TABS)]
                rows += await _openings(installation, web, servers["library"], name, tabs)
    async with installation.counted() as (web, count):
        for name, (after, served_by) in kinds.items():
            tab = Tab(session_id, people[0].token, after, served_by)
            rows.append(await _statements(name, partial(_open, web, [tab]), count))
    return rows


async def talk(person: ApiUser, session_id: str, count: int) -> tuple[int, str]:
    """Says some things in a session; the newest seq, and the id of the last message."""
    socket = await person.joins({"id": session_id}, subprotocol="chat.v1.html")
    for number in range(count):
        message = await socket.says(f"the {number}th of some *words*")
    await socket.leaves()
    return message["seq"], message["id"]


async def _openings(
    installation: Installation, web: Product, bare: load.Server, name: str, tabs: list[Tab]
) -> list[Measurement]:
    await _open(web, tabs[:20])  # plans are made, templates are loaded
    used, floor = [], []
    for _ in range(ROUNDS):
        floor.append(await asyncio.to_thread(_handshakes, bare))
        before = installation.cpu(web)
        used.append(await _open(web, tabs, partial(installation.cpu, web)) - before)
    own, postgres = (
        statistics.median(getattr(each, which) for each in used) / TABS * 1e3 for which in ("web", "postgres")
    )
    handshake = statistics.median(floor) * 1e3
    beside = f"bare handshake {handshake:.2f} ms ({own / handshake:.2f} × it)"
    return [
        Measurement(f"{name}, web process", f"{own:.2f} ms CPU", f"≤ {GOAL} ms", own <= GOAL, beside),
        Measurement(f"{name}, Postgres", f"{postgres:.2f} ms CPU", "–", None),
    ]


async def _open(web: Product, tabs: list[Tab], look: Callable[[], Any] = lambda: None) -> Any:
    """Opens tabs one after the other, looks, and closes them; what was seen."""
    opened = Opened()
    found = await asyncio.to_thread(opened.open, address_of(web.url), tabs, 1)
    seen = look()
    assert not found.refused
    opened.close()
    await asyncio.sleep(0.3)  # closing is done before the next are opened
    return seen


def _handshakes(bare: load.Server) -> float:
    before = bare.cpu_seconds()
    sockets = [bare.connect(1, number) for number in range(TABS)]
    used = bare.cpu_seconds() - before
    for sock in sockets:
        sock.close()
    return used / TABS


async def _statements(name: str, opening: Callable[[], Awaitable[Any]], count: statement_count.Count) -> Measurement:
    await opening()
    seen = []
    for _ in range(COUNTED):
        statements, round_trips = count.statements, count.round_trips
        await opening()
        seen.append((count.statements - statements, count.round_trips - round_trips))
    # The least: once a second the process reads what has changed elsewhere, and the pause after closing is a third of one.
    statements, round_trips = min(seen)
    return Measurement(
        f"{name}: round trips to Postgres", f"{round_trips}", "≤ 2", round_trips <= 2, f"with {statements} statements"
    )
