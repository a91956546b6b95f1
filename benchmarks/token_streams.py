"""A hundred answers of the assistant at once, fifty tokens a second each, on one process: how late do the words arrive?

The emulated model writes into each token when it was to be sent; a reader on the session's socket compares that with the
moment at which the token's characters arrive. Lateness is what the product adds: reading the stream, merging to thirty
deltas a second (which alone may hold a token for 33 ms), and delivering.
"""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from aiohttp import web

from benchmarks import crowd
from benchmarks.report import Measurement
from tests.support import postgres
from tests.support import product as products
from tests.support.story import Room

STREAMS, TOKENS_A_SECOND, SECONDS = 100, 50, 8
GOAL_MS = 100.0
# Left out at the beginning: all the streams start at the same moment, which nobody's people do.
WARM_SECONDS = 1.0


def run() -> list[Measurement]:
    """One product, one model, a hundred sessions."""
    return asyncio.run(_measure())


async def _measure() -> list[Measurement]:
    model = await _start_model()
    port = model.addresses[0][1]
    try:
        async with postgres.running_server() as server:
            url = await server.create_database()
            with tempfile.TemporaryDirectory() as folder:
                model_url = f"http://127.0.0.1:{port}/v1"
                settings = {"DATABASE_URL": url, "CHAT_BASE_URL": model_url, "CHAT_MODEL": "clock", **crowd.SETTINGS}
                async with products.running(Path(folder), **settings) as product:
                    return [await _streams(product)]
    finally:
        await model.cleanup()


async def _streams(product: products.Product) -> Measurement:
    rooms = await _open_rooms(product)
    process = psutil.Process(product.process.pid)
    before = sum(process.cpu_times()[:2])
    late = await asyncio.gather(*(_lateness(room) for room in rooms))
    used = sum(process.cpu_times()[:2]) - before
    for room in rooms:
        await room.leaves()
    every = [milliseconds for one in late for milliseconds in one]
    quantiles = statistics.quantiles(every, n=100, method="inclusive")
    return Measurement(
        f"{STREAMS} streams of {TOKENS_A_SECOND} tokens/s on one process: lateness",
        f"median {quantiles[49]:.0f} ms, p99 {quantiles[98]:.0f} ms",
        f"p99 ≤ {GOAL_MS:.0f} ms",
        quantiles[98] <= GOAL_MS,
        f"{len(every)} tokens; {used / SECONDS * 100:.0f} % of a core",
    )


async def _open_rooms(product: products.Product) -> list[Room]:
    return [await person.joins(await person.buys()) for person in await crowd.gather(product, STREAMS)]


async def _lateness(room: Room) -> list[float]:
    """Milliseconds of each token of one answer, by the clock that the model wrote into it."""
    arrived: list[tuple[float, str]] = []
    take = room._take

    async def note(events: list[dict]) -> None:
        now = time.time()
        arrived.extend((now, event["text"]) for event in events if event["type"] == "delta")
        await take(events)

    room._take = note
    said = await room.says("tell me the time")
    await room.sees(lambda each: each.get("reply_to") == said["id"] and each["status"] == "done", patience=90)
    return list(_late_tokens(arrived))


def _late_tokens(arrived: list[tuple[float, str]]) -> list[float]:
    late, rest, first = [], "", None
    for moment, text in arrived:
        *tokens, rest = (rest + text).split(" ")
        for token in tokens:
            sent = int(token) / 1000
            first = first or sent
            if sent - first > WARM_SECONDS:
                late.append((moment - sent) * 1000)
    return late


async def _start_model() -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def _complete(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    began = time.monotonic()
    for number in range(TOKENS_A_SECOND * SECONDS):
        await asyncio.sleep(max(began + number / TOKENS_A_SECOND - time.monotonic(), 0))
        await response.write(_event({"content": f"{time.time() * 1000:.0f} "}))
    await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
    return response


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    return (
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"
    )
