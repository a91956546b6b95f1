"""One durable message over the websocket, as browsers get it (`chat.v1.html`): no listeners but its sender.

The floor is a bare asyncpg transaction with four statements, measured in turn with it.
"""

import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.report import Measurement
from benchmarks.whole import floor
from benchmarks.whole.house import House
from tests.support.product import Product
from tests.support.story import SessionSocket

SENDERS, ROUNDS, MESSAGES, COUNTED = 4, 5, 50, 20
GOAL = 2.0
# Plain words and Markdown: the second is drawn by the child process.
TEXTS = {
    "plain": "the same words as in the other scenario",
    "Markdown": "the same **words** as in the `other` scenario",
}


async def measure(house: House) -> list[Measurement]:
    """Messages in plain words, messages in Markdown, and what one says to Postgres."""
    rows = []
    async with _sockets(house, house.product, SENDERS) as sockets:
        for name, text in TEXTS.items():
            rows += await _messages(house, sockets, name, text)
    return [*rows, await _statements(house)]


async def _messages(house: House, sockets: Sequence[SessionSocket], name: str, text: str) -> list[Measurement]:
    bare, used = [], []
    await _say(sockets, text, 10)  # plans are made, templates are loaded
    for _ in range(ROUNDS):
        bare.append(await floor.transactions(house, SENDERS * MESSAGES))
        before = house.cpu()
        await _say(sockets, text, MESSAGES)
        used.append(house.cpu() - before)
    count = SENDERS * MESSAGES
    return [
        _judge(f"a message ({name}), web process", [each.web / count for each in used], [each[0] for each in bare]),
        _judge(f"a message ({name}), Postgres", [each.postgres / count for each in used], [each[1] for each in bare]),
        Measurement(
            f"a message ({name}), child process",
            f"{statistics.median(each.children for each in used) / count * 1e3:.2f} ms CPU",
            "–",
            None,
        ),
    ]


def _judge(scenario: str, used: list[float], bare: list[float]) -> Measurement:
    own, floor_ = statistics.median(used) * 1e3, statistics.median(bare) * 1e3
    ratio = own / floor_
    beside = f"bare transaction of four statements {floor_:.2f} ms ({ratio:.2f} × it)"
    return Measurement(scenario, f"{own:.2f} ms CPU", f"≤ {GOAL} × floor", ratio <= GOAL, beside)


async def _say(sockets: Sequence[SessionSocket], text: str, count: int) -> None:
    for _ in range(count):
        for socket in sockets:
            await socket.says(text)


async def _statements(house: House) -> Measurement:
    async with house.counted() as (web, count), _sockets(house, web, 1) as sockets:
        await _say(sockets, TEXTS["plain"], 10)
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
async def _sockets(house: House, web: Product, count: int) -> AsyncIterator[list[SessionSocket]]:
    """Owners in sessions of their own, each with a guest who is away: the assistant does not answer."""
    sockets = []
    for _ in range(count):
        owner = await house.person()
        session_id = await house.session(owner, await house.person("Grace"))
        sockets.append(await owner.joins({"id": session_id}, subprotocol="chat.v1.html", product=web))
    try:
        yield sockets
    finally:
        for socket in sockets:
            await socket.leaves()
