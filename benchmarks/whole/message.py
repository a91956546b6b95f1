"""One durable message over the websocket, as browsers get it (`chat.v1.html`): no listeners but its sender.

The floor is a bare asyncpg transaction with four statements. A message and a transaction take turns, with a pause after
each, as people make pauses: what is asked right after the same finds its caches warm, and costs half. What the process does
without being asked (once a second it looks at what has changed elsewhere) is measured before, and taken off.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.report import Measurement
from benchmarks.whole import cpu, floor
from benchmarks.whole.installation import Installation
from tests.support.product import Product
from tests.support.story import SessionSocket

# As many people as it takes that none of them reaches a limit.
SENDERS, MESSAGES, COUNTED = 40, 7, 10
PAUSE, IDLE_SECONDS = 0.01, 4.0
GOAL = 2.0
# Plain words, Markdown within its lines, and Markdown with a list, which the child process draws.
TEXTS = {
    "plain": "the same words as in the other scenario",
    "Markdown": "the same **words** as in the `other` scenario",
    "a list": "the same **words**\n\n- as in the `other`\n- scenario",
}


async def measure(installation: Installation) -> list[Measurement]:
    """Messages of each kind, and what one says to Postgres."""
    rows = []
    async with _sockets(installation, installation.product, SENDERS) as sockets:
        for name, text in TEXTS.items():
            rows += await _messages(installation, sockets, name, text)
    return [*rows, await _statements(installation)]


async def _messages(
    installation: Installation, sockets: Sequence[SessionSocket], name: str, text: str
) -> list[Measurement]:
    await _say(sockets, text, 2)  # plans are made, templates are loaded
    idle = await _idle(installation)
    count = MESSAGES * len(sockets)
    async with floor.bare_transactions(installation) as bare:
        before, started = installation.cpu(), time.monotonic()
        for _ in range(MESSAGES):
            for socket in sockets:
                await socket.says(text)
                await asyncio.sleep(PAUSE)
                await bare.run()
                await asyncio.sleep(PAUSE)
        used, seconds = installation.cpu() - before, time.monotonic() - started
        postgres = used.postgres - bare.postgres - idle.postgres * seconds
        children = Measurement(
            f"a message ({name}), child process", f"{used.children / count * 1e3:.2f} ms CPU", "–", None
        )
        return [
            _judge(f"a message ({name}), web process", (used.web - idle.web * seconds) / count, bare.own / count),
            _judge(f"a message ({name}), Postgres", postgres / count, bare.postgres / count),
            children,
        ]


async def _idle(installation: Installation) -> cpu.Usage:
    """The CPU seconds of a second in which nobody asks for anything."""
    before, started = installation.cpu(), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    used, seconds = installation.cpu() - before, time.monotonic() - started
    return cpu.Usage(used.web / seconds, used.children / seconds, used.postgres / seconds, used.own / seconds)


def _judge(scenario: str, used: float, bare: float) -> Measurement:
    ratio = used / bare
    beside = f"bare transaction of four statements {bare * 1e3:.2f} ms ({ratio:.2f} × it)"
    return Measurement(scenario, f"{used * 1e3:.2f} ms CPU", f"≤ {GOAL} × floor", ratio <= GOAL, beside)


async def _say(sockets: Sequence[SessionSocket], text: str, count: int) -> None:
    for _ in range(count):
        for socket in sockets:
            await socket.says(text)


async def _statements(installation: Installation) -> Measurement:
    async with installation.counted() as (web, count), _sockets(installation, web, 1) as sockets:
        await _say(sockets, TEXTS["plain"], 7)  # plans are made
        seen = []
        for _ in range(COUNTED):
            statements, round_trips = count.statements, count.round_trips
            await _say(sockets, TEXTS["plain"], 1)
            seen.append((count.statements - statements, count.round_trips - round_trips))
    # The median: once a second the process reads what has changed elsewhere.
    statements, round_trips = (round(statistics.median(values)) for values in zip(*seen, strict=True))
    return Measurement(
        "a message: round trips to Postgres", f"{round_trips}", "–", None, f"with {statements} statements"
    )


@asynccontextmanager
async def _sockets(installation: Installation, web: Product, count: int) -> AsyncIterator[list[SessionSocket]]:
    """Owners in sessions of their own, each with a guest who is away: the assistant does not answer."""
    sockets = []
    for _ in range(count):
        owner = await installation.person()
        session_id = await installation.session(owner, await installation.person("Grace"))
        sockets.append(await owner.joins({"id": session_id}, subprotocol="chat.v1.html", product=web))
    try:
        yield sockets
    finally:
        for socket in sockets:
            await socket.leaves()
