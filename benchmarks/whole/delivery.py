"""A drawn message to a thousand tabs of one session: CPU of the web process for each delivery.

The floor is the C server that makes one send() for each, of as many bytes, in turn with it. The CPU of the message itself
(its command, its statement, its drawing) is part of a delivery, a thousandth of it.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence

from benchmarks import load
from benchmarks.report import Measurement
from benchmarks.whole import cpu
from benchmarks.whole.connect import CROWD, talk
from benchmarks.whole.installation import Installation
from benchmarks.whole.tabs import Opened, Tab, address_of
from tests.support.product import Product
from tests.support.story import ApiUser, SessionSocket

TABS, PEOPLE, ROUNDS, MESSAGES = 1000, 10, 6, 10
IDLE_SECONDS = 5.0
TEXT = "the same words as in the other scenario"
GOAL = 1.5


async def measure(installation: Installation) -> list[Measurement]:
    """Messages to a thousand tabs and frames of their size from the floor, in turn."""
    people = [await installation.person(f"Ada {number}") for number in range(PEOPLE)]
    session_id = await installation.session(people[0], *people[1:])
    newest, _ = await talk(people[0], session_id, 3)
    async with installation.web("delivery", **CROWD) as web:
        opened, speakers = await _fill(web, session_id, people, newest)
        said = itertools.cycle(speakers)
        size = await _say(said, opened, MESSAGES) // (MESSAGES * TABS)
        idle = await _idle(web)
        with load.running("floor", payload=size) as servers:
            floor = servers.get("floor")
            if floor is not None:
                floor.fill_room(0, TABS)
                floor.settle()
            own, bare = [], []
            for _ in range(ROUNDS):
                own.append(await _delivery(web, said, opened, idle))
                bare += [await asyncio.to_thread(_send, floor)] if floor is not None else []
        opened.close()
        for socket in speakers:
            await socket.leaves()
    return [_row(statistics.median(own), statistics.median(bare) if bare else None, size)]


def _row(own: float, bare: float | None, size: int) -> Measurement:
    name = "a delivery of a drawn message to 1,000 tabs"
    if bare is None:
        return Measurement(name, f"{own:.1f} µs, no floor", f"≤ {GOAL} × floor", None)
    ratio = own / bare
    beside = f"floor {bare:.1f} µs ({ratio:.2f} × it), {size:,} bytes each"
    return Measurement(name, f"{own:.1f} µs CPU", f"≤ {GOAL} × floor", ratio <= GOAL, beside)


async def _fill(
    web: Product, session_id: str, people: Sequence[ApiUser], newest: int
) -> tuple[Opened, list[SessionSocket]]:
    speakers = [await each.joins({"id": session_id}, after=newest, product=web) for each in people]
    opened = Opened()
    tabs = [Tab(session_id, people[n % PEOPLE].token, newest, b'"presence"') for n in range(TABS)]
    found = await asyncio.to_thread(opened.open, address_of(web.url), tabs, 50)
    assert not found.refused
    # Presence is told of so large a crowd once in five seconds.
    await asyncio.to_thread(opened.drain, 8.0)
    return opened, speakers


async def _say(said: "itertools.cycle[SessionSocket]", opened: Opened, count: int) -> int:
    """Says something so many times, each time until all tabs have it; the bytes that all of them got."""
    received = 0
    for _ in range(count):
        message = await next(said).says(TEXT)
        received += await asyncio.to_thread(opened.receive, message["id"].encode())
    return received


async def _delivery(web: Product, said: "itertools.cycle[SessionSocket]", opened: Opened, idle: float) -> float:
    """Microseconds of the web process for a delivery; `idle` is what it takes in a second without any."""
    used, began = cpu.of_process(web.process.pid), time.monotonic()
    await _say(said, opened, MESSAGES)
    used, seconds = cpu.of_process(web.process.pid) - used, time.monotonic() - began
    return (used - idle * seconds) / (MESSAGES * TABS) * 1e6


async def _idle(web: Product) -> float:
    used = cpu.of_process(web.process.pid)
    await asyncio.sleep(IDLE_SECONDS)
    return (cpu.of_process(web.process.pid) - used) / IDLE_SECONDS


def _send(floor: load.Server) -> float:
    used = floor.cpu_seconds()
    for _ in range(MESSAGES):
        floor.trigger(0)
        floor.receive(TABS)
    return (floor.cpu_seconds() - used) / (MESSAGES * TABS) * 1e6
